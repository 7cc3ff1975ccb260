package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// broker is one partition of a topic, and the dead letters.
type broker struct {
	mu        sync.Mutex
	in        []kafka.Message
	committed int64 // the last offset; -1 before
	dead      []kafka.Message
	tries     map[string]int
	closed    bool

	fetching, committing, burying error // what goes wrong, until somebody takes it away
}

// holding returns a broker with one message for each key, whose value is
// "key0" for offset 0 and so on.
func holding(keys ...string) *broker {
	b := &broker{committed: -1, tries: make(map[string]int)}
	for n, key := range keys {
		b.in = append(b.in, kafka.Message{Offset: int64(n), Key: []byte(key), Value: fmt.Append(nil, key, n)})
	}
	return b
}

func (b *broker) FetchMessage(ctx context.Context) (kafka.Message, error) {
	for {
		b.mu.Lock()
		if b.fetching != nil {
			defer b.mu.Unlock()
			return kafka.Message{}, b.fetching
		}
		if len(b.in) > 0 {
			defer b.mu.Unlock()
			m := b.in[0]
			b.in = b.in[1:]
			return m, nil
		}
		b.mu.Unlock()
		if err := sleep(ctx, time.Second); err != nil {
			return kafka.Message{}, err
		}
	}
}

func (b *broker) Close() error {
	b.closed = true
	return nil
}

// after lets f change b when d has passed.
func (b *broker) after(d time.Duration, f func()) {
	time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		f()
	})
}

// buried are the values of the dead letters.
func (b *broker) buried() (values []string) {
	for _, m := range b.dead {
		values = append(values, string(m.Value))
	}
	return values
}

func (b *broker) CommitMessages(_ context.Context, ms ...kafka.Message) error {
	if b.committing != nil {
		return b.committing
	}
	b.committed = ms[len(ms)-1].Offset // the race detector tells if commits overlap
	return nil
}

func (b *broker) WriteMessages(_ context.Context, ms ...kafka.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.burying != nil && ms[0].Value != nil {
		return b.burying
	}
	b.dead = append(b.dead, ms[0])
	return nil
}

func (b *broker) try(value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries[value]++
}

// consume handles what b holds with handle, on a clock that jumps. It returns
// what was handled after d, in order, and goes on until the test ends.
func (b *broker) consume(t *testing.T, handle func(ctx context.Context, value string) error, d time.Duration) (handled []string) {
	t.Helper()
	c := &Consumer{
		Reader: b, Dead: b, Topic: "t", Group: "g", Window: 100, Log: slog.New(slog.DiscardHandler),
		Pauses: []time.Duration{time.Second, 2 * time.Second},
		Handle: func(ctx context.Context, m kafka.Message) error {
			b.try(string(m.Value))
			err := handle(ctx, string(m.Value))
			if err == nil {
				b.mu.Lock()
				defer b.mu.Unlock()
				handled = append(handled, string(m.Value))
			}
			return err
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := c.Run(ctx); err != nil || !b.closed {
		t.Error(err, b.closed)
	}
	return handled
}

func TestConsumerBuriesPoisonAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := holding("a", "a", "b", "a")
		got := b.consume(t, func(_ context.Context, value string) error {
			switch value {
			case "a0":
				panic("poison")
			case "a1":
				return errors.New("never works")
			default:
				return nil
			}
		}, time.Minute)
		if want := []string{"b2", "a3"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
		if want := []string{"a0", "a1"}; !slices.Equal(b.buried(), want) {
			t.Errorf("buried %q, want %q", b.buried(), want)
		}
		if b.tries["a0"] != 1 || b.tries["a1"] != 3 || b.committed != 3 {
			t.Errorf("tries = %v, committed = %d", b.tries, b.committed)
		}
	})
}

func TestSlowKeyHoldsUpOnlyItself(t *testing.T) {
	tests := []struct {
		after     time.Duration
		handled   []string
		committed int64
	}{
		{time.Minute, []string{"fast0", "fast2", "fast4"}, 0}, // 1 is open, so 0 is all that may be committed
		{2 * time.Hour, []string{"fast0", "fast2", "fast4", "slow1", "slow3"}, 4},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			b := holding("fast", "slow", "fast", "slow", "fast")
			got := b.consume(t, func(ctx context.Context, value string) error {
				if value != "slow1" {
					return nil
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Hour):
					return nil
				}
			}, tt.after)
			if !slices.Equal(got, tt.handled) || b.committed != tt.committed {
				t.Errorf("after %s: handled %q, committed %d; want %q, %d", tt.after, got, b.committed, tt.handled, tt.committed)
			}
		})
	}
}

func TestConsumerWaitsForThePlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, start := holding("a"), time.Now()
		got := b.consume(t, func(context.Context, string) error {
			if time.Since(start) < time.Hour {
				return execution.Errorf(execution.Unavailable, "the store is down")
			}
			return nil
		}, 2*time.Hour)
		if len(got) != 1 || len(b.dead) != 0 {
			t.Errorf("handled %q, buried %q", got, b.buried())
		}
	})
}

// Kafka is away for an hour, at the fetch and then at the dead letters, and
// commits fail as they do in a rebalance: nothing is lost, nobody gives up.
func TestConsumerOutlivesKafka(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := holding("a", "b", "a")
		b.fetching, b.committing, b.burying = errors.New("connection refused"), kafka.IllegalGeneration, errors.New("no leader")
		b.after(time.Hour, func() { b.fetching = nil })
		b.after(2*time.Hour, func() { b.burying, b.committing = nil, nil })
		b.after(3*time.Hour, func() { b.in = append(b.in, kafka.Message{Offset: 3, Key: []byte("b"), Value: []byte("b3")}) })
		got := b.consume(t, func(_ context.Context, value string) error {
			if value == "a0" {
				return execution.Errorf(execution.Invalid, "poison")
			}
			return nil
		}, 4*time.Hour)
		if !slices.Equal(got, []string{"b1", "a2", "b3"}) || !slices.Equal(b.buried(), []string{"a0"}) || b.committed != 3 {
			t.Errorf("handled %q, buried %q, committed %d", got, b.buried(), b.committed)
		}
	})
}

func TestConsumerEndsWhenItsReaderIsClosed(t *testing.T) {
	b := holding()
	b.fetching = io.EOF
	c := &Consumer{Reader: b, Dead: b, Topic: "t", Log: slog.New(slog.DiscardHandler)}
	if err := c.Run(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// A rebalance brings the partition back from where the commits were, while
// older messages are still being worked on.
func TestConsumerBeginsAnewAfterARebalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := holding("a", "b", "c")
		b.after(time.Minute, func() { b.in = append(b.in, holding("a", "b", "c").in[1:]...) })
		got := b.consume(t, func(_ context.Context, value string) error {
			if value == "b1" {
				time.Sleep(2 * time.Minute)
			}
			return nil
		}, time.Hour)
		slices.Sort(got)
		if !slices.Equal(got, []string{"a0", "b1", "b1", "c2", "c2"}) || b.committed != 2 {
			t.Errorf("handled %q, committed %d", got, b.committed)
		}
	})
}

func TestDeadLetterSaysWhereFromAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := holding("a")
		b.in[0].Topic, b.in[0].Partition, b.in[0].Time = "t", 5, noon
		b.in[0].Headers = []kafka.Header{header("ce_id", "x"), header(deadTopic, "of an earlier death")}
		start := time.Now()
		b.consume(t, func(context.Context, string) error { return errors.New("out of luck") }, time.Minute)
		want := map[string]string{
			"ce_id": "x", deadTopic: "t", deadPartition: "5", deadOffset: "0", deadTime: "2026-11-21T12:00:00Z", deadGroup: "g",
			deadClass: "internal", deadMessage: "out of luck", deadAttempts: "3", deadFirst: start.UTC().Format(time.RFC3339Nano),
		}
		got := make(map[string]string)
		for _, h := range b.dead[0].Headers {
			got[h.Key] += string(h.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" || b.dead[0].Topic != DeadTopic || string(b.dead[0].Key) != "a" {
			t.Errorf("%v %s", b.dead[0], diff)
		}
	})
}

// What is too large to be written again is buried without its value.
func TestDeadLetterIsNeverTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := holding("a", "a")
		b.burying = kafka.MessageTooLargeError{}
		got := b.consume(t, func(_ context.Context, value string) error {
			if value == "a0" {
				return execution.Errorf(execution.Invalid, "poison")
			}
			return nil
		}, time.Minute)
		if !slices.Equal(got, []string{"a1"}) || len(b.dead) != 1 || b.dead[0].Value != nil || b.dead[0].Headers[len(b.dead[0].Headers)-1].Key != deadOmitted {
			t.Errorf("handled %q, buried %v", got, b.dead)
		}
	})
}
