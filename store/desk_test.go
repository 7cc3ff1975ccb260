package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// slow is a shelf on which each access takes a while.
func slow() *shelf {
	s := newShelf()
	s.step = func(ctx context.Context) error {
		select {
		case <-time.After(10 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s
}

// Who waits for a pool at the same time is served in one write: a hundred take
// little longer than one.
func TestAPoolBearsManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slow()
		l := s.ledger(execution.PoolPolicy{Executions: 60}, &clock{noon})
		begun := time.Now()
		var mu sync.Mutex
		var all sync.WaitGroup
		granted := 0
		for n := range 100 {
			all.Go(func() {
				a, err := l.Admit(t.Context(), execution.Capacity{ID: execution.ID(fmt.Sprintf("x%03d", n)), UserID: "ann", Pool: "default", Priority: execution.Normal})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if a.Granted {
					granted++
				}
			})
		}
		all.Wait()
		if took := time.Since(begun); granted != 60 || s.saves > 12 || took > 2*time.Second {
			t.Errorf("%d were let in, with %d writes, in %s", granted, s.saves, took)
		}
		if p := s.read("default"); len(p.Holders) != 60 || len(s.waiters) != 40 {
			t.Errorf("%d hold, %d wait", len(p.Holders), len(s.waiters))
		}
	})
}

// Of those who are served together, one that fails leaves no trace, and the
// others get what they want.
func TestAWishThatFailsHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow().ledger(execution.PoolPolicy{Executions: 9}, &clock{noon})
		errs := make([]error, 6)
		var all sync.WaitGroup
		for n := range errs {
			all.Go(func() {
				_, errs[n] = l.change(t.Context(), "default", func(_ context.Context, p *pool) error {
					p.enter(waiter{ID: execution.ID(fmt.Sprint(n)), UserID: fmt.Sprint(n), Priority: execution.Normal})
					if n%2 == 0 {
						return errCrash
					}
					return nil
				})
			})
		}
		all.Wait()
		p, err := l.load(t.Context(), "default")
		if err != nil {
			t.Fatal(err)
		}
		for n, err := range errs {
			if wrong := n%2 == 0; errors.Is(err, errCrash) != wrong || (p.account(fmt.Sprint(n)) == nil) != wrong {
				t.Errorf("%d: %v, and in the end %+v", n, err, p.Accounts)
			}
		}
	})
}

// Who does not wait any more is not served, and does not hold up others. Whoever
// was to write for others does so, though nobody waits for itself.
func TestAWishThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow().ledger(execution.PoolPolicy{Executions: 9}, &clock{noon})
		wish := func(ctx context.Context, id string) error {
			_, err := l.change(ctx, "default", func(_ context.Context, p *pool) error {
				p.enter(waiter{ID: execution.ID(id), UserID: id, Priority: execution.Normal})
				return nil
			})
			return err
		}
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = wish(first, "first") })
		synctest.Wait() // it reads
		second, tooLong := context.WithTimeout(t.Context(), time.Millisecond)
		defer tooLong()
		all.Go(func() {
			if err := wish(second, "second"); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := wish(t.Context(), "third"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(5 * time.Millisecond)
		leave()
		all.Wait()
		p, err := l.load(t.Context(), "default")
		if err != nil || p.account("first") == nil || p.account("second") != nil || p.account("third") == nil {
			t.Errorf("%v: %+v", err, p.Accounts)
		}
	})
}
