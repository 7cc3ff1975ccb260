package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/codesaga/codesaga/execution"
)

// EV-25: how far groups are is known of those that move, that stand still and
// that never began.
func TestGroupsTellHowFarTheyAre(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "p_"+OutputTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	c := Cluster{Brokers: fake.ListenAddrs(), Prefix: "p_"}
	w := c.Writer()
	defer w.Close()
	var all []kafka.Message
	for i := range 9 {
		all = append(all, kafka.Message{Topic: OutputTopic, Key: fmt.Append(nil, i)})
	}
	if err := w.WriteMessages(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	look := func() (gs []execution.ConsumerGroup) {
		t.Helper()
		if gs, err = c.Groups(t.Context(), Topics("gpu")...); err != nil { // of those only one is there
			t.Fatal(err)
		}
		if len(gs) != 1 || gs[0].Name != RecorderGroup || gs[0].Topic != OutputTopic || !gs[0].Pausable {
			t.Fatalf("%+v", gs)
		}
		return gs
	}
	if g := look()[0]; g.Lag != 9 || g.Members != 0 || len(g.Partitions) != 2 || g.Partitions[0].Committed != nil || g.Partitions[0].Partition != 0 {
		t.Errorf("nobody has begun: %+v", g)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	consumer := &Consumer{
		Reader: c.Reader(RecorderGroup, OutputTopic), Dead: w, Topic: OutputTopic, Group: RecorderGroup, Log: slog.New(slog.DiscardHandler),
		Handle: func(context.Context, kafka.Message) error { return nil },
	}
	go func() { ended <- consumer.Run(ctx) }()
	if _, err := fake.WaitGroupInfo(t.Context(), "p_"+RecorderGroup, func(g *kfake.GroupInfo) bool {
		return g != nil && g.Commits["p_"+OutputTopic][0].Offset+g.Commits["p_"+OutputTopic][1].Offset == 9
	}); err != nil {
		t.Fatal(err)
	}
	if g := look()[0]; g.Lag != 0 || g.Members != 1 || *g.Partitions[0].Committed != g.Partitions[0].End {
		t.Errorf("all is done: %+v", g)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := w.WriteMessages(t.Context(), all[:4]...); err != nil {
		t.Fatal(err)
	}
	if g := look()[0]; g.Lag != 4 || g.Members != 0 {
		t.Errorf("nobody is there any more: %+v", g)
	}
	fake.Close()
	if _, err := c.Groups(t.Context(), Topics()...); execution.KindOf(err) != execution.Unavailable {
		t.Errorf("without Kafka: %v", err)
	}
}

func TestEachGroupSaysWhatPausingItDoes(t *testing.T) {
	pausable := 0
	for _, g := range GroupKinds(Topics("gpu")...) {
		if g.Pausable {
			pausable++
		} else if g.Name != "kube" && g.Name != "kube-gpu" {
			t.Errorf("%s cannot be paused: it has no purpose", g.Name)
		}
	}
	if pausable != len(purposes) {
		t.Errorf("%d groups can be paused, of %d that say what that does", pausable, len(purposes))
	}
}

// The warden keeps what it heard last while the store is away.
func TestWardenKeepsTheGateAsOperatorsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type answer struct {
			paused []execution.GroupPause
			err    error
		}
		var said atomic.Pointer[answer]
		said.Store(&answer{paused: []execution.GroupPause{{Group: RecorderGroup}}})
		registry := prometheus.NewRegistry()
		w := &Warden{
			Gate: new(Gate), Metrics: NewMetrics(registry), Log: slog.New(slog.DiscardHandler),
			Paused: func(context.Context) ([]execution.GroupPause, error) { return said.Load().paused, said.Load().err },
			Groups: func(context.Context) ([]execution.ConsumerGroup, error) {
				return []execution.ConsumerGroup{{Name: RecorderGroup, Topic: OutputTopic, Lag: 7, Members: 2}}, nil
			},
		}
		held := func() bool { return w.Gate.holds(RecorderGroup) }
		w.Begin(t.Context())
		if !held() {
			t.Error("what was paused before is not")
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		said.Store(&answer{err: errors.New("away")})
		time.Sleep(20 * time.Second) // of the test's own clock
		synctest.Wait()
		if !held() {
			t.Error("it was let go while nobody knew")
		}
		got := figures(t, registry)
		for name, want := range map[string]float64{"lag_messages": 7, "members": 2, "paused": 1} {
			if v := got["codesaga_consumer_group_"+name+" recorder execution_output"]; v != want {
				t.Errorf("%s is %v, want %v", name, v, want)
			}
		}
		said.Store(new(answer))
		time.Sleep(wardenLook + time.Millisecond)
		synctest.Wait()
		if held() {
			t.Error("it was not let go")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
