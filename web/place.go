package web

import (
	"context"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// placeTimeout is what the answer to a submission waits for a place in the
// queue, which its saga is about to take.
const placeTimeout = 250 * time.Millisecond

// settle waits until x, which was just accepted, has a place in the queue, if
// it is likely to get one: then the answer shows it (parity AD-10). What goes
// wrong here is no reason not to answer.
func (s *Server) settle(ctx context.Context, x execution.Execution) {
	if x.NotBefore != nil && x.NotBefore.After(x.CreatedAt) {
		return
	}
	pools, err := s.Policies.Status(ctx)
	i := slices.IndexFunc(pools, func(p execution.PoolStatus) bool { return p.Pool == x.Pool })
	if err != nil || i < 0 || !crowded(pools[i], execution.CapacityOf(x)) {
		return
	}
	ctx, stop := context.WithTimeout(ctx, placeTimeout)
	defer stop()
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		if q, err := s.Queue.Place(ctx, x.ID, x.Pool); err != nil || q != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// crowded reports whether c is likely to wait in a pool that stands as p.
func crowded(p execution.PoolStatus, c execution.Capacity) bool {
	beyond := func(used, more, most int64) bool { return most > 0 && used+more > most }
	running := int64(0)
	for _, u := range p.TopUsers {
		if u.UserID == c.UserID {
			running = u.Running
		}
	}
	return p.Waiting > 0 || p.Policy.Paused || slices.Contains(p.Policy.PausedLanguages, c.Language) ||
		beyond(int64(p.Running), 1, int64(p.Policy.Executions)) || beyond(running, 1, int64(p.Policy.UserRunning)) ||
		!p.Policy.Budget().Holds(p.CPUMillis+c.CPUMillis, p.MemoryBytes+c.MemoryBytes)
}
