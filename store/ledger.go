package store

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Ledger keeps who has capacity of which pool, and who waits for it.
//
// Who waits is a document of its own. Of a pool there is one document, which is
// changed only as the version after the one that was read: it has those who
// hold, and the first of each lane of those who wait. A waiter is written, and
// then the pool is, whether or not there is anything new in it; and whoever takes
// a head away looks for the next one before writing the pool. So one of the two
// writes is the later one, and finds what the other did: a waiter its lane, or a
// pool with room its waiter. Who stops between two steps asks again, or is found
// by Mend.
type Ledger struct {
	pools  pools
	queue  queue
	policy execution.PoolPolicy // of pools as far as they have none of their own
	names  []string
	now    func() time.Time

	mu    sync.Mutex
	desks map[string]*desk // by pool
	views map[string]*view
	swept map[string]waiter // the last that Entries returned of each pool
}

// pools keeps a document for each pool.
type pools interface {
	load(ctx context.Context, name string) (pool, error) // an empty one if there is none
	save(ctx context.Context, p pool) (bool, error)      // false: somebody else did since it was loaded
	names(ctx context.Context) ([]string, error)
}

// queue keeps who waits, a document each.
type queue interface {
	put(ctx context.Context, w waiter) (there waiter, fresh bool, err error) // unless it is there
	get(ctx context.Context, id execution.ID) (*waiter, error)
	drop(ctx context.Context, ids ...execution.ID) (int64, error)                                // returns how many were there
	move(ctx context.Context, id execution.ID, pool string, to execution.Priority) (bool, error) // false: it is not there
	next(ctx context.Context, pool string, g gap, but func(execution.ID) bool) (*waiter, error)  // the first that waits there, since then or later
	list(ctx context.Context, pool string) ([]waiter, error)                                     // the first come first
}

// Ledger returns the ledger. The policy is that of each pool as far as it has
// none of its own; Status tells of the pools that are named, also if they were
// never used.
func (s *Store) Ledger(policy execution.PoolPolicy, names ...string) *Ledger {
	return newLedger(poolDocuments{s.pools}, &waiterDocuments{of: s.waiters}, policy, names)
}

func newLedger(ps pools, q queue, policy execution.PoolPolicy, names []string) *Ledger {
	return &Ledger{
		pools: ps, queue: q, policy: policy, names: names, now: moment,
		desks: make(map[string]*desk), views: make(map[string]*view), swept: make(map[string]waiter),
	}
}

// Admit gives c room in its pool, or a place in the queue. Asked again, it
// answers how things stand. What is larger than the pool is Invalid, a
// FieldErrors. It refuses nobody because the queue is long: that is what Check
// is for, before somebody is told that the run was accepted.
func (l *Ledger) Admit(ctx context.Context, c execution.Capacity) (execution.Admission, error) {
	p, err := l.load(ctx, c.Pool)
	if err != nil {
		return execution.Admission{}, err
	}
	w := waiterOf(c, l.now())
	switch h := p.holder(c.ID); {
	case h == nil:
		p, w, err = l.seat(ctx, p, w)
	case h.Unheard:
		p, err = l.change(ctx, c.Pool, l.entering(w, false))
	}
	if err != nil || p.holds(c.ID) {
		return execution.Admission{Granted: err == nil}, err
	}
	q := l.arrive(ctx, w)
	return execution.Admission{Position: q.Position, ETASeconds: q.ETASeconds, Patience: p.policy.MaxQueueSeconds}, nil
}

// seat lets w into p at once, if its user has nothing else waiting, or puts it
// into the queue. It returns both as they are then.
func (l *Ledger) seat(ctx context.Context, p pool, w waiter) (pool, waiter, error) {
	if err := p.accepts(w); err != nil {
		return p, w, err
	}
	var err error
	if a := p.account(w.UserID); p.room(w) && (a == nil || len(a.Heads) == 0) {
		if p, err = l.change(ctx, w.Pool, l.passing(w)); err != nil || p.holds(w.ID) {
			return p, w, err
		}
	}
	w, fresh, err := l.queue.put(ctx, w)
	if err != nil {
		return p, w, err
	}
	if p, err = l.change(ctx, w.Pool, l.entering(w, fresh)); err == nil && p.holds(w.ID) {
		_, err = l.queue.drop(ctx, w.ID) // it may have been let in before it was put
	}
	return p, w, err
}

// entering lets w into its lane, and whoever is next into the pool. If w is fresh
// in the queue that is a change in any case, or who looked into it before would
// put somebody first who came later.
func (l *Ledger) entering(w waiter, fresh bool) func(context.Context, *pool) error {
	return func(ctx context.Context, p *pool) error {
		if !p.holds(w.ID) {
			p.enter(w)
			p.changed = p.changed || fresh
		}
		if err := l.fill(ctx, p); err != nil {
			return err
		}
		p.hear(w.ID)
		return nil
	}
}

// passing is entering for one that is not in the queue: nothing is changed
// unless it is let in.
func (l *Ledger) passing(w waiter) func(context.Context, *pool) error {
	enter := l.entering(w, false)
	return func(ctx context.Context, p *pool) error {
		if err := enter(ctx, p); err != nil || p.holds(w.ID) {
			return err
		}
		return errUnchanged
	}
}

// Release gives back what id holds of a pool, or its place in the queue, and
// returns who should ask again: who has room because of that, and who was let in
// before and has not asked since, because then whoever was to tell it may have
// died. So done again, it returns the same ones until they have heard.
func (l *Ledger) Release(ctx context.Context, id execution.ID, name string) ([]execution.ID, error) {
	waited, err := l.queue.drop(ctx, id)
	if err != nil {
		return nil, err
	}
	p, err := l.change(ctx, name, func(ctx context.Context, p *pool) error {
		gaps := p.release(id, l.now())
		p.changed = p.changed || waited > 0 // or who found it in the queue just now would make it a head
		return l.refill(ctx, p, gaps)
	})
	l.leave(name, id)
	return p.expectant(), err
}

// Move gives id, which waits for a pool, another priority, and returns who should
// ask again. It is a Conflict unless it waits.
func (l *Ledger) Move(ctx context.Context, id execution.ID, name string, to execution.Priority) ([]execution.ID, error) {
	late := execution.Errorf(execution.Conflict, "the execution waits for no capacity")
	if waits, err := l.queue.move(ctx, id, name, to); err != nil || !waits {
		return nil, cmp.Or(err, late)
	}
	l.leave(name, id)
	var moved *waiter
	p, err := l.change(ctx, name, func(ctx context.Context, p *pool) (err error) {
		if moved, err = l.queue.get(ctx, id); err != nil {
			return err
		}
		if moved == nil || p.holds(id) {
			return late
		}
		gaps := p.forget(id)
		p.changed = true
		p.enter(*moved)
		return l.refill(ctx, p, gaps)
	})
	if err == nil && !p.holds(id) {
		l.arrive(ctx, *moved)
	}
	return p.expectant(), err
}

// refill finds new heads where they are missing, and fills the pool.
func (l *Ledger) refill(ctx context.Context, p *pool, gaps []gap) error {
	for _, g := range gaps {
		if from, ok := p.empty[g.lane]; ok && !g.from.Before(from) {
			continue
		}
		w, err := l.queue.next(ctx, p.Name, g, p.holds)
		if err != nil {
			return err
		}
		if w != nil {
			p.enter(*w)
			continue
		}
		if p.empty == nil {
			p.empty = make(map[lane]time.Time)
		}
		p.empty[g.lane] = g.from
	}
	return l.fill(ctx, p)
}

// fill lets in who waits, as long as there is room for the first.
func (l *Ledger) fill(ctx context.Context, p *pool) error {
	gaps, granted := p.grant(l.now())
	if !granted {
		return nil
	}
	return l.refill(ctx, p, gaps)
}

// load reads a pool, with what its policy is by now.
func (l *Ledger) load(ctx context.Context, name string) (pool, error) {
	p, err := l.pools.load(ctx, name)
	if err != nil {
		return p, err
	}
	policy, err := overridden(l.policy, p.Own)
	p.setPolicy(policy)
	return p, err
}

// tell takes out of the queue who was let into p, which was written. What fails
// here is not done again: a waiter that is left over is dropped when it is
// released.
func (l *Ledger) tell(ctx context.Context, p pool) {
	if len(p.granted) == 0 {
		return
	}
	_, _ = l.queue.drop(ctx, p.granted...)
	for _, id := range p.granted {
		l.leave(p.Name, id)
	}
}
