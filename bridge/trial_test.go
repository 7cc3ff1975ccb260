package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/codesaga/codesaga/execution"
)

// trial is a topic of three brokers that misbehave, and what consumers of it
// have done. Its clock is the real one: connections are.
type trial struct {
	*testing.T
	fake    *kfake.Cluster
	cluster Cluster
	wrote   int // messages

	mu      sync.Mutex
	effects map[string][]int // key → numbers, in the order in which they were first done
	done    int              // effects
	may     int              // how many there may be for now
	again   int              // how often one was done that had been done
	changed chan struct{}    // closed at the next change of these
}

const (
	tried     = "tried"
	triers    = "triers"
	keysTried = 20
)

func tryOut(t *testing.T) *trial {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, tried, DeadTopic), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return &trial{T: t, fake: fake, cluster: Cluster{Brokers: fake.ListenAddrs()}, effects: make(map[string][]int), changed: make(chan struct{})}
}

// write writes n messages, numbered for each key.
func (t *trial) write(n int) {
	t.Helper()
	w := t.cluster.Writer()
	defer w.Close()
	var all []kafka.Message
	for range n {
		key := fmt.Sprint("k", t.wrote%keysTried)
		all = append(all, kafka.Message{Topic: tried, Key: []byte(key), Value: strconv.AppendInt(nil, int64(t.wrote/keysTried), 10)})
		t.wrote++
	}
	if err := w.WriteMessages(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
}

// do is the effect of a message, which is recognised when it comes again.
func (t *trial) do(m kafka.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.effect(m)
}

// effect is do, for who holds mu.
func (t *trial) effect(m kafka.Message) error {
	n, err := strconv.Atoi(string(m.Value))
	if err != nil {
		return execution.Errorf(execution.Invalid, "%w", err)
	}
	if t.did(m) {
		t.again++
		return nil
	}
	t.effects[string(m.Key)] = append(t.effects[string(m.Key)], n)
	t.done++
	t.tell()
	return nil
}

// did reports whether m had its effect. The caller holds mu.
func (t *trial) did(m kafka.Message) bool {
	n, err := strconv.Atoi(string(m.Value))
	return err == nil && slices.Contains(t.effects[string(m.Key)], n)
}

// tell wakes who waits. The caller holds mu.
func (t *trial) tell() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// await waits until is, which is asked under mu, at the beginning and whenever
// something has changed.
func (t *trial) await(ctx context.Context, is func() bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !is() {
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		t.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// inTurn does a message when it may have its effect.
func (t *trial) inTurn(ctx context.Context, m kafka.Message) error {
	var done error
	err := t.await(ctx, func() bool {
		if t.done >= t.may && !t.did(m) {
			return false
		}
		done = t.effect(m)
		return true
	})
	return errors.Join(err, done)
}

// let lets n more effects happen, and waits for them.
func (t *trial) let(n int) {
	t.Helper()
	t.mu.Lock()
	t.may = t.done + n
	t.tell()
	t.mu.Unlock()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := t.await(ctx, func() bool { return t.done == t.may }); err != nil {
		t.Fatalf("%d of %d messages are done: %v", t.done, t.may, err)
	}
}

// consume begins a consumer of the group; stop ends it, and waits for that.
func (t *trial) consume(handle Handler) (stop func()) {
	t.Helper()
	return t.consumeBehind(nil, handle)
}

// consumeBehind is consume, with a gate.
func (t *trial) consumeBehind(gate *Gate, handle Handler) (stop func()) {
	t.Helper()
	w := t.cluster.Writer()
	c := &Consumer{
		Gate:   gate,
		Reader: t.cluster.Reader(triers, tried), Dead: w, Topic: tried, Group: triers, Log: slog.New(slog.DiscardHandler),
		Handle: handle, Pauses: []time.Duration{time.Millisecond},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("a consumer that was to stop: %v", err)
		}
		_ = w.Close()
	})
}

// audit wants each message done, those of a key in their order, all of it
// committed, and nothing buried.
func (t *trial) audit() {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ends := t.fake.PartitionInfos(tried)
	g, err := t.fake.WaitGroupInfo(ctx, triers, func(g *kfake.GroupInfo) bool {
		return g != nil && !slices.ContainsFunc(ends, func(p *kfake.PartitionInfo) bool {
			return p.HighWatermark > 0 && g.Commits[tried][p.Partition].Offset != p.HighWatermark
		})
	})
	if err != nil {
		t.Fatalf("not all is committed: %v, %+v", err, g)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, all := range t.effects {
		if !slices.IsSorted(all) {
			t.Errorf("%s: %v", key, all)
		}
	}
	if t.done != t.wrote {
		t.Errorf("%d of %d messages had an effect", t.done, t.wrote)
	}
	for _, p := range t.fake.PartitionInfos(DeadTopic) {
		if p.HighWatermark > 0 {
			t.Errorf("%d messages were buried", p.HighWatermark)
		}
	}
	t.Logf("%d messages, %d of them done again", t.wrote, t.again)
}

// finished is closed when every message has had its effect, or the test is over.
func (t *trial) finished() <-chan struct{} {
	all := make(chan struct{})
	go func() {
		defer close(all)
		_ = t.await(t.Context(), func() bool { return t.done == t.wrote })
	}()
	return all
}
