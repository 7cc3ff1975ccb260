package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// pauses are those between attempts unless a Consumer has its own: three tries.
var pauses = []time.Duration{200 * time.Millisecond, time.Second}

// Consumer handles each message of a topic at least once: in order for one
// key, at the same time for different keys. A message that cannot be handled
// goes to the dead letters and holds up nobody.
type Consumer struct {
	Reader    Reader // of Topic for Group; Run closes it
	Handle    Handler
	Dead      Writer
	Gate      *Gate // holds Group back while it is paused; nil: it never is
	Topic     string
	Group     string
	Unordered bool            // also messages with one key are handled at the same time
	Pauses    []time.Duration // between attempts; there is one attempt more than pauses; empty: 200 ms and 1 s
	Window    int             // messages fetched and not yet handled, at most; 0: 64
	Log       *slog.Logger
	Metrics   *Metrics // may be nil
}

// Run consumes until ctx is done, and then returns nil. It commits only what
// is done, so the next Run starts with what this one left. An outage of Kafka
// it waits out; it returns an error when somebody else closed the reader. A
// Consumer runs once.
func (c *Consumer) Run(ctx context.Context) (err error) {
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var (
		busy   sync.WaitGroup
		lanes  = lanes{unordered: c.Unordered}
		done   = newProgress(c.Reader.CommitMessages, func(partition int, lag int64) { c.Metrics.behind(c, partition, lag) })
		window = make(chan struct{}, cmp.Or(c.Window, 64))
	)
	work := func(m kafka.Message) {
		for ok := true; ok; m, ok = lanes.next(m) {
			if c.settle(running, m) != nil {
				return
			}
			if err := done.with(running, m); err != nil {
				c.lost(running, fail, err)
			}
			<-window
		}
	}
	through, leave := c.Gate.pass(running, c.Group)
	for running.Err() == nil {
		if through.Err() != nil || c.Gate.holds(c.Group) {
			leave()
			through, leave = c.Gate.pass(running, c.Group)
			continue
		}
		m, err := c.fetch(through)
		if err != nil && through.Err() != nil { // paused meanwhile: the message comes later
			continue
		}
		if err != nil {
			fail(err)
			break
		}
		select {
		case <-running.Done():
		case window <- struct{}{}:
			if done.expect(running, m) == nil && lanes.join(m) {
				busy.Go(func() { work(m) })
			}
		}
	}
	leave()
	busy.Wait()
	closed := c.Reader.Close() // sends the last commits and leaves the group
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(context.Cause(running), closed)
}

// fetch returns the next message. It waits for Kafka as long as it takes: a
// process that ended instead would only be started anew, to wait likewise.
func (c *Consumer) fetch(ctx context.Context) (kafka.Message, error) {
	var down outage
	for {
		m, err := c.Reader.FetchMessage(ctx)
		switch {
		case err == nil:
			down.over(c.Log, "kafka is back", "topic", c.Topic, "group", c.Group)
			return m, nil
		case ctx.Err() != nil:
			return m, ctx.Err()
		case closed(err):
			return m, fmt.Errorf("fetch from %s: %w", c.Topic, err)
		}
		down.note(c.Log, "cannot fetch messages", "topic", c.Topic, "group", c.Group, "err", err)
		if err := down.wait(ctx); err != nil {
			return m, err
		}
	}
}

// closed reports whether err comes from a reader that was closed.
func closed(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) }

// lost takes note of a commit that failed. That is no reason to stop: the next
// one says all that this one said, and if the partition is another's after a
// rebalance, that one does a few messages again. Nothing is forgotten of what
// is open: if the partition is still ours, a later commit must not pass it.
func (c *Consumer) lost(ctx context.Context, fail context.CancelCauseFunc, err error) {
	switch {
	case ctx.Err() != nil:
	case closed(err):
		fail(fmt.Errorf("commit to %s: %w", c.Topic, err))
	default:
		c.Log.Warn("commit failed, the next one will do", "topic", c.Topic, "group", c.Group, "err", err)
	}
}

// settle handles m, or buries it. It returns an error only when ctx is done,
// and then m is as good as never fetched.
func (c *Consumer) settle(ctx context.Context, m kafka.Message) error {
	r, again := redriven(m)
	if replayed(m) || again && r.group != c.Group { // somebody has copied it here, where it must not happen again, or for another group
		c.Metrics.count(c, "skipped")
		return nil
	}
	within, end := c.span(ctx, m)
	f, err := c.attempt(within, m)
	end(err)
	if err == nil && again {
		if err := c.receipt(ctx, m, r); err != nil {
			return err
		}
	}
	if err == nil {
		c.Metrics.count(c, "handled")
		c.Metrics.typed(c, m)
		return nil
	}
	if ctx.Err() != nil { // interrupted is not failed
		return ctx.Err()
	}
	c.Log.ErrorContext(within, "cannot handle message", "topic", m.Topic, "group", c.Group, "partition", m.Partition, "offset", m.Offset, "execution", string(m.Key), "err", err)
	if err := c.bury(ctx, m, f); err != nil {
		return err
	}
	c.Metrics.count(c, "dead")
	return nil
}

// failure is what is known of a message that could not be handled.
type failure struct {
	err      error
	attempts int
	first    time.Time
	group    string
}

// attempt retries in place: not committing a message does not bring it back,
// because kafka-go redelivers only to the partition's next owner. While a part
// of the platform is down it waits: burying every message would be worse.
func (c *Consumer) attempt(ctx context.Context, m kafka.Message) (failure, error) {
	between := c.Pauses
	if len(between) == 0 {
		between = pauses
	}
	f := failure{group: c.Group}
	tries := 0 // that count: an outage is nobody's fault
	for waits := 0; ; waits++ {
		f.err = c.handle(ctx, m)
		if f.err == nil || ctx.Err() != nil {
			return f, f.err
		}
		c.Metrics.count(c, "failed")
		f.attempts++
		if f.first.IsZero() {
			f.first = time.Now()
		}
		switch execution.KindOf(f.err) {
		case execution.Invalid, execution.Malformed, execution.TooLarge:
			return f, f.err
		case execution.Unavailable:
		default:
			if tries++; tries > len(between) {
				return f, f.err
			}
		}
		if err := sleep(ctx, between[min(waits, len(between)-1)]); err != nil {
			return f, err
		}
	}
}

// handle makes an error of a panic: one message must not crash-loop us.
func (c *Consumer) handle(ctx context.Context, m kafka.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.Log.ErrorContext(ctx, "handler panicked", "topic", m.Topic, "group", c.Group, "panic", r, "stack", string(debug.Stack()))
			err = execution.Errorf(execution.Invalid, "panic: %v", r)
		}
	}()
	return c.Handle(ctx, m)
}
