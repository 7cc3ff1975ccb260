package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/codesaga/codesaga/execution"
)

// view is what one process knows of a pool without asking: the order in which
// those who wait will be let in, if nobody else comes and nobody grows older. It
// is made anew when it is old, and between that follows what this process does.
type view struct {
	renewing *semaphore.Weighted

	mu     sync.Mutex // never held while the database is asked
	made   time.Time
	tried  time.Time     // to make it, for somebody in a hurry
	cost   time.Duration // of making it
	pool   pool
	line   []place // in order
	known  map[execution.ID]place
	ends   map[share]float64     // the last turn of each user and level in line
	came   []waiter              // while it is being renewed
	left   map[execution.ID]bool // likewise; nil: it is not
	passed []pass
}

// share is a user's part in a level.
type share struct {
	user  string
	level int
}

// pass is a run that Check has let pass, and that has not been seen in the
// ledger yet.
type pass struct {
	id   execution.ID
	user string
	at   time.Time
}

const (
	// A view may take a twentieth of the time to make: it is good for twenty
	// times as long as that took, but not for ever.
	viewShare = 20
	viewLife  = 10 * time.Second
	// Who is in a hurry takes a view that is older, or does without if it cannot
	// be had soon, and is not tried for again for a while.
	hurryLife    = time.Minute
	hurryPause   = 10 * time.Second
	hurryTimeout = time.Second
	// passLife is how long after Check a run may take to come to the ledger.
	passLife = time.Second
)

// look returns the view of a pool, locked, and not older than it may be. While
// somebody renews it, others have it as it is.
func (l *Ledger) look(ctx context.Context, name string) (*view, error) {
	v := l.view(name)
	v.mu.Lock()
	if !v.old() || !v.made.IsZero() && !v.renewing.TryAcquire(1) {
		return v, nil
	}
	first := v.made.IsZero()
	v.mu.Unlock()
	if first {
		if err := v.renewing.Acquire(ctx, 1); err != nil {
			return nil, err
		}
	}
	defer v.renewing.Release(1)
	if err := l.renew(ctx, name, v, (*view).old); err != nil {
		return nil, err
	}
	v.mu.Lock()
	return v, nil
}

// glance is look for somebody in a hurry; nil if there is no view.
func (l *Ledger) glance(ctx context.Context, name string) *view {
	v := l.view(name)
	v.mu.Lock()
	if time.Since(v.made) < hurryLife {
		return v
	}
	again := time.Since(v.tried) > hurryPause
	v.tried = time.Now()
	v.mu.Unlock()
	if !again {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hurryTimeout)
	defer cancel()
	v, err := l.look(ctx, name)
	if err != nil {
		return nil
	}
	return v
}

func (v *view) old() bool {
	return v.made.IsZero() || time.Since(v.made) > min(viewShare*v.cost, viewLife)
}

func (l *Ledger) view(name string) *view {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.views[name] == nil {
		l.views[name] = &view{renewing: semaphore.NewWeighted(1)}
	}
	return l.views[name]
}

// again makes the view of a pool anew, if it still has to be.
func (l *Ledger) again(ctx context.Context, name string, still func(*view) bool) error {
	v := l.view(name)
	if err := v.renewing.Acquire(ctx, 1); err != nil {
		return err
	}
	defer v.renewing.Release(1)
	return l.renew(ctx, name, v, still)
}

// renew makes v anew, if it still has to be, for who has acquired renewing.
func (l *Ledger) renew(ctx context.Context, name string, v *view, still func(*view) bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !still(v) {
		return nil
	}
	v.came, v.left = nil, make(map[execution.ID]bool)
	defer func() { v.came, v.left = nil, nil }()
	begun := time.Now()
	v.mu.Unlock()
	ws, p, err := l.standing(ctx, name)
	line := p.line(ws, l.now())
	v.mu.Lock()
	if err != nil {
		return err
	}
	v.pool, v.line = p, slices.DeleteFunc(line, func(at place) bool { return v.left[at.ID] })
	v.known, v.ends = make(map[execution.ID]place, len(ws)), make(map[share]float64)
	for _, at := range v.line {
		v.known[at.ID], v.ends[share{at.UserID, at.level}] = at, at.turn
	}
	for _, w := range v.came {
		if !v.left[w.ID] && !p.holds(w.ID) {
			v.add(w, l.now())
		}
	}
	v.passed = slices.DeleteFunc(v.passed, func(p pass) bool {
		_, waits := v.known[p.id]
		return waits || v.pool.holds(p.id) || begun.Sub(p.at) > passLife
	})
	v.made, v.cost = time.Now(), time.Since(begun)
	return nil
}

// standing are those who wait for a pool, the first come first, and the pool.
func (l *Ledger) standing(ctx context.Context, name string) ([]waiter, pool, error) {
	ws, err := l.queue.list(ctx, name)
	if err != nil {
		return nil, pool{}, err
	}
	p, err := l.load(ctx, name)
	return slices.DeleteFunc(ws, func(w waiter) bool { return p.holds(w.ID) }), p, err
}

// index is where at stands in line, or would.
func (v *view) index(at place) int {
	i, _ := slices.BinarySearchFunc(v.line, at, func(a, b place) int { return a.compare(b.rank) })
	return i
}

// add puts w into line: behind its user's others at its level.
func (v *view) add(w waiter, now time.Time) place {
	if at, there := v.known[w.ID]; there {
		return at
	}
	if v.left != nil {
		v.came = append(v.came, w)
	}
	at := place{rank{level: v.pool.level(w, now), since: w.Since, id: w.ID}, w}
	key := share{w.UserID, at.level}
	if end, there := v.ends[key]; there {
		at.turn = end + v.pool.step(w.UserID)
	} else {
		at.turn = v.pool.next(new(v.pool.accountOf(w.UserID)), at.level)
	}
	v.line = slices.Insert(v.line, v.index(at), at)
	v.known[w.ID], v.ends[key] = at, at.turn
	return at
}

// saw notes how a pool stands.
func (l *Ledger) saw(p pool) {
	v := l.view(p.Name)
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.Version >= v.pool.Version {
		v.pool = p
	}
}

// leave takes id out of line.
func (l *Ledger) leave(name string, id execution.ID) {
	v := l.view(name)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left != nil {
		v.left[id] = true
	}
	if at, there := v.known[id]; there {
		i := v.index(at)
		v.line = slices.Delete(v.line, i, i+1)
		delete(v.known, id)
	}
}

// Place tells where id waits in a pool now; nil if it does not wait. What it
// tells may be some seconds old where very many wait.
func (l *Ledger) Place(ctx context.Context, id execution.ID, name string) (*execution.Queue, error) {
	v, err := l.look(ctx, name)
	if err != nil {
		return nil, err
	}
	if at, waits := v.known[id]; waits {
		defer v.mu.Unlock()
		return new(v.place(at.waiter, l.now())), nil
	}
	v.mu.Unlock()
	w, err := l.queue.get(ctx, id) // it may have come after v was made
	if err != nil || w == nil || w.Pool != name {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return new(v.place(*w, l.now())), nil
}

// place is where w stands, who waits.
func (v *view) place(w waiter, now time.Time) execution.Queue {
	i := v.index(v.add(w, now))
	q := execution.Queue{Position: int64(i) + 1}
	if v.pool.policy.Paused || slices.Contains(v.pool.policy.PausedLanguages, w.Language) {
		return q // nobody knows for how long
	}
	q.ETASeconds = v.pool.MeanHold * float64(q.Position) / float64(max(1, len(v.pool.Holders)))
	if own := v.pool.policy.UserRunning; own > 0 {
		mine := 1
		for _, other := range v.line[:i] {
			if other.UserID == w.UserID {
				mine++
			}
		}
		q.ETASeconds = max(q.ETASeconds, v.pool.MeanHold*float64(mine)/float64(own))
	}
	return q
}

// arrive puts w into line, and returns its place; an empty one if nobody knows.
func (l *Ledger) arrive(ctx context.Context, w waiter) execution.Queue {
	v := l.glance(ctx, w.Pool)
	if v == nil {
		return execution.Queue{}
	}
	defer v.mu.Unlock()
	return v.place(w, l.now())
}
