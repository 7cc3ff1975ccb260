package store

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/codesaga/codesaga/execution"
)

// Ledger keeps who has capacity of which pool, and who waits for it.
//
// Who waits is a document of its own. Of a pool there is one document, which is
// changed only as the version after the one that was read: it has those who
// hold, and the first of each lane of those who wait. A waiter is written before
// the pool is looked at, and whoever takes a head away looks for the next one
// before the pool is written, and again after it if there was none: so of a
// waiter and a pool with room at least one finds the other, whoever stops
// between two steps. What is lost all the same, Mend finds.
type Ledger struct {
	pools  pools
	queue  queue
	policy execution.PoolPolicy // of pools as far as they have none of their own
	names  []string
	now    func() time.Time

	mu    sync.Mutex
	turns map[string]*semaphore.Weighted // callers in one process need not race each other for a document
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
	put(ctx context.Context, w waiter) (waiter, error) // unless it is there; returns what is there
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
		pools: ps, queue: q, policy: policy, names: names, now: func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) },
		turns: make(map[string]*semaphore.Weighted), views: make(map[string]*view), swept: make(map[string]waiter),
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
		if p, err = l.change(ctx, w.Pool, l.entering(w, true)); err != nil || p.holds(w.ID) {
			return p, w, err
		}
	}
	if w, err = l.queue.put(ctx, w); err != nil {
		return p, w, err
	}
	if p, err = l.change(ctx, w.Pool, l.entering(w, false)); err == nil && p.holds(w.ID) {
		_, err = l.queue.drop(ctx, w.ID) // it may have been let in before it was put
	}
	return p, w, err
}

// entering lets w into its lane, and whoever is next into the pool. If now, it
// does so only if w itself is let in: then it need not be put into the queue.
func (l *Ledger) entering(w waiter, now bool) func(context.Context, *pool) error {
	return func(ctx context.Context, p *pool) error {
		if !p.holds(w.ID) {
			p.enter(w)
		}
		if err := l.fill(ctx, p); err != nil {
			return err
		}
		p.hear(w.ID)
		p.changed = p.changed && (!now || p.holds(w.ID))
		return nil
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
		w, err := l.queue.next(ctx, p.Name, g, p.holds)
		if err != nil {
			return err
		}
		if w != nil {
			p.enter(*w)
		}
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

// change reads a pool, lets decide change it, and writes it back if nobody else
// did meanwhile. If somebody did, it decides again on what is true now. What
// changes nothing is not written: the document is hot. It returns the pool as
// it is then.
func (l *Ledger) change(ctx context.Context, name string, decide func(context.Context, *pool) error) (pool, error) {
	turn := l.turn(name)
	if err := turn.Acquire(ctx, 1); err != nil {
		return pool{}, err
	}
	defer turn.Release(1)
	for {
		p, err := l.load(ctx, name)
		if err != nil {
			return pool{}, err
		}
		if err := decide(ctx, &p); err != nil {
			return pool{}, err
		}
		if !p.changed {
			return p, nil
		}
		p.tidy()
		done, err := l.pools.save(ctx, p)
		if err != nil {
			return pool{}, err
		}
		if done {
			p.Version++
			l.saw(p)
			if decide = l.after(ctx, &p); decide == nil {
				return p, nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return pool{}, ctx.Err()
		case <-time.After(time.Duration(rand.IntN(5_000)) * time.Microsecond): //nolint:gosec // only not to be in step with the others
		}
	}
}

// after does what follows from p, which was written: who was let in waits no
// more, and where a lane was found empty, somebody may have come to wait there
// who has seen a head. It returns how to change p because of that, or nil. What
// fails here is not done again: a waiter that is left over is dropped when it is
// released, and Mend finds one that was overlooked.
func (l *Ledger) after(ctx context.Context, p *pool) func(context.Context, *pool) error {
	if len(p.granted) > 0 {
		_, _ = l.queue.drop(ctx, p.granted...)
		for _, id := range p.granted {
			l.leave(p.Name, id)
		}
	}
	late := slices.DeleteFunc(p.gaps, func(g gap) bool {
		if p.head(g.lane) != nil {
			return true
		}
		w, err := l.queue.next(ctx, p.Name, g, p.holds)
		return err != nil || w == nil
	})
	if len(late) == 0 {
		return nil
	}
	return func(ctx context.Context, p *pool) error { return l.refill(ctx, p, late) }
}

func (l *Ledger) turn(pool string) *semaphore.Weighted {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turns[pool] == nil {
		l.turns[pool] = semaphore.NewWeighted(1)
	}
	return l.turns[pool]
}
