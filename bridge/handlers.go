package bridge

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// On adapts a function of values, such as tasks, to a Handler. Events of a type
// that do does not know come to it too, and are its to ignore.
func On[T any](codec *Codec[T], do func(context.Context, T) error) Handler {
	return func(ctx context.Context, m kafka.Message) error {
		v, err := codec.Decode(m.Value)
		if err != nil {
			return err
		}
		return do(ctx, v)
	}
}

// OnRecorded adapts a function of events and their places to a Handler: the
// projector's. All events of an execution are in one partition.
func OnRecorded(codec *Codec[execution.Event], do func(context.Context, execution.Recorded) error) Handler {
	return func(ctx context.Context, m kafka.Message) error {
		e, err := codec.Decode(m.Value)
		if err != nil {
			return err
		}
		return do(ctx, execution.Recorded{Event: e, Partition: m.Partition, Offset: m.Offset, RecordedAt: m.Time.UTC().Truncate(time.Millisecond)})
	}
}

// Facts is the saga bridge: it passes what sagas wait for on to them, and reads
// one topic for that. A saga that is over needs no facts.
func Facts(tell func(context.Context, execution.ID, execution.Report) error) func(context.Context, execution.Event) error {
	return func(ctx context.Context, e execution.Event) error {
		r, ok := e.Report()
		if !ok {
			return nil
		}
		err := tell(ctx, e.ExecutionID, r)
		if execution.KindOf(err) == execution.NotFound {
			return nil
		}
		return err
	}
}
