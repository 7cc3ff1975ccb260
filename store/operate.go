package store

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Check reports, before c is submitted, whether there is a place for it in the
// queue: Exhausted if not, with the code user_queue_full or queue_full. What is
// larger than its pool is Invalid, a FieldErrors.
//
// It counts what this process knows, which includes all that it has let pass;
// of what others let pass it hears with its next view, in a second or so. Each
// process can let in so much more than the bound.
func (l *Ledger) Check(ctx context.Context, c execution.Capacity) error {
	for again := false; ; again = true {
		v, err := l.look(ctx, c.Pool)
		if err != nil {
			return err
		}
		full, certain := v.full(c.UserID)
		full = cmp.Or(v.pool.accepts(waiterOf(c, l.now())), full)
		if full == nil {
			v.passed = append(v.passed, pass{c.ID, c.UserID, time.Now()})
		}
		v.mu.Unlock()
		if full == nil || certain || again {
			return full
		}
		if err := l.again(ctx, c.Pool, (*view).doubtful); err != nil {
			return err
		}
	}
}

// doubtful reports whether it is worth the while to renew v because it makes a
// difference.
func (v *view) doubtful() bool { return time.Since(v.made) > viewShare/4*v.cost }

// full reports whether the queue is, for user. It is certain if those suffice
// who are known to wait; others were let pass, and may run by now, or be over.
func (v *view) full(user string) (full error, certain bool) {
	all, mine := len(v.line), 0
	for _, at := range v.line {
		if at.UserID == user {
			mine++
		}
	}
	if full := v.over(all, mine); full != nil {
		return full, true
	}
	policy, running := v.pool.policy, v.pool.running()
	var coming, ofMine int
	for _, p := range v.passed {
		if _, waits := v.known[p.id]; waits {
			continue
		}
		if coming++; p.user == user {
			ofMine++
		}
	}
	room := max(0, policy.Executions-len(v.pool.Holders))
	if policy.Paused {
		room = 0
	}
	own := room
	if policy.UserRunning > 0 {
		own = min(room, max(0, policy.UserRunning-running[user]))
	}
	return v.over(all+max(0, coming-room), mine+max(0, ofMine-own)), false
}

// over is what is wrong with so many that wait, of all and of one user.
func (v *view) over(all, mine int) error {
	if most := v.pool.policy.UserQueued; most > 0 && mine >= most {
		return execution.Coded(execution.Exhausted, "user_queue_full", "you have %d executions waiting, and may have %d", mine, most)
	}
	if all >= v.pool.policy.Queued {
		return execution.Coded(execution.Exhausted, "queue_full", "the queue of pool %s is full", v.pool.Name)
	}
	return nil
}

// Policy returns how a pool admits.
func (l *Ledger) Policy(ctx context.Context, name string) (execution.PoolPolicy, error) {
	p, err := l.load(ctx, name)
	return p.policy, err
}

// SetPolicy lets edit change how a pool admits, and returns who should ask
// again. Who holds more than is allowed then keeps it until the end. What edit
// makes must be valid; it may be called several times.
func (l *Ledger) SetPolicy(ctx context.Context, name string, edit func(*execution.PoolPolicy) error) ([]execution.ID, error) {
	p, err := l.change(ctx, name, func(ctx context.Context, p *pool) error {
		policy := p.policy
		policy.Weights, policy.PausedLanguages = slices.Clone(policy.Weights), slices.Clone(policy.PausedLanguages)
		if err := edit(&policy); err != nil {
			return err
		}
		if err := policy.Validate(); err != nil {
			return err
		}
		own, err := overrides(policy, l.policy)
		if err != nil {
			return err
		}
		p.changed = p.changed || len(own)+len(p.Own) > 0 && !reflect.DeepEqual(own, p.Own)
		p.Own = own
		p.setPolicy(policy)
		return l.fill(ctx, p)
	})
	if err == nil {
		err = l.again(ctx, name, func(*view) bool { return true })
	}
	return p.expectant(), err
}

// Status tells how all pools stand.
func (l *Ledger) Status(ctx context.Context) ([]execution.PoolStatus, error) {
	names, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]execution.PoolStatus, 0, len(names))
	for _, name := range names {
		v, err := l.look(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, v.status(l.now()))
		v.mu.Unlock()
	}
	return all, nil
}

func (v *view) status(now time.Time) execution.PoolStatus {
	s := execution.PoolStatus{
		Pool: v.pool.Name, Policy: v.pool.policy, Budget: v.pool.policy.Budget(), Running: len(v.pool.Holders), Waiting: int64(len(v.line)), MeanHold: v.pool.MeanHold,
		ByPriority: make(map[string]int64),
	}
	s.CPUMillis, s.MemoryBytes = v.pool.taken()
	users := make(map[string]execution.UserCount)
	for _, at := range v.line {
		s.ByPriority[string(at.Priority)]++
		s.OldestWait = max(s.OldestWait, now.Sub(at.waiter.Since).Seconds())
		u := users[at.UserID]
		u.Waiting++
		users[at.UserID] = u
	}
	for user, n := range v.pool.running() {
		u := users[user]
		u.Running = int64(n)
		users[user] = u
	}
	for user, u := range users {
		u.UserID = user
		users[user] = u
	}
	s.TopUsers = tops(slices.Collect(maps.Values(users)))
	return s
}

// all are the names of all pools, in order.
func (l *Ledger) all(ctx context.Context) ([]string, error) {
	used, err := l.pools.names(ctx)
	if err != nil {
		return nil, err
	}
	names := slices.Concat(l.names, used)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// tops are the ten of counts with the most that wait.
func tops(counts []execution.UserCount) []execution.UserCount {
	slices.SortFunc(counts, func(a, b execution.UserCount) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Running, a.Running), cmp.Compare(a.UserID, b.UserID))
	})
	return counts[:min(len(counts), 10)]
}
