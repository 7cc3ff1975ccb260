package activities

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

// AD-07: what the ledger and the executions do not agree about counts when it is
// seen for the second time; sagas that run see to the rest.
func TestSlotsAreThoseOfOpenExecutions(t *testing.T) {
	long, now := time.Now().Add(-time.Hour), time.Now()
	row := func(id execution.ID, s execution.Status, at time.Time) execution.Execution {
		return execution.Execution{ID: id, Status: s, ScheduledAt: &at}
	}
	held := func(id execution.ID, granted bool) execution.Held {
		return execution.Held{Capacity: execution.Capacity{ID: id, Pool: "default"}, Granted: granted, Since: long}
	}
	running := execution.SagaState{Running: true}
	p := &platform{
		rows: []execution.Execution{
			row("runs", execution.Running, long), row("bare", execution.Running, long), row("young", execution.Scheduled, now),
			{ID: "waits", Status: execution.Queued}, {ID: "let in", Status: execution.Queued},
		},
		entries: []execution.Held{held("runs", true), held("waits", false), held("let in", true), held("ended", true), held("gone", false)},
		states: map[execution.ID]execution.SagaState{
			"runs": running, "bare": running, "young": running, "waits": running, "let in": running, "ended": running, "gone": running,
		},
	}
	a := p.activities()
	registry := prometheus.NewRegistry()
	a.Slots = NewSlots(registry, slog.New(slog.DiscardHandler))
	seen := func() (all [3]float64) {
		if _, err := a.Sweep(t.Context(), ""); err != nil {
			t.Error(err)
		}
		shown, err := registry.Gather()
		if err != nil || len(shown) != 1 {
			t.Fatal(shown, err)
		}
		for i, m := range shown[0].GetMetric() { // sorted by state
			all[i] = m.GetGauge().GetValue()
		}
		return all
	}
	if got := seen(); got != [3]float64{3, 0, 0} {
		t.Errorf("at first: %v", got)
	}
	p.rows = append(p.rows, row("lately", execution.Running, long))
	if got := seen(); got != [3]float64{3, 1, 1} {
		t.Errorf("held, leaked, none: %v", got)
	}
	p.entries, p.rows = p.entries[:1], p.rows[:1]
	if got := seen(); got != [3]float64{1, 0, 0} {
		t.Errorf("when all is well: %v", got)
	}
}
