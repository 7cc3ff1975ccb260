package store

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// narrow is a policy for n at once.
func narrow(n int) execution.PoolPolicy { return execution.PoolPolicy{Executions: n, Queued: 1000} }

// Many processes run executions through a small pool at once: never too many
// hold, everybody gets a turn, and in the end the ledger is empty.
func TestLedgerUnderContention(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var running, most, ended int
	var mu sync.Mutex
	var all sync.WaitGroup
	for process := range 4 {
		ledger := s.Ledger(narrow(3))
		for n := range 5 {
			all.Go(func() {
				c := of(fmt.Sprint("u", n%3), execution.ID(strconv.Itoa(process*100+n)), execution.Normal)
				for {
					a, err := ledger.Admit(ctx, c)
					if err != nil {
						t.Error(err)
						return
					}
					if a.Granted {
						break
					}
				}
				mu.Lock()
				running, ended = running+1, ended+1
				most = max(most, running)
				mu.Unlock()
				for range 3 {
					if a, err := ledger.Admit(ctx, c); err != nil || !a.Granted {
						t.Errorf("%s holds, and then: %+v, %v", c.ID, a, err)
					}
				}
				mu.Lock()
				running--
				mu.Unlock()
				for range 2 { // again is harmless
					if _, err := ledger.Release(ctx, c.ID, "default"); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	entries, err := s.Ledger(narrow(1)).Entries(ctx, time.Now().Add(time.Hour))
	if err != nil || len(entries) != 0 || most > 3 || ended != 20 {
		t.Errorf("%d ended, at most %d at once, left %v, %v", ended, most, entries, err)
	}
	var left pool
	must(t, s.pools.FindOne(ctx, bson.M{"_id": "default"}).Decode(&left))
	if len(left.Accounts) != 0 || left.Runs != 20 {
		t.Errorf("%+v", left)
	}
}

// The documents are what the ledger thinks they are: of all that it does to
// them each is done once.
func TestLedgerOnTheDatabase(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	l := s.Ledger(narrow(1), "gpu")
	_, err := s.pools.InsertOne(ctx, bson.M{ // as it was before waiters were documents
		"_id": "default", "version": 7, "limits": bson.M{"executions": 3}, "waiters": bson.A{bson.M{"id": "a1", "pool": "default", "since": noon}},
		"holders": bson.A{bson.M{"id": "a0", "user_id": "ann", "pool": "default", "priority": "normal", "cpu_millis": 1, "memory_bytes": 1, "since": noon}},
	})
	must(t, err)
	for i := 1; i < 5; i++ { // those who waited ask again by themselves
		c := of("ann", execution.ID(fmt.Sprint("a", i)), execution.Normal)
		c.Due = noon.Add(time.Duration(i) * time.Millisecond)
		for range 2 {
			if a, err := l.Admit(ctx, c); err != nil || a.Granted || a.Position != int64(i) {
				t.Errorf("a%d: %+v, %v", i, a, err)
			}
		}
	}
	if _, err := l.Move(ctx, "a4", "default", execution.High); err != nil {
		t.Error(err)
	}
	if q, err := l.Place(ctx, "a4", "default"); err != nil || q == nil || q.Position != 1 {
		t.Errorf("a4: %+v, %v", q, err)
	}
	if granted, err := l.Release(ctx, "a3", "default"); err != nil || len(granted) != 0 {
		t.Errorf("a3 waited: %v, %v", granted, err)
	}
	for _, x := range []struct{ ends, next execution.ID }{{"a0", "a4"}, {"a4", "a1"}, {"a1", "a2"}} {
		if granted, err := l.Release(ctx, x.ends, "default"); err != nil || !slices.Equal(granted, []execution.ID{x.next}) {
			t.Errorf("after %s came %v, %v", x.ends, granted, err)
		}
		if a, err := l.Admit(ctx, of("ann", x.next, execution.Normal)); err != nil || !a.Granted {
			t.Errorf("%s: %+v, %v", x.next, a, err)
		}
	}
	entries, err := l.Entries(ctx, time.Now().Add(time.Hour))
	if err != nil || len(entries) != 1 || entries[0].ID != "a2" || !entries[0].Granted || entries[0].UserID != "ann" || entries[0].Pool != "default" {
		t.Errorf("%+v, %v", entries, err)
	}
	_, err = l.SetPolicy(ctx, "gpu", func(p *execution.PoolPolicy) error { p.Paused = true; return nil })
	must(t, err)
	all, err := s.Ledger(narrow(5)).Status(ctx)
	if err != nil || len(all) != 2 || all[0].Running != 1 || all[1].Pool != "gpu" || !all[1].Policy.Paused || all[1].Policy.Executions != 5 {
		t.Errorf("%+v, %v", all, err)
	}
	if granted, err := l.Release(ctx, "a2", "default"); err != nil || len(granted) != 0 {
		t.Errorf("a2: %v, %v", granted, err)
	}
	if got, err := l.Mend(ctx); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if n, err := s.waiters.CountDocuments(ctx, bson.M{}); err != nil || n != 0 {
		t.Errorf("%d waiters are left, %v", n, err)
	}
}

// The next of a lane is found however far in time it is, and however many are
// close together.
func TestNextIsFoundNearAndFar(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	d := &waiterDocuments{of: s.waiters}
	now := time.Now().UTC().Truncate(time.Millisecond)
	var want []execution.ID
	put := func(ago time.Duration) {
		w := waiterOf(of("ann", execution.ID(fmt.Sprintf("w%03d", len(want))), execution.Normal), now.Add(-ago))
		_, _, err := d.put(ctx, w)
		must(t, err)
		want = append(want, w.ID)
	}
	put(23 * time.Hour)
	put(50 * time.Minute)
	for i := range 60 { // a burst
		put(10*time.Second - time.Duration(i/20)*time.Millisecond)
	}
	put(time.Second)
	put(-10 * time.Second) // of a process whose clock is ahead
	other := waiterOf(of("bob", "other", execution.Normal), now)
	_, _, err := d.put(ctx, other)
	must(t, err)
	g := gap{lane{"ann", execution.Normal, "python"}, now.Add(-24 * time.Hour)}
	var got []execution.ID
	for {
		w, err := d.next(ctx, "default", g, func(id execution.ID) bool { return slices.Contains(got, id) })
		must(t, err)
		if w == nil {
			break
		}
		got, g.from = append(got, w.ID), w.Since
		if n := len(got); n%2 == 0 { // half of them go at once, half are left over
			_, err := d.drop(ctx, w.ID)
			must(t, err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if len(d.pace) != 0 {
		t.Errorf("the lane is empty, and yet %v", d.pace)
	}
}

// The row has where an execution began to wait; who asks gets where it waits.
func TestPlaceInTheQueueIsThePresentOne(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	l := s.Ledger(narrow(1))
	var xs []execution.Execution
	for range 4 {
		x := queued(t, s)
		a, err := l.Admit(ctx, execution.CapacityOf(x))
		must(t, err)
		if !a.Granted {
			must(t, s.SetQueue(ctx, x.ID, &execution.Queue{Position: a.Position}))
		}
		xs = append(xs, x)
	}
	places := func() (all []int64) {
		for _, x := range xs {
			q, err := l.Place(ctx, x.ID, x.Pool)
			must(t, err)
			if q != nil {
				all = append(all, q.Position)
			} else {
				all = append(all, 0)
			}
		}
		return all
	}
	if got := places(); !slices.Equal(got, []int64{0, 1, 2, 3}) {
		t.Errorf("at first %v", got)
	}
	_, err := l.Release(ctx, xs[1].ID, xs[1].Pool) // leaves the queue
	must(t, err)
	if got := places(); !slices.Equal(got, []int64{0, 0, 1, 2}) {
		t.Errorf("after the first has left %v", got)
	}
}
