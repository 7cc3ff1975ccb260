package bridge

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/codesaga/codesaga/execution"
)

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
					time.Sleep(200 * time.Millisecond) // nobody is answered meanwhile
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
			stop := trial.consume(trial.inTurn)
			defer stop()
			trial.let(100)
			fault(trial)
			trial.write(200)
			trial.let(300)
			trial.audit()
		})
	}
}

// Partitions and the group get other brokers while they are read.
func TestConsumerFollowsLeadersAndCoordinators(t *testing.T) {
	t.Parallel()
	trial := tryOut(t)
	stop := trial.consume(trial.inTurn)
	defer stop()
	for range 6 {
		trial.write(100)
		trial.let(50)
		trial.fake.ShufflePartitionLeaders()
		trial.fake.RehashCoordinators()
		trial.let(50)
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
		stops = append(stops, trial.consume(trial.inTurn))
		trial.let(200)
		if _, err := trial.fake.WaitGroupStable(t.Context(), triers, len(stops)); err != nil {
			t.Fatal(err)
		}
	}
	for _, stop := range stops[:2] {
		stop()
	}
	trial.write(200)
	trial.let(trial.wrote - 600)
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
	for trial.done < trial.wrote {
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
		case <-trial.finished(): // before it was to die
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	stop := trial.consume(trial.inTurn) // nobody has committed much
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
