package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// Where somebody waits is when its turn will come, if nobody else comes.
func TestPlacesAreTheOrderToCome(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 4))
		c := &clock{noon}
		policy := execution.PoolPolicy{Executions: 1, AgeingSeconds: 60}
		if seed%2 == 0 {
			policy.Weights = []execution.Weight{{UserID: "u1", Weight: 0.3}, {UserID: "u2", Weight: 4}}
		}
		s := newShelf()
		l := s.ledger(policy, c)
		for n := range 25 {
			c.at = c.at.Add(time.Duration(random.IntN(30)) * time.Second)
			admit(t, l, needs(n))
			if random.IntN(3) == 0 {
				release(t, l, s.read("default").Holders[0].ID)
			}
		}
		fresh := s.ledger(policy, c) // whose view is made at one time
		want := make(map[int64]execution.ID)
		for id := range s.waiters {
			q, err := fresh.Place(t.Context(), id, "default")
			must(t, err)
			if was, taken := want[q.Position]; taken {
				t.Fatalf("seed %d: %s and %s have the same place", seed, id, was)
			}
			want[q.Position] = id
		}
		for n := int64(1); len(s.waiters) > 0; n++ {
			if got := release(t, l, s.read("default").Holders[0].ID); !slices.Equal(got, []execution.ID{want[n]}) {
				t.Fatalf("seed %d: place %d had %s, then came %v", seed, n, want[n], got)
			}
		}
	}
}

// What this process does moves places at once, without asking anybody.
func TestPlacesFollow(t *testing.T) {
	s := newShelf()
	l := s.ledger(execution.PoolPolicy{Executions: 1}, &clock{noon})
	places := func() (all []int64) {
		for i := range 5 {
			q, err := l.Place(t.Context(), execution.ID(fmt.Sprint("a", i)), "default")
			must(t, err)
			if q == nil {
				q = new(execution.Queue)
			}
			all = append(all, q.Position)
		}
		return all
	}
	for i := range 4 {
		if a := admit(t, l, of("ann", execution.ID(fmt.Sprint("a", i)), execution.Normal)); a.Position != int64(i) {
			t.Errorf("%d: %+v", i, a)
		}
	}
	if got := places(); !slices.Equal(got, []int64{0, 1, 2, 3, 0}) {
		t.Errorf("at first %v", got)
	}
	release(t, l, "a1")
	if got := places(); !slices.Equal(got, []int64{0, 0, 1, 2, 0}) {
		t.Errorf("after the first has left %v", got)
	}
	admit(t, l, of("ann", "a4", execution.High))
	if got := places(); !slices.Equal(got, []int64{0, 0, 2, 3, 1}) {
		t.Errorf("after a more urgent one %v", got)
	}
	if _, err := l.Move(t.Context(), "a3", "default", execution.Critical); err != nil {
		t.Error(err)
	}
	if got := places(); !slices.Equal(got, []int64{0, 0, 3, 1, 2}) {
		t.Errorf("after a move %v", got)
	}
	release(t, l, "a0")
	if got := places(); !slices.Equal(got, []int64{0, 0, 2, 0, 1}) {
		t.Errorf("after a turn %v", got)
	}
}

func TestEstimates(t *testing.T) {
	c := &clock{noon}
	l := newShelf().ledger(execution.PoolPolicy{Executions: 2, UserRunning: 1}, c)
	for i, want := range []float64{0, 0, 0} { // nobody knows
		if a := admit(t, l, of("ann", execution.ID(fmt.Sprint("a", i)), execution.Normal)); a.ETASeconds != want || a.Granted != (i == 0) {
			t.Errorf("%d: %+v", i, a)
		}
	}
	c.at = c.at.Add(10 * time.Second)
	release(t, l, "a0")
	if a := admit(t, l, of("ann", "a3", execution.Normal)); a.ETASeconds != 20 || a.Position != 2 {
		t.Errorf("behind one of its user's: %+v", a)
	}
	admit(t, l, of("bob", "b0", execution.Normal))
	if a := admit(t, l, of("eve", "e0", execution.Normal)); a.Position != 2 || a.ETASeconds != 10 {
		t.Errorf("beside others: %+v", a)
	}
}

func TestMoveChangesTheOrderOfThoseWhoWait(t *testing.T) {
	s := newShelf()
	l := s.ledger(execution.PoolPolicy{Executions: 1}, &clock{noon})
	for i := range 4 {
		admit(t, l, of("ann", execution.ID(fmt.Sprint("a", i)), execution.Normal))
	}
	if _, err := l.Move(t.Context(), "a3", "default", execution.High); err != nil {
		t.Error(err)
	}
	if _, err := l.Move(t.Context(), "a1", "default", execution.Low); err != nil {
		t.Error(err)
	}
	for _, id := range []execution.ID{"a0", "nobody"} {
		if _, err := l.Move(t.Context(), id, "default", execution.High); execution.KindOf(err) != execution.Conflict {
			t.Errorf("%s: %v", id, err)
		}
	}
	holder := execution.ID("a0")
	for _, want := range []execution.ID{"a3", "a2", "a1"} {
		if a := admit(t, l, of("ann", "a1", execution.Normal)); a.Granted { // it asks as it was submitted
			t.Errorf("a1: %+v", a)
		}
		if got := release(t, l, holder); !slices.Equal(got, []execution.ID{want}) {
			t.Errorf("after %s came %v, want %s", holder, got, want)
		}
		holder = want
	}
}

// A grant of which nobody heard is told again by every release, until its owner
// has asked.
func TestGrantIsToldUntilItIsHeard(t *testing.T) {
	l := newShelf().ledger(execution.PoolPolicy{Executions: 1}, &clock{noon})
	ctx := t.Context()
	admit(t, l, of("ann", "a", execution.Normal))
	admit(t, l, of("ann", "b", execution.Normal))
	for range 2 { // the answer to the first may have been lost
		if got, err := l.Release(ctx, "a", "default"); !slices.Equal(got, []execution.ID{"b"}) || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
	if got, err := l.Mend(ctx); !slices.Equal(got, []execution.ID{"b"}) || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	admit(t, l, of("ann", "b", execution.Normal))
	if got, err := l.Release(ctx, "a", "default"); len(got) != 0 || err != nil {
		t.Errorf("after b has heard: %v, %v", got, err)
	}
}

// What an operator sets stays; what nobody has set follows the default.
func TestPolicyIsOverTheDefault(t *testing.T) {
	s, ctx, c := newShelf(), t.Context(), &clock{noon}
	standard := execution.PoolPolicy{Executions: 10, Queued: 100, UserQueued: 5, AgeingSeconds: 300}
	l := s.ledger(standard, c)
	set := func(edit func(*execution.PoolPolicy)) error {
		_, err := l.SetPolicy(ctx, "default", func(p *execution.PoolPolicy) error {
			edit(p)
			return nil
		})
		return err
	}
	must(t, set(func(p *execution.PoolPolicy) {
		p.Executions, p.Paused, p.PausedLanguages = 3, true, []string{"ruby"}
		p.Weights = []execution.Weight{{UserID: "ann", Weight: 2}}
	}))
	standard.UserQueued = 7
	l = s.ledger(standard, c)
	want := standard
	want.Executions, want.Paused, want.PausedLanguages = 3, true, []string{"ruby"}
	want.Weights = []execution.Weight{{UserID: "ann", Weight: 2}}
	if got, err := l.Policy(ctx, "default"); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	err := set(func(p *execution.PoolPolicy) { p.Executions, p.Weights[0].Weight = 0, 1000 })
	fields, _ := err.(execution.FieldErrors) //nolint:errorlint // as it is
	if len(fields) != 2 || fields[0].Field != "max_executions" || fields[1].Field != "weights.weight" {
		t.Errorf("%v", err)
	}
	must(t, set(func(p *execution.PoolPolicy) { *p = standard }))
	if p := s.read("default"); len(p.Own) != 0 {
		t.Errorf("as all others, and yet %v", p.Own)
	}
}

func TestCheck(t *testing.T) {
	s, ctx := newShelf(), t.Context()
	l := s.ledger(execution.PoolPolicy{Executions: 1, UserQueued: 2, Queued: 3, CPUMillis: 2000}, &clock{noon})
	check := func(user string, id execution.ID, want string) {
		t.Helper()
		if err := l.Check(ctx, of(user, id, execution.Normal)); execution.CodeOf(err) != want && (err != nil || want != "") {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	large := of("ann", "large", execution.Normal)
	large.CPUMillis = 2001
	if fields, ok := l.Check(ctx, large).(execution.FieldErrors); !ok || fields[0].Field != "limits.cpu_millis" { //nolint:errorlint // as it is
		t.Errorf("large: %v", fields)
	}
	check("ann", "a0", "") // it will run; those that follow will wait, though nobody has seen them in the ledger yet
	check("ann", "a1", "")
	check("ann", "a2", "")
	check("ann", "a3", "user_queue_full")
	check("bob", "b0", "")
	check("bob", "b1", "queue_full")
	for _, id := range []execution.ID{"a0", "a1", "a2", "b0"} {
		admit(t, l, of(string(id[:1]), id, execution.Normal))
	}
	check("eve", "e0", "queue_full")
	release(t, l, "a0") // now there are two in the queue
	check("eve", "e1", "")
	check("eve", "e2", "queue_full")
}

// AD-09: what is kept back is for nobody; the rest is given out more than once,
// but never to one run.
func TestOvercommit(t *testing.T) {
	s, ctx := newShelf(), t.Context()
	l := s.ledger(execution.PoolPolicy{Executions: 10, CPUMillis: 4000, ReservePercent: 25, Overcommit: 1.5}, &clock{noon})
	large := of("ann", "large", execution.Normal)
	large.CPUMillis = 3001
	if fields, ok := l.Check(ctx, large).(execution.FieldErrors); !ok || fields[0].Field != "limits.cpu_millis" { //nolint:errorlint // as it is
		t.Errorf("large: %v", fields)
	}
	large.CPUMillis = 3000
	admit(t, l, large)
	for i := range 3 {
		admit(t, l, of("bob", execution.ID(fmt.Sprint("b", i)), execution.Normal))
	}
	all, err := l.Status(ctx)
	if got := all[0]; err != nil || got.Running != 2 || got.Waiting != 2 || got.CPUMillis != 4000 || got.Budget.CPUMillis != 4500 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStatus(t *testing.T) {
	s, c := newShelf(), &clock{noon}
	l := s.ledger(execution.PoolPolicy{Executions: 1}, c)
	l.names = []string{"unused"}
	admit(t, l, of("ann", "a0", execution.Normal))
	admit(t, l, of("ann", "a1", execution.Normal))
	admit(t, l, of("ann", "a2", execution.Low))
	for u := range 11 {
		admit(t, l, of(fmt.Sprint("u", 10+u), execution.ID(fmt.Sprint("b", u)), execution.Low))
	}
	c.at = c.at.Add(time.Minute)
	all, err := l.Status(t.Context())
	if err != nil || len(all) != 2 || all[0].Pool != "default" || all[1].Pool != "unused" || all[1].Policy.Executions != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	got := all[0]
	if got.Running != 1 || got.Waiting != 13 || got.ByPriority["low"] != 12 || got.CPUMillis != 1000 || got.MemoryBytes != 1 || got.OldestWait != 60 {
		t.Errorf("%+v", got)
	}
	if len(got.TopUsers) != 10 || got.TopUsers[0] != (execution.UserCount{UserID: "ann", Waiting: 2, Running: 1}) || got.TopUsers[1].UserID != "u10" {
		t.Errorf("%+v", got.TopUsers)
	}
}

// A sweep sees who holds every time, and in turn all who wait.
func TestEntriesComeRound(t *testing.T) {
	s, c := newShelf(), &clock{noon}
	l := s.ledger(execution.PoolPolicy{Executions: 1}, c)
	admit(t, l, of("ann", "holder", execution.Normal))
	const all = 2*swept + swept/2
	for i := range all {
		w := waiterOf(of("ann", execution.ID(fmt.Sprintf("w%04d", i)), execution.Normal), noon)
		s.waiters[w.ID] = w
	}
	seen := make(map[execution.ID]int)
	for range 4 {
		entries, err := l.Entries(t.Context(), noon.Add(time.Second))
		must(t, err)
		if !entries[0].Granted || entries[0].ID != "holder" || len(entries) > swept+1 {
			t.Errorf("%d entries, %+v", len(entries), entries[0])
		}
		for _, e := range entries[1:] {
			seen[e.ID]++
		}
	}
	if len(seen) != all || seen["w0000"] != 4 || seen["w0600"] != 1 {
		t.Errorf("saw %d of %d", len(seen), all)
	}
	if entries, err := l.Entries(t.Context(), noon); len(entries) != 0 || err != nil {
		t.Errorf("nobody is that old: %d, %v", len(entries), err)
	}
}

// Whoever was overlooked is found, whoever is gone is forgotten, and waiting
// alone can make somebody the first.
func TestMend(t *testing.T) {
	s, c, ctx := newShelf(), &clock{noon}, t.Context()
	l := s.ledger(execution.PoolPolicy{Executions: 2, CPUMillis: 3000, AgeingSeconds: 60}, c)
	admit(t, l, of("ann", "a0", execution.Normal))
	large := of("ann", "large", execution.High)
	large.CPUMillis = 3000
	c.at = c.at.Add(50 * time.Second)
	admit(t, l, large)
	older := of("bob", "old", execution.Normal)
	older.Due = noon
	s.waiters["old"] = waiterOf(older, c.at)
	if got, err := l.Mend(ctx); len(got) != 0 || err != nil || new(s.read("default")).head(lane{"bob", execution.Normal, "python"}) == nil {
		t.Errorf("large is first: %v, %v", got, err)
	}
	c.at = noon.Add(125 * time.Second) // old is at level 1 now, as is large, which is younger
	if got, err := l.Mend(ctx); !slices.Equal(got, []execution.ID{"old"}) || err != nil {
		t.Errorf("old is first: %v, %v", got, err)
	}
	delete(s.waiters, "large")
	s.waiters["old"] = waiterOf(older, c.at) // left over
	if _, err := l.Mend(ctx); err != nil || len(s.waiters) != 0 || new(s.read("default")).account("ann").Heads != nil {
		t.Errorf("%v, %+v, %v", s.waiters, s.read("default"), err)
	}
	before := s.saves
	if _, err := l.Mend(ctx); err != nil || s.saves != before {
		t.Errorf("written though nothing changed; %v", err)
	}
}
