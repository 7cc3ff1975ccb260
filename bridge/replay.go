package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// The headers that mark what was replayed. Whoever meets the first on a topic
// that the platform listens to passes over the message: what was told once must
// not happen again.
const (
	ReplaySessionHeader  = "codesaga-replay-session"
	ReplaySequenceHeader = "codesaga-replay-sequence"
)

const (
	replayRetention = 7 * day
	// eventLife is how old an event may be that is replayed with its own time:
	// Kafka counts the age of a message from that.
	eventLife = 90 * day
	// replayBytes is how much is written in one request: all of it or nothing
	// gets into a partition.
	replayBytes = 1 << 20
)

// replayed reports whether m is a copy that a replay made.
func replayed(m kafka.Message) bool {
	return slices.ContainsFunc(m.Headers, func(h kafka.Header) bool { return h.Key == ReplaySessionHeader })
}

// Replays writes what is replayed to topics of its own. It makes one request at
// a time and never one again: a writer that tries again by itself may write
// twice. Who gets an error looks first at what was Written.
type Replays struct {
	Cluster     Cluster
	Bus         *Publisher // makes the headers, with its codecs
	Replication int        // of topics that are made; 0: the brokers' default

	mu      sync.Mutex
	brokers replayBrokers // one client, which remembers where partitions are; nil: none yet
}

// replayBrokers is what Replays need of a kafka.Client.
type replayBrokers interface {
	Produce(context.Context, *kafka.ProduceRequest) (*kafka.ProduceResponse, error)
	Fetch(context.Context, *kafka.FetchRequest) (*kafka.FetchResponse, error)
}

func (p *Replays) client() replayBrokers {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.brokers == nil {
		p.brokers, _ = p.Cluster.client()
	}
	return p.brokers
}

// forget drops the client, which does not know a topic that was just made.
func (p *Replays) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.brokers = nil
}

// Open makes the topic of r unless it is there, and returns the offset that the
// next message has in each partition.
func (p *Replays) Open(ctx context.Context, r execution.Replay) ([]int64, error) {
	client, done := p.Cluster.client()
	defer done()
	t := Topic{Name: p.Cluster.Prefix + r.Target.Topic, Partitions: r.Target.Partitions, Retention: replayRetention}
	if r.Preserve {
		t.Retention += eventLife
	}
	s := setup{Client: client, prefix: p.Cluster.Prefix, layout: Layout{Replication: p.Replication}}
	found, err := s.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.Name}})
	switch {
	case err != nil:
		return nil, unavailable(err)
	case len(found.Topics) == 0 || errors.Is(found.Topics[0].Error, kafka.UnknownTopicOrPartition):
		err = s.create(ctx, t)
		p.forget()
	case found.Topics[0].Error != nil:
		err = found.Topics[0].Error
	case r.Preserve: // or what is old is removed at once
		err = s.configure(ctx, t)
	}
	if err != nil {
		return nil, unavailable(fmt.Errorf("topic %s: %w", t.Name, err))
	}
	ends, err := p.Cluster.ends(ctx, r.Target.Topic) // a topic that is new may not have a leader yet
	return ends[r.Target.Topic], unavailable(err)
}

// Written returns the IDs of the events that r has written at or behind its
// offsets.
func (p *Replays) Written(ctx context.Context, r execution.Replay) (map[string]bool, error) {
	ends, err := p.Cluster.ends(ctx, r.Target.Topic)
	if err != nil {
		return nil, unavailable(err)
	}
	return p.written(ctx, r, ends[r.Target.Topic])
}

func (p *Replays) written(ctx context.Context, r execution.Replay, ends []int64) (map[string]bool, error) {
	client, ids := p.client(), map[string]bool{}
	for partition, end := range ends {
		at := kafka.FirstOffset
		if partition < len(r.Place.Offsets) && r.Place.Offsets[partition] <= end { // else the topic is another one
			at = r.Place.Offsets[partition]
		}
		for at < end {
			next, err := p.tail(ctx, client, r, partition, at, ids)
			if errors.Is(err, kafka.OffsetOutOfRange) && at >= 0 { // it was too old to be kept
				at = kafka.FirstOffset
				continue
			}
			if err != nil {
				return nil, unavailable(err)
			}
			if next <= at && at >= 0 { // nothing is there, or not yet
				return nil, unavailable(fmt.Errorf("%s/%d: nothing at %d, and the end is %d", r.Target.Topic, partition, at, end))
			}
			if at = next; at < 0 { // the partition is empty
				break
			}
		}
	}
	return ids, nil
}

// tail notes which events of r are in one answer of the brokers, and returns the
// offset behind it: -1 of nothing.
func (p *Replays) tail(ctx context.Context, client replayBrokers, r execution.Replay, partition int, at int64, ids map[string]bool) (int64, error) {
	got, err := client.Fetch(ctx, &kafka.FetchRequest{
		Topic: p.Cluster.Prefix + r.Target.Topic, Partition: partition, Offset: at, MinBytes: 1, MaxBytes: 2 * maxMessage, MaxWait: time.Second,
	})
	if err != nil {
		return 0, err
	}
	if got.Error != nil {
		return 0, got.Error
	}
	next := max(at, -1)
	for {
		record, err := got.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return 0, err
		}
		session, id := "", ""
		for _, h := range record.Headers {
			switch h.Key {
			case ReplaySessionHeader:
				session = string(h.Value)
			case idHeader:
				id = string(h.Value)
			}
		}
		if session == r.ID {
			ids[id] = true
		}
		next = record.Offset + 1
	}
}

// Write writes events, in their order, and moves the offsets of r. It returns
// how many it tried and those that it could not write; unless r skips errors it
// stops at the first that it sees beforehand. After an error any of them may be
// written.
func (p *Replays) Write(ctx context.Context, r execution.Replay, events []execution.Sequenced) (tried int, failed []execution.ReplayFailure, err error) {
	lots := make([][]lotItem, len(r.Place.Offsets))
	for _, e := range events {
		m, err := p.message(ctx, r, e)
		if execution.KindOf(err) == execution.Unavailable { // the registry, not the event
			return 0, nil, err
		}
		tried++
		if err != nil {
			failed = append(failed, failureOf(e, err))
			if !r.Skip {
				break
			}
			continue
		}
		partition := kafka.Murmur2Balancer{}.Balance(m, partitions(len(lots))...)
		lots[partition] = append(lots[partition], lotItem{e, m})
	}
	client := p.client()
	for partition, lot := range lots {
		for len(lot) > 0 {
			n, bytes := 1, size(lot[0].m)
			for n < len(lot) && bytes+size(lot[n].m) <= replayBytes {
				bytes += size(lot[n].m)
				n++
			}
			bad, err := p.produce(ctx, client, r, partition, lot[:n])
			if err != nil {
				return tried, failed, err
			}
			failed, lot = append(failed, bad...), lot[n:]
		}
	}
	return tried, failed, nil
}

// lotItem is an event and how it is written.
type lotItem struct {
	e execution.Sequenced
	m kafka.Message
}

// produce writes a lot to a partition: all of it, or nothing. One that the
// brokers refuse for its size is written one by one.
func (p *Replays) produce(ctx context.Context, client replayBrokers, r execution.Replay, partition int, lot []lotItem) (failed []execution.ReplayFailure, err error) {
	records := make([]kafka.Record, len(lot))
	for i, l := range lot {
		records[i] = kafka.Record{Time: l.m.Time, Key: kafka.NewBytes(l.m.Key), Value: kafka.NewBytes(l.m.Value), Headers: l.m.Headers}
	}
	said, err := client.Produce(ctx, &kafka.ProduceRequest{
		Topic: lot[0].m.Topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...), Compression: kafka.Zstd,
	})
	if err == nil {
		err = said.Error
	}
	switch {
	case err == nil:
		r.Place.Offsets[partition] = said.BaseOffset + int64(len(lot))
		return nil, nil
	case !tooLarge(err):
		return nil, unavailable(err)
	case len(lot) == 1:
		return []execution.ReplayFailure{failureOf(lot[0].e, err)}, nil
	}
	for i := range lot {
		bad, err := p.produce(ctx, client, r, partition, lot[i:i+1])
		if err != nil {
			return failed, err
		}
		failed = append(failed, bad...)
	}
	return failed, nil
}

// message is e as it is replayed: as it was published, and marked.
func (p *Replays) message(ctx context.Context, r execution.Replay, e execution.Sequenced) (m kafka.Message, err error) {
	value, err := p.Bus.Codecs.Events.Encode(e.Event)
	if err != nil {
		return m, err
	}
	m = kafka.Message{
		Topic: p.Cluster.Prefix + r.Target.Topic, Key: []byte(e.ExecutionID), Value: value, Time: time.Now(),
		Headers: append(p.Bus.headers(ctx, envelopeOf(e.Event)),
			kafka.Header{Key: ReplaySessionHeader, Value: []byte(r.ID)},
			kafka.Header{Key: ReplaySequenceHeader, Value: strconv.AppendInt(nil, e.Sequence, 10)}),
	}
	if r.Preserve {
		m.Time = e.RecordedAt
	}
	if size(m) > maxMessage-64<<10 {
		return m, execution.Errorf(execution.TooLarge, "the event has %d bytes", size(m))
	}
	return m, nil
}

// size is about that of m in a batch.
func size(m kafka.Message) int { return len(m.Key) + len(m.Value) + 1<<10 }

func failureOf(e execution.Sequenced, err error) execution.ReplayFailure {
	return execution.ReplayFailure{EventID: e.ID, Sequence: e.Sequence, Reason: short(err, 300), At: time.Now().UTC().Truncate(time.Millisecond)}
}

func partitions(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
