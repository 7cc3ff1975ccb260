package activities

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

// Slots compares, with each sweep, the ledger with the executions: the capacity
// that is held is that of the executions which were let in and have not ended
// (parity AD-07). Both are read one after the other, so what differs counts only
// if it did so at the sweep before, too.
type Slots struct {
	gauge *prometheus.GaugeVec
	log   *slog.Logger

	mu     sync.Mutex
	before map[execution.ID]bool // that differed then
}

// What a slot is, as a label.
const (
	slotHeld   = "held"   // by an execution, for a minute or longer
	slotLeaked = "leaked" // by one that has ended, or is not there
	slotNone   = "none"   // an execution runs without; also while its result cannot be stored
)

// NewSlots returns a Slots that shows what it finds as codesaga_slots.
func NewSlots(r prometheus.Registerer, log *slog.Logger) *Slots {
	s := &Slots{log: log, gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "codesaga_slots", Help: "Places in the ledger, by the last sweep: held, leaked (its execution is over), none (its execution runs without one).",
	}, []string{"state"})}
	r.MustRegister(s.gauge)
	return s
}

// compare takes over what a sweep has read: entries of the ledger, and of the
// executions that have not ended those that wait and those that were let in.
// Who of these holds a slot for long enough to be in the ledger is true.
func (s *Slots) compare(ctx context.Context, entries []execution.Held, waiting, begun map[execution.ID]bool) {
	if s == nil {
		return
	}
	held := make(map[execution.ID]bool)
	var leaked, none []execution.ID
	for _, e := range entries {
		if !e.Granted {
			continue
		}
		held[e.ID] = true
		if _, open := begun[e.ID]; !open && !waiting[e.ID] {
			leaked = append(leaked, e.ID)
		}
	}
	for id, long := range begun {
		if long && !held[id] {
			none = append(none, id)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := make(map[execution.ID]bool)
	for _, id := range slices.Concat(leaked, none) {
		now[id] = true
	}
	for state, ids := range map[string][]execution.ID{slotLeaked: leaked, slotNone: none} {
		ids = slices.DeleteFunc(ids, func(id execution.ID) bool { return !s.before[id] })
		s.gauge.WithLabelValues(state).Set(float64(len(ids)))
		if len(ids) > 0 {
			s.log.ErrorContext(ctx, "the ledger and the executions disagree", "slots", state, "n", len(ids), "executions", ids[:min(len(ids), 10)])
		}
	}
	s.gauge.WithLabelValues(slotHeld).Set(float64(len(held)))
	s.before = now
}
