package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

const (
	logBatch = 1000             // events that are handed on at once
	logWait  = 15 * time.Second // for the next message of those that are there
)

// Log is execution_events from its beginning, as far as Kafka has kept it. It
// reads for no group: it moves nobody's offsets.
type Log struct {
	Cluster Cluster
	Codec   *Codec[execution.Event]
}

// Extents returns what there is now of each partition.
func (l Log) Extents(ctx context.Context) ([]execution.Extent, error) {
	ends, err := l.Cluster.ends(ctx, EventsTopic)
	if err != nil {
		return nil, unavailable(err)
	}
	firsts, err := l.Cluster.offsets(ctx, kafka.FirstOffsetOf, EventsTopic) // after the ends, so of no partition less
	if err != nil {
		return nil, unavailable(err)
	}
	var extents []execution.Extent
	for p, end := range ends[EventsTopic] {
		extents = append(extents, execution.Extent{Partition: p, Next: min(firsts[EventsTopic][p], end), End: end})
	}
	return extents, nil
}

// Read hands the events of an extent to do, in order and in parts, with the
// offset behind each part and how many messages in it are no events. What Kafka
// has deleted meanwhile is left out.
func (l Log) Read(ctx context.Context, x execution.Extent, do func(ctx context.Context, events []execution.Recorded, next, unreadable int64) error) error {
	if x.Next >= x.End {
		return nil
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: l.Cluster.Brokers, Topic: l.Cluster.Prefix + EventsTopic, Partition: x.Partition,
		QueueCapacity: logBatch, MinBytes: 1, MaxBytes: 8 << 20, MaxWait: 500 * time.Millisecond,
		ReadBackoffMin: 5 * time.Millisecond, ReadBackoffMax: time.Second, ErrorLogger: l.Cluster.errors("kafka log reader"),
	})
	defer reader.Close()
	if err := reader.SetOffset(x.Next); err != nil {
		return err
	}
	return l.parts(ctx, x, reader.FetchMessage, do)
}

// parts gathers what fetch gives until the end of x.
func (l Log) parts(ctx context.Context, x execution.Extent, fetch func(context.Context) (kafka.Message, error), do func(context.Context, []execution.Recorded, int64, int64) error) error {
	var events []execution.Recorded
	unreadable := int64(0)
	keep := func(_ context.Context, e execution.Recorded) error {
		events = append(events, e)
		return nil
	}
	handle := OnRecorded(l.Codec, keep)
	for next := x.Next; next < x.End; {
		m, err := within(ctx, fetch)
		if err != nil {
			return err
		}
		if m.Offset < x.End {
			switch err := handle(ctx, m); execution.KindOf(err) {
			case "":
			case execution.Invalid: // it is in the dead letters
				unreadable++
			default:
				return err
			}
		}
		next = min(m.Offset+1, x.End)
		if len(events)+int(unreadable) < logBatch && next < x.End {
			continue
		}
		if err := do(ctx, events, next, unreadable); err != nil {
			return err
		}
		events, unreadable = nil, 0
	}
	return nil
}

// within is the next message, which is there; else Kafka is not.
func within(ctx context.Context, fetch func(context.Context) (kafka.Message, error)) (kafka.Message, error) {
	wait, cancel := context.WithTimeout(ctx, logWait)
	defer cancel()
	m, err := fetch(wait)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return m, execution.Errorf(execution.Unavailable, "kafka: no message within %s", logWait)
	}
	return m, err
}
