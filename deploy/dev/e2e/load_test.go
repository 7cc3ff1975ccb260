package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// mostAtOnce is how many scripts ran at one time.
func mostAtOnce(all []execution) (most int) {
	type edge struct {
		at time.Time
		by int
	}
	var edges []edge
	for _, x := range all {
		if x.StartedAt != nil && x.FinishedAt != nil {
			edges = append(edges, edge{*x.StartedAt, 1}, edge{*x.FinishedAt, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by
	})
	n := 0
	for _, e := range edges {
		n += e.by
		most = max(most, n)
	}
	return most
}

// I2, AD-04, AD-07, DF-02, DF-03.
func TestDF03CapacityIsNeitherExceededNorLeaked(t *testing.T) {
	s := begin(t, 2*time.Minute)
	var all []execution
	for i := range 15 {
		script := "import time; time.sleep(9)"
		if i%3 == 0 {
			script += "; raise SystemExit(1)" // a failed run gives back its capacity, too
		}
		all = append(all, s.submit(python(script)))
	}
	most, waited := 0, 0
	eventually(t, time.Minute, func() (bool, string) {
		holders, waiters, err := the.ledger.entries(s.ctx)
		most, waited = max(most, len(holders)), max(waited, len(waiters))
		return err == nil && waited > 0 && len(waiters) == 0, fmt.Sprintf("%d hold capacity, %d wait (%v)", len(holders), len(waiters), err)
	})
	if most != capacity || waited < 5 {
		t.Errorf("of 15 runs %d held capacity and %d waited, want %d and 5", most, waited, capacity)
	}
	for i := range all {
		all[i] = s.ended(all[i].ID)
		want := map[bool]string{true: "failed script_error 1", false: "completed 0"}[i%3 == 0]
		if got := all[i].verdict(); got != want {
			t.Errorf("%s: %s, want %s", all[i].ID, got, want)
		}
	}
	if err := await(s.ctx, 5*time.Second, the.ledger.empty(s.ctx)); err != nil {
		t.Error(err)
	}
	if n := mostAtOnce(all); n > capacity {
		t.Errorf("%d ran at once, the capacity is %d", n, capacity)
	}
}

// DF-14: and each stream, whenever it is opened, ends with the result.
func TestThirtyRunsTenAtATimeAllSucceed(t *testing.T) {
	s := begin(t, 3*time.Minute)
	var callers sync.WaitGroup
	all := make([]execution, 30)
	for caller := range 10 {
		callers.Go(func() {
			for i := caller; i < len(all); i += 10 {
				want := fmt.Sprintf("run %d\n", i)
				x := s.submit(python(fmt.Sprintf("print('run %d')", i)))
				pause(s.ctx, rand.N(2*time.Second))
				r := s.follow(the.urls[i%2], x.ID)
				all[i] = s.get(x.ID) // SS-02: at once, it is there
				if all[i].verdict() != "completed 0" || all[i].stdout() != want || r.printed["stdout"] != want {
					s.Errorf("%d: %s, stdout %q, streamed %q", i, all[i].verdict(), all[i].stdout(), r.printed["stdout"])
				}
			}
		})
	}
	callers.Wait()
	if n := mostAtOnce(all); n > capacity {
		t.Errorf("%d ran at once, the capacity is %d", n, capacity)
	}
	if err := await(s.ctx, 5*time.Second, the.ledger.empty(s.ctx)); err != nil {
		t.Error(err)
	}
	for _, x := range all {
		s.gone(x.ID, 10*time.Second) // KU-16
	}
}
