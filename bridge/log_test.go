package bridge

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// part is what a reader of the log was given at once.
type part struct {
	offsets    []int64
	next       int64
	unreadable int64
}

// readLog reads an extent of messages with these offsets; those that are
// divisible by 7 are no events.
func readLog(t *testing.T, x execution.Extent, offsets ...int64) (parts []part, err error) {
	l := Log{Codec: codecs(stocked(), "").Events}
	fetch := func(ctx context.Context) (kafka.Message, error) {
		if len(offsets) == 0 {
			<-ctx.Done()
			return kafka.Message{}, ctx.Err()
		}
		m := kafka.Message{Offset: offsets[0], Partition: x.Partition, Time: time.Unix(offsets[0], 0)}
		if offsets = offsets[1:]; m.Offset%7 == 0 {
			m.Value = []byte("nothing")
			return m, nil
		}
		var err error
		m.Value, err = l.Codec.Encode(execution.NewEvent("x1", "ann", "kube", execution.PodCreated, time.Unix(0, 0)))
		return m, err
	}
	err = l.parts(t.Context(), x, fetch, func(_ context.Context, events []execution.Recorded, next, unreadable int64) error {
		p := part{next: next, unreadable: unreadable}
		for _, e := range events {
			if e.Partition != x.Partition || e.RecordedAt.Unix() != e.Offset {
				t.Errorf("%+v", e)
			}
			p.offsets = append(p.offsets, e.Offset)
		}
		parts = append(parts, p)
		return nil
	})
	return parts, err
}

func TestLogIsReadToItsEnd(t *testing.T) {
	var long []int64
	for i := range int64(2500) {
		long = append(long, 1+i)
	}
	parts, err := readLog(t, execution.Extent{Partition: 3, Next: 1, End: 2501}, long...)
	if err != nil || len(parts) != 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	events, bad := 0, int64(0)
	for _, p := range parts {
		events += len(p.offsets)
		bad += p.unreadable
	}
	if events+int(bad) != 2500 || bad != 357 || parts[2].next != 2501 || parts[0].next != 1001 {
		t.Errorf("%d events, %d unreadable", events, bad)
	}
	// A gap, and a first message that is gone: the end is reached all the same.
	parts, err = readLog(t, execution.Extent{Next: 1, End: 10}, 4, 6, 12)
	if err != nil || len(parts) != 1 || len(parts[0].offsets) != 2 || parts[0].next != 10 {
		t.Errorf("%+v, %v", parts, err)
	}
	if parts, err = readLog(t, execution.Extent{Next: 5, End: 5}); err != nil || parts != nil {
		t.Errorf("%+v, %v", parts, err)
	}
}

func TestLogThatDoesNotComeIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := readLog(t, execution.Extent{Next: 1, End: 10}, 1, 2); execution.KindOf(err) != execution.Unavailable || time.Since(start) != logWait {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		l, broken := Log{Codec: codecs(stocked(), "").Events}, errors.New("broken")
		fetch := func(context.Context) (kafka.Message, error) { return kafka.Message{Offset: 7, Value: []byte("x")}, nil }
		err := l.parts(t.Context(), execution.Extent{Next: 7, End: 8}, fetch, func(context.Context, []execution.Recorded, int64, int64) error { return broken })
		if !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}
