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
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	again   int              // how often one was done that had been done
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
	return &trial{T: t, fake: fake, cluster: Cluster{Brokers: fake.ListenAddrs()}, effects: make(map[string][]int)}
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
	n, err := strconv.Atoi(string(m.Value))
	if err != nil {
		return execution.Errorf(execution.Invalid, "%w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if key := string(m.Key); slices.Contains(t.effects[key], n) {
		t.again++
	} else {
		t.effects[key] = append(t.effects[key], n)
	}
	return nil
}

func (t *trial) done() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, all := range t.effects {
		n += len(all)
	}
	return n
}

// consume begins a consumer of the group; stop ends it, and waits for that.
func (t *trial) consume(handle Handler) (stop func()) {
	t.Helper()
	w := t.cluster.Writer()
	c := &Consumer{
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

// until waits for what must become true.
func (t *trial) until(what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute; %d of %d are done", what, t.done(), t.wrote)
		}
	}
}

// audit wants each message done, those of a key in their order, all of it
// committed, and nothing buried.
func (t *trial) audit() {
	t.Helper()
	t.until("all committed", func() bool {
		g := t.fake.GroupInfo(triers)
		if g == nil {
			return false
		}
		for _, p := range t.fake.PartitionInfos(tried) {
			if p.HighWatermark > 0 && g.Commits[tried][p.Partition].Offset != p.HighWatermark {
				return false
			}
		}
		return true
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	total := 0
	for key, all := range t.effects {
		total += len(all)
		if !slices.IsSorted(all) {
			t.Errorf("%s: %v", key, all)
		}
	}
	if total != t.wrote {
		t.Errorf("%d of %d messages had an effect", total, t.wrote)
	}
	for _, p := range t.fake.PartitionInfos(DeadTopic) {
		if p.HighWatermark > 0 {
			t.Errorf("%d messages were buried", p.HighWatermark)
		}
	}
	t.Logf("%d messages, %d of them done again", t.wrote, t.again)
}

// quick does a message, slowly enough for trouble to come in between.
func (t *trial) quick(_ context.Context, m kafka.Message) error {
	time.Sleep(time.Millisecond)
	return t.do(m)
}

// Whatever brokers answer to what consumers ask, for a while: nothing is lost,
// nothing overtakes what has its key, and all is committed in the end.
func TestConsumerOutlivesFaultyBrokers(t *testing.T) {
	answers := func(keys ...kmsg.Key) func(*kerr.Error, int) func(*trial) {
		return func(err *kerr.Error, count int) func(*trial) {
			return func(t *trial) { t.fake.Fault(kfake.Fault{Keys: keys, Err: err, Count: count}) }
		}
	}
	broken := func(key kmsg.Key, times int) func(*trial) {
		return func(t *trial) {
			t.fake.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				if times--; times < 0 {
					return nil, nil, false
				}
				t.fake.KeepControl()
				return nil, errors.New("the connection breaks"), true
			})
		}
	}
	for name, fault := range map[string]func(*trial){
		"fetch: no leader":          answers(kmsg.Fetch)(kerr.NotLeaderForPartition, 20),
		"fetch: unknown partition":  answers(kmsg.Fetch)(kerr.UnknownTopicOrPartition, 10),
		"fetch: internal":           answers(kmsg.Fetch)(kerr.UnknownServerError, 10),
		"fetch: broken":             broken(kmsg.Fetch, 10),
		"commit: no coordinator":    answers(kmsg.OffsetCommit)(kerr.NotCoordinator, 5),
		"commit: loading":           answers(kmsg.OffsetCommit)(kerr.CoordinatorLoadInProgress, 5),
		"commit: rebalance":         answers(kmsg.OffsetCommit)(kerr.RebalanceInProgress, 2),
		"commit: broken":            broken(kmsg.OffsetCommit, 1),
		"heartbeat: unknown member": answers(kmsg.Heartbeat)(kerr.UnknownMemberID, 1),
		"coordinator: none":         answers(kmsg.FindCoordinator)(kerr.CoordinatorNotAvailable, 3),
		"join: no coordinator":      answers(kmsg.JoinGroup)(kerr.NotCoordinator, 2),
		"sync: rebalance":           answers(kmsg.SyncGroup)(kerr.RebalanceInProgress, 2),
		"offsets: broken":           broken(kmsg.OffsetFetch, 2),
		"slow fetches": func(t *trial) {
			slow := 5
			t.fake.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
				if slow--; slow >= 0 {
					t.fake.KeepControl()
					t.fake.SleepControl(func() { time.Sleep(300 * time.Millisecond) })
				}
				return nil, nil, false
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trial := tryOut(t)
			trial.write(200)
			fault(trial)
			stop := trial.consume(trial.quick)
			defer stop()
			trial.until("half", func() bool { return trial.done() >= 100 })
			fault(trial)
			trial.write(200)
			trial.until("all", func() bool { return trial.done() == trial.wrote })
			trial.audit()
		})
	}
}

// Partitions and the group get other brokers while they are read.
func TestConsumerFollowsLeadersAndCoordinators(t *testing.T) {
	t.Parallel()
	trial := tryOut(t)
	stop := trial.consume(trial.quick)
	defer stop()
	for range 6 {
		trial.write(100)
		trial.fake.ShufflePartitionLeaders()
		trial.fake.RehashCoordinators()
		trial.until("all", func() bool { return trial.done() == trial.wrote })
	}
	trial.audit()
}

// Consumers come and go under load. What one had not done the next does, and one
// that stops leaves nothing half done.
func TestConsumersRebalance(t *testing.T) {
	t.Parallel()
	trial := tryOut(t)
	var stops []func()
	for range 3 {
		trial.write(400)
		stops = append(stops, trial.consume(trial.quick))
		want := trial.done() + 200
		trial.until("some", func() bool { return trial.done() >= min(want, trial.wrote) })
	}
	for _, stop := range stops[:2] {
		stop()
	}
	trial.write(200)
	trial.until("all", func() bool { return trial.done() == trial.wrote })
	trial.audit()
	stops[2]()
	if trial.again > trial.wrote/2 {
		t.Errorf("%d of %d messages were done again", trial.again, trial.wrote)
	}
}

// A process dies after each effect, before it can say so: each message has its
// effect once all the same.
func TestConsumerDiesBetweenEffectAndCommit(t *testing.T) {
	t.Parallel()
	trial := tryOut(t)
	trial.write(4 * keysTried)
	deaths := 0
	for trial.done() < trial.wrote {
		dead := make(chan struct{})
		var once sync.Once
		left := 1 + 2*deaths
		r := &mortal{Reader: trial.cluster.Reader(triers, tried), dead: dead}
		c := &Consumer{Reader: r, Dead: nil, Topic: tried, Group: triers, Log: slog.New(slog.DiscardHandler),
			Handle: func(ctx context.Context, m kafka.Message) error {
				select {
				case <-dead: // it is no more
					<-ctx.Done()
					return ctx.Err()
				default:
				}
				err := trial.do(m)
				trial.mu.Lock()
				defer trial.mu.Unlock()
				if left--; left == 0 {
					once.Do(func() { close(dead) })
				}
				return err
			}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		select {
		case <-dead:
			deaths++
		case <-time.After(2 * time.Second): // all that is left is done
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	stop := trial.consume(trial.quick) // nobody has committed much
	defer stop()
	trial.audit()
	if deaths < 10 || trial.again == 0 {
		t.Errorf("%d deaths, %d messages done again: this tries nothing", deaths, trial.again)
	}
}

// mortal is a reader whose commits come to nothing once it is dead.
type mortal struct {
	Reader
	dead <-chan struct{}
}

func (m *mortal) CommitMessages(ctx context.Context, messages ...kafka.Message) error {
	select {
	case <-m.dead:
		return nil
	default:
		return m.Reader.CommitMessages(ctx, messages...)
	}
}

// A write that brokers refuse is Unavailable, and goes through when they do not.
func TestPublisherAndFaultyBrokers(t *testing.T) {
	t.Parallel()
	trial := tryOut(t)
	w := trial.cluster.Writer()
	defer w.Close()
	message := kafka.Message{Topic: tried, Key: []byte("k"), Value: []byte("0")}
	for _, tt := range []struct {
		err  *kerr.Error
		kind execution.Kind
	}{
		{kerr.NotEnoughReplicas, execution.Unavailable},
		{kerr.MessageTooLarge, execution.TooLarge},
	} {
		f := trial.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: tt.err, Count: -1})
		if err := unavailable(w.WriteMessages(t.Context(), message)); execution.KindOf(err) != tt.kind {
			t.Errorf("%v: %v", tt.err, err)
		}
		f.Remove()
	}
	trial.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 2})
	if err := w.WriteMessages(t.Context(), message); err != nil {
		t.Errorf("a leader that moves: %v", err)
	}
}
