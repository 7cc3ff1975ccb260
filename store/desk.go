package store

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// errUnchanged is of a decision that leaves a pool as it was; it fails nobody.
var errUnchanged = errors.New("nothing is changed")

const (
	together = 64              // wishes for a pool that come true in one write
	oneTurn  = 5 * time.Second // for all accesses of one turn
)

// desk is where the wishes of this process for a pool are collected: each write
// takes along all that were waiting for it, so that a pool bears many at once.
type desk struct {
	turn chan struct{} // has room for who is next

	mu     sync.Mutex
	wishes []*wish // in the order in which they came
}

// wish is a change of a pool that somebody waits for.
type wish struct {
	ctx    context.Context
	decide func(context.Context, *pool) error

	done chan struct{} // closed when the rest is known
	pool pool
	err  error
}

func (l *Ledger) desk(pool string) *desk {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.desks[pool] == nil {
		l.desks[pool] = &desk{turn: make(chan struct{}, 1)}
	}
	return l.desks[pool]
}

func (d *desk) put(w *wish) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wishes = append(d.wishes, w)
}

// take returns the first wishes. Nobody waits any more for those whose context
// is done.
func (d *desk) take() (batch []*wish) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.wishes) > 0 && len(batch) < together {
		w := d.wishes[0]
		d.wishes = d.wishes[1:]
		if w.err = w.ctx.Err(); w.err != nil {
			close(w.done)
			continue
		}
		batch = append(batch, w)
	}
	return batch
}

// change reads a pool, lets decide change it, and writes it back if nobody else
// did meanwhile. If somebody did, it decides again on what is true now. What
// changes nothing is not written: the document is hot. It returns the pool as
// it is then, which nobody may change. After an error of decide the pool is as
// if it had not been called.
//
// One at a time does that for all who wait: decide may be called by another.
func (l *Ledger) change(ctx context.Context, name string, decide func(context.Context, *pool) error) (pool, error) {
	d, w := l.desk(name), &wish{ctx: ctx, decide: decide, done: make(chan struct{})}
	d.put(w)
	select {
	case <-w.done:
		return w.pool, w.err
	case <-ctx.Done():
		return pool{}, ctx.Err()
	case d.turn <- struct{}{}:
	}
	defer func() { <-d.turn }()
	for {
		select {
		case <-w.done:
			return w.pool, w.err
		default:
		}
		l.fulfil(ctx, name, d.take())
	}
}

// fulfil makes wishes come true, also if the caller is not waited for any more:
// others are.
func (l *Ledger) fulfil(ctx context.Context, name string, batch []*wish) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), oneTurn)
	defer stop()
	p, err := l.apply(ctx, name, batch)
	for _, w := range batch {
		if w.err = cmp.Or(err, w.err); w.err == nil {
			w.pool = p
		}
		close(w.done)
	}
}

func (l *Ledger) apply(ctx context.Context, name string, batch []*wish) (pool, error) {
	for {
		p, err := l.load(ctx, name)
		if err != nil {
			return pool{}, err
		}
		for _, w := range batch {
			w.on(ctx, &p)
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
			l.tell(ctx, p)
			return p, nil
		}
		select {
		case <-ctx.Done():
			return pool{}, ctx.Err()
		case <-time.After(time.Duration(rand.IntN(5_000)) * time.Microsecond): //nolint:gosec // only not to be in step with the others
		}
	}
}

// on lets w change p, or leaves p as it was.
func (w *wish) on(ctx context.Context, p *pool) {
	before := p.clone()
	w.err = w.decide(ctx, p)
	if w.err == nil {
		return
	}
	*p = before
	p.empty = nil // it was so beside those who were let in
	if errors.Is(w.err, errUnchanged) {
		w.err = nil
	}
}
