package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// shelf keeps pools and waiters in memory, as bytes, as the database does.
type shelf struct {
	mu      sync.Mutex
	pools   map[string][]byte
	waiters map[execution.ID]waiter

	step  func(context.Context) error // before each access; nil: nothing
	fault func() error                // after each access; nil: nothing
	saved func(was, is pool)          // nil: nobody looks
	saves int
}

func newShelf() *shelf {
	return &shelf{pools: make(map[string][]byte), waiters: make(map[execution.ID]waiter)}
}

// access does one thing with what is on the shelf.
func (s *shelf) access(ctx context.Context, do func()) error {
	if s.step != nil {
		if err := s.step(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	if s.fault != nil {
		return s.fault()
	}
	return nil
}

func (s *shelf) read(name string) pool {
	p := pool{Name: name}
	if raw := s.pools[name]; raw != nil {
		if err := bson.Unmarshal(raw, &p); err != nil {
			panic(err)
		}
	}
	return p
}

func (s *shelf) load(ctx context.Context, name string) (p pool, err error) {
	err = s.access(ctx, func() { p = s.read(name) })
	return p, err
}

func (s *shelf) save(ctx context.Context, p pool) (done bool, err error) {
	err = s.access(ctx, func() {
		was := s.read(p.Name)
		if was.Version != p.Version {
			return
		}
		p.Version++
		raw, err := bson.Marshal(p)
		if err != nil {
			panic(err)
		}
		s.pools[p.Name], done = raw, true
		s.saves++
		if s.saved != nil {
			s.saved(was, p)
		}
	})
	return done, err
}

func (s *shelf) names(ctx context.Context) (names []string, err error) {
	err = s.access(ctx, func() { names = slices.Sorted(maps.Keys(s.pools)) })
	return names, err
}

func (s *shelf) put(ctx context.Context, w waiter) (there waiter, fresh bool, err error) {
	err = s.access(ctx, func() {
		if _, known := s.waiters[w.ID]; !known {
			s.waiters[w.ID], fresh = w, true
		}
		there = s.waiters[w.ID]
	})
	return there, fresh, err
}

func (s *shelf) get(ctx context.Context, id execution.ID) (w *waiter, err error) {
	err = s.access(ctx, func() {
		if found, there := s.waiters[id]; there {
			w = &found
		}
	})
	return w, err
}

func (s *shelf) drop(ctx context.Context, ids ...execution.ID) (n int64, err error) {
	err = s.access(ctx, func() {
		for _, id := range ids {
			if _, there := s.waiters[id]; there {
				n++
			}
			delete(s.waiters, id)
		}
	})
	return n, err
}

func (s *shelf) move(ctx context.Context, id execution.ID, pool string, to execution.Priority) (there bool, err error) {
	err = s.access(ctx, func() {
		var w waiter
		if w, there = s.waiters[id]; there && w.Pool == pool {
			w.Priority = to
			s.waiters[id] = w
		}
	})
	return there, err
}

func (s *shelf) next(ctx context.Context, pool string, g gap, but func(execution.ID) bool) (first *waiter, err error) {
	err = s.access(ctx, func() {
		for _, w := range s.sorted(pool) {
			if w.lane() == g.lane && !w.Since.Before(g.from) && !but(w.ID) {
				first = &w
				return
			}
		}
	})
	return first, err
}

func (s *shelf) list(ctx context.Context, pool string) (ws []waiter, err error) {
	err = s.access(ctx, func() { ws = s.sorted(pool) })
	return ws, err
}

func (s *shelf) sorted(pool string) []waiter {
	return slices.SortedFunc(func(yield func(waiter) bool) {
		for _, w := range s.waiters {
			if w.Pool == pool && !yield(w) {
				return
			}
		}
	}, func(a, b waiter) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
}

// clock is a time that passes when it is told to.
type clock struct{ at time.Time }

// ledger returns one whose documents are on s, and whose time is c.
func (s *shelf) ledger(policy execution.PoolPolicy, c *clock) *Ledger {
	if policy.Queued == 0 {
		policy.Queued = 10_000
	}
	l := newLedger(s, s, policy, nil)
	l.now = func() time.Time { return c.at }
	return l
}

// admit asks for room, and fails the test if that goes wrong.
func admit(t *testing.T, l *Ledger, c execution.Capacity) execution.Admission {
	t.Helper()
	a, err := l.Admit(t.Context(), c)
	must(t, err)
	return a
}

// release gives room back, lets all who should ask again do so, and returns who
// they are.
func release(t *testing.T, l *Ledger, id execution.ID) []execution.ID {
	t.Helper()
	granted, err := l.Release(t.Context(), id, "default")
	must(t, err)
	for _, id := range granted {
		if a := admit(t, l, execution.Capacity{ID: id, Pool: "default"}); !a.Granted {
			t.Errorf("%s was called, and is not let in: %+v", id, a)
		}
	}
	return granted
}
