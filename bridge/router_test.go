package bridge

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

func TestRouterDropsWhoLags(t *testing.T) {
	event := func(n int64) execution.Update { return execution.Update{At: execution.Position{Event: n}} }
	chunk := func(n int64) execution.Update {
		return execution.Update{At: execution.Position{Output: n}, Chunk: &execution.Chunk{Bytes: make([]byte, 16<<10)}}
	}
	tests := []struct {
		name string
		next func(int64) execution.Update
		want int
	}{
		{"100 events", event, maxUpdates},
		{"1 MiB", chunk, 63}, // with a little for each beside its bytes
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			r := Router{Metrics: NewMetrics(registry)}
			slow, stop := r.Subscribe("x1")
			quick, stopQuick := r.Subscribe("x1")
			other, stopOther := r.Subscribe("x2")
			for n := range int64(500) {
				r.Deliver("x1", tt.next(n+1))
				if u := <-quick; u.At != tt.next(n+1).At {
					t.Fatalf("quick got %v at %d", u.At, n)
				}
			}
			got := 0
			for range slow { // closed, so this ends
				got++
			}
			if got != tt.want || len(other) != 0 {
				t.Errorf("slow got %d updates, want %d; other %d", got, tt.want, len(other))
			}
			if m := figures(t, registry); m["codesaga_bridge_subscribers"] != 2 || m["codesaga_bridge_subscribers_dropped_total"] != 1 {
				t.Errorf("metrics %v", m)
			}
			stop()
			stop() // harmless
			stopQuick()
			stopOther()
			if len(r.subs) != 0 || figures(t, registry)["codesaga_bridge_subscribers"] != 0 {
				t.Errorf("left behind: %v", r.subs)
			}
		})
	}
}

// What comes from Kafka is decoded only if somebody wants it; and if it cannot
// be, they are cut off rather than left with a gap.
func TestRouterHandsOnWhatSomebodyWants(t *testing.T) {
	shelf := stocked()
	r := Router{Codecs: codecs(shelf, "")}
	events, stop := r.Subscribe("x1")
	defer stop()
	value, err := r.Codecs.Events.Encode(anEvent)
	if err != nil {
		t.Fatal(err)
	}
	output, err := r.Codecs.Chunks.Encode(aChunk)
	if err != nil {
		t.Fatal(err)
	}
	asked := shelf.asked
	r.hand(EventsTopic, kafka.Message{Key: []byte("nobody's"), Value: []byte{0, 0, 0, 0, 99, 1}})
	if shelf.asked != asked {
		t.Error("decoded for nobody")
	}
	r.hand(EventsTopic, kafka.Message{Key: []byte("x1"), Value: value, Offset: 41})
	r.hand(OutputTopic, kafka.Message{Key: []byte("x1"), Value: output, Offset: 3})
	if u := <-events; u.At != (execution.Position{Event: 42}) || u.Event.ID != anEvent.ID {
		t.Errorf("event: %+v", u)
	}
	if u := <-events; u.At != (execution.Position{Output: 7}) || string(u.Chunk.Bytes) != string(aChunk.Bytes) {
		t.Errorf("chunk: %+v", u)
	}
	r.hand(EventsTopic, kafka.Message{Key: []byte("x1"), Value: []byte("garbage")})
	if u, ok := <-events; ok {
		t.Errorf("after garbage: %+v", u)
	}
}

// figures are the values of all metrics, by name and labels.
func figures(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func TestRouterTellsWhatWaits(t *testing.T) {
	var r Router
	slow, stop := r.Subscribe("x1")
	defer stop()
	_, stopOther := r.Subscribe("x2")
	defer stopOther()
	for range 3 {
		r.Deliver("x1", execution.Update{Chunk: &execution.Chunk{Bytes: make([]byte, 1000)}})
	}
	r.Deliver("x2", execution.Update{})
	<-slow
	want := execution.LiveFigures{
		Subscribers: 2, Executions: 2, Updates: 3, Bytes: 2*1256 + 256, FullestUpdates: 2, FullestBytes: 2 * 1256,
		MaxUpdates: maxUpdates, MaxBytes: maxBytes,
	}
	if got := r.Figures(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A notice wakes who follows those of its user, and nobody who follows an
// execution that is called the same.
func TestRouterWakesWhoFollowsNotices(t *testing.T) {
	r := Router{Codecs: codecs(stocked(), "")}
	mine, stop := r.SubscribeNotices("ann")
	defer stop()
	run, stopRun := r.Subscribe("ann")
	defer stopRun()
	r.hand(NotificationsTopic, kafka.Message{Key: []byte("ann"), Value: []byte("not looked at")})
	r.hand(NotificationsTopic, kafka.Message{Key: []byte("bob")})
	if len(mine) != 1 || len(run) != 0 {
		t.Errorf("%d and %d were woken", len(mine), len(run))
	}
	if f := r.Figures(); f.Subscribers != 2 || f.Executions != 1 {
		t.Errorf("%+v", f)
	}
}
