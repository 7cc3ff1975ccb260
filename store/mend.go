package store

import (
	"context"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// swept is how many of those who wait for one pool Entries returns at most: the
// first half of them are those that wait the longest.
const swept = 1000

// Entries returns who has had capacity since before a time, and who has waited
// for it: of these the oldest, and some more, all in turn.
func (l *Ledger) Entries(ctx context.Context, before time.Time) ([]execution.Held, error) {
	names, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	var entries []execution.Held
	for _, name := range names {
		ws, p, err := l.standing(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, h := range p.Holders {
			if h.Since.Before(before) {
				h.Pool = name
				entries = append(entries, execution.Held{Capacity: h.Capacity, Since: h.Since, Granted: true})
			}
		}
		ws = slices.DeleteFunc(ws, func(w waiter) bool { return !w.Since.Before(before) })
		for _, w := range l.inTurn(name, ws) {
			entries = append(entries, execution.Held{Capacity: w.capacity(), Since: w.Since})
		}
	}
	return entries, nil
}

// inTurn returns the oldest of ws, and of the others those that come after the
// last that it returned, or the first again.
func (l *Ledger) inTurn(name string, ws []waiter) []waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := min(len(ws), swept/2)
	others := ws[oldest:]
	last := l.swept[name]
	from := max(slices.IndexFunc(others, func(w waiter) bool { return last.before(w) }), 0)
	others = others[from:min(len(others), from+swept/2)]
	if len(others) > 0 {
		l.swept[name] = others[len(others)-1]
	}
	return slices.Concat(ws[:oldest], others)
}

// Mend looks, in all pools, for what fell through: who waits and was overlooked,
// who heads a lane and waits no more, who waits and has room already. It lets in
// who has come to be first by waiting alone, and returns who should ask again.
func (l *Ledger) Mend(ctx context.Context) (expectant []execution.ID, err error) {
	names, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		ids, err := l.mend(ctx, name)
		if err != nil {
			return expectant, err
		}
		expectant = append(expectant, ids...)
	}
	return expectant, nil
}

func (l *Ledger) mend(ctx context.Context, name string) ([]execution.ID, error) {
	ws, err := l.queue.list(ctx, name)
	if err != nil {
		return nil, err
	}
	p, err := l.load(ctx, name)
	if err != nil {
		return nil, err
	}
	var over []execution.ID
	firsts := make(map[lane]waiter)
	for _, w := range ws {
		if p.holds(w.ID) {
			over = append(over, w.ID)
		} else if _, there := firsts[w.lane()]; !there {
			firsts[w.lane()] = w
		}
	}
	if len(over) > 0 {
		if _, err := l.queue.drop(ctx, over...); err != nil {
			return nil, err
		}
	}
	doubtful := p.doubtful(firsts)
	p, err = l.change(ctx, name, func(ctx context.Context, p *pool) error {
		var gaps []gap
		for _, id := range doubtful {
			w, err := l.queue.get(ctx, id)
			if err != nil {
				return err
			}
			switch {
			case w == nil:
				gaps = append(gaps, p.forget(id)...)
			case !p.holds(id) && (!p.heads(*w) || p.headed(id) != 1):
				gaps = append(gaps, p.forget(id)...) // also of a lane that it left
				p.enter(*w)
			}
		}
		return l.refill(ctx, p, gaps)
	})
	return p.expectant(), err
}

// doubtful are those of whom p and those who wait disagree: firsts are the first
// of each lane.
func (p *pool) doubtful(firsts map[lane]waiter) (ids []execution.ID) {
	for _, w := range firsts {
		if !p.heads(w) {
			ids = append(ids, w.ID)
		}
	}
	for _, a := range p.Accounts {
		for i := range a.Heads {
			w := a.head(i, p.Name)
			if firsts[w.lane()].ID != w.ID {
				ids = append(ids, w.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// heads reports whether w is the first of its lane, as it is now.
func (p *pool) heads(w waiter) bool {
	head := p.head(w.lane())
	return head != nil && head.ID == w.ID && head.Since.Equal(w.Since)
}

// headed counts the lanes of which id is the first.
func (p *pool) headed(id execution.ID) (n int) {
	for _, a := range p.Accounts {
		for _, w := range a.Heads {
			if w.ID == id {
				n++
			}
		}
	}
	return n
}
