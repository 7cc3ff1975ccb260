package store

import (
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Limits is how much the executions of a pool may take together; of CPU and
// memory 0 is no limit.
type Limits struct {
	Executions  int   `bson:"executions"`
	CPUMillis   int64 `bson:"cpu_millis"`
	MemoryBytes int64 `bson:"memory_bytes"`
}

// pool is who has room in a pool and who waits for it. Its methods decide, and
// touch nothing; the ledger makes what they decided come true, or not at all.
//
// The order is by priority, then first come, first served; and strictly so: who
// is first waits until there is room enough, and nobody overtakes, or a large
// one would wait for ever. Passed over is only who does not fit into the pool
// when it is empty, because its limits were lowered.
type pool struct {
	Name    string  `bson:"_id"`
	Version int64   `bson:"version"`          // of this document: one more with each change
	Own     *Limits `bson:"limits,omitempty"` // nil: those that the ledger has for all
	Holders []seat  `bson:"holders"`          // in the order of admission
	Waiters []seat  `bson:"waiters"`          // in the order of admission to come

	limits Limits // Own, or the ledger's
}

// seat is what an execution has of a pool, or waits for.
type seat struct {
	execution.Capacity `bson:",inline"`
	Since              time.Time `bson:"since"`
}

// admit gives c room, or a place in the queue. Asked again, it answers how
// things stand. What can never fit is Invalid, and does not wait.
func (p *pool) admit(c execution.Capacity, now time.Time) (execution.Admission, error) {
	if i := seatOf(p.Holders, c.ID); i >= 0 {
		return execution.Admission{Granted: true}, nil
	}
	if !p.limits.fit(nil, seat{Capacity: c}) {
		return execution.Admission{}, execution.Errorf(execution.Invalid, "pool %s is smaller than what the execution needs", p.Name)
	}
	if seatOf(p.Waiters, c.ID) < 0 {
		at := slices.IndexFunc(p.Waiters, func(w seat) bool { return level(w) > level(seat{Capacity: c}) })
		if at < 0 {
			at = len(p.Waiters)
		}
		p.Waiters = slices.Insert(p.Waiters, at, seat{c, now})
		p.fill(now)
	}
	return execution.Admission{Granted: seatOf(p.Holders, c.ID) >= 0, Position: int64(seatOf(p.Waiters, c.ID)) + 1}, nil
}

// release forgets id and returns who has room because of that.
func (p *pool) release(id execution.ID, now time.Time) (granted []execution.ID) {
	its := func(s seat) bool { return s.ID == id }
	p.Holders = slices.DeleteFunc(p.Holders, its)
	p.Waiters = slices.DeleteFunc(p.Waiters, its)
	return p.fill(now)
}

// fill lets in who waits, as long as there is room for the first.
func (p *pool) fill(now time.Time) (granted []execution.ID) {
	var queue []seat
	blocked := false
	for _, w := range p.Waiters {
		never := !p.limits.fit(nil, w)
		blocked = blocked || !never && !p.limits.fit(p.Holders, w)
		if blocked || never {
			queue = append(queue, w)
			continue
		}
		w.Since = now
		p.Holders = append(p.Holders, w)
		granted = append(granted, w.ID)
	}
	p.Waiters = queue
	return granted
}

// fit reports whether l has room for one more beside holders.
func (l Limits) fit(holders []seat, one seat) bool {
	cpu, memory := one.CPUMillis, one.MemoryBytes
	for _, h := range holders {
		cpu, memory = cpu+h.CPUMillis, memory+h.MemoryBytes
	}
	return len(holders) < l.Executions && (l.CPUMillis == 0 || cpu <= l.CPUMillis) && (l.MemoryBytes == 0 || memory <= l.MemoryBytes)
}

// level is 1 for the most urgent; who has no priority is the least.
func level(s seat) int {
	if n := s.Priority.Level(); n > 0 {
		return n
	}
	return execution.Background.Level() + 1
}

func seatOf(seats []seat, id execution.ID) int {
	return slices.IndexFunc(seats, func(s seat) bool { return s.ID == id })
}

func (p pool) clone() pool {
	p.Holders, p.Waiters = slices.Clone(p.Holders), slices.Clone(p.Waiters)
	return p
}

func (p pool) equal(q pool) bool {
	same := p.Own == q.Own || p.Own != nil && q.Own != nil && *p.Own == *q.Own
	return same && slices.Equal(p.Holders, q.Holders) && slices.Equal(p.Waiters, q.Waiters)
}
