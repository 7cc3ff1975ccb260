package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// of is what an execution of user takes.
func of(user string, id execution.ID, p execution.Priority) execution.Capacity {
	return execution.Capacity{ID: id, UserID: user, Pool: "default", Priority: p, Language: "python", CPUMillis: 1000, MemoryBytes: 1}
}

func TestPoolServesInOrder(t *testing.T) {
	c := &clock{noon}
	l := newShelf().ledger(execution.PoolPolicy{Executions: 1}, c)
	for _, w := range []execution.Capacity{
		of("ann", "a", execution.Normal), of("ann", "low", execution.Low), of("ann", "n1", execution.Normal), of("ann", "n2", execution.Normal),
		of("ann", "n3", execution.Normal), of("ann", "high", execution.High),
	} {
		c.at = c.at.Add(time.Second)
		admit(t, l, w)
	}
	if a := admit(t, l, of("ann", "n2", execution.Normal)); a.Granted || a.Position != 3 {
		t.Errorf("n2: %+v, want position 3", a)
	}
	if granted := release(t, l, "n1"); len(granted) > 0 { // it leaves the queue
		t.Errorf("after n1, who held nothing, came %v", granted)
	}
	holder := execution.ID("a")
	for _, want := range []execution.ID{"high", "n2", "n3", "low"} {
		if granted := release(t, l, holder); !slices.Equal(granted, []execution.ID{want}) {
			t.Fatalf("after %s came %v, want %s", holder, granted, want)
		}
		holder = want
	}
}

// Who was submitted first is first, also if its saga came later to the ledger.
func TestOrderIsThatOfSubmission(t *testing.T) {
	c := &clock{noon}
	l := newShelf().ledger(execution.PoolPolicy{Executions: 1}, c)
	holder := execution.ID("")
	for i, late := range []int{0, 3, 2, 5, 1, 4} {
		w := of("ann", execution.ID(fmt.Sprint(late)), execution.Normal)
		w.Due = noon.Add(-time.Minute).Add(time.Duration(late) * time.Second)
		if a := admit(t, l, w); a.Granted != (i == 0) {
			t.Fatalf("%s: %+v", w.ID, a)
		}
		holder = "0"
	}
	for _, want := range []execution.ID{"1", "2", "3", "4", "5"} {
		if granted := release(t, l, holder); !slices.Equal(granted, []execution.ID{want}) {
			t.Fatalf("after %s came %v, want %s", holder, granted, want)
		}
		holder = want
	}
}

// A large one at the head is not overtaken by small ones that would fit; one
// that will never fit is refused, or told to ask again if it waits already.
func TestPoolDoesNotStarveTheLarge(t *testing.T) {
	s := newShelf()
	l := s.ledger(execution.PoolPolicy{Executions: 10, MemoryBytes: 10}, &clock{noon})
	sized := func(id execution.ID, memory int64) execution.Capacity {
		w := of("ann", id, execution.Normal)
		w.MemoryBytes = memory
		return w
	}
	_, err := l.Admit(t.Context(), sized("huge", 11))
	if fields, ok := err.(execution.FieldErrors); !ok || fields[0].Field != "limits.memory_bytes" || len(s.waiters) != 0 { //nolint:errorlint // as it is
		t.Errorf("huge: %v", err)
	}
	admit(t, l, sized("a", 5))
	admit(t, l, sized("b", 3))
	if a := admit(t, l, sized("large", 9)); a.Position != 1 {
		t.Errorf("large: %+v", a)
	}
	if a := admit(t, l, sized("small", 1)); a.Granted {
		t.Error("small overtook large")
	}
	if granted := release(t, l, "a"); len(granted) != 0 {
		t.Errorf("after a came %v", granted)
	}
	granted, err := l.SetPolicy(t.Context(), "default", func(p *execution.PoolPolicy) error {
		p.MemoryBytes = 8
		return nil
	})
	if err != nil || !slices.Equal(granted, []execution.ID{"large"}) {
		t.Errorf("when large could never fit, %v were told, %v", granted, err)
	}
	if _, err := l.Admit(t.Context(), sized("large", 9)); execution.KindOf(err) != execution.Invalid {
		t.Errorf("large, asked again: %v", err)
	}
	if granted := release(t, l, "large"); !slices.Equal(granted, []execution.ID{"small"}) {
		t.Errorf("when large had gone came %v", granted)
	}
}

// Who comes next is known before the one after that: of many that are let in at
// once, too.
func TestMuchRoomKeepsTheOrder(t *testing.T) {
	l := newShelf().ledger(execution.PoolPolicy{Executions: 1}, &clock{noon})
	for _, c := range []execution.Capacity{
		of("ann", "a", execution.Normal), of("ann", "b", execution.Normal), of("ann", "c", execution.Normal), of("ann", "low", execution.Low), of("ann", "d", execution.Normal),
	} {
		admit(t, l, c)
	}
	granted, err := l.SetPolicy(t.Context(), "default", func(p *execution.PoolPolicy) error { p.Executions = 4; return nil })
	if err != nil || !slices.Equal(granted, []execution.ID{"b", "c", "d"}) {
		t.Errorf("%v, %v", granted, err)
	}
}

// Passed over is who runs as much as one user may, and whose language is paused.
func TestWhoMayNotRunDoesNotBlock(t *testing.T) {
	l := newShelf().ledger(execution.PoolPolicy{Executions: 3, UserRunning: 2, PausedLanguages: []string{"ruby"}}, &clock{noon})
	for i, want := range []bool{true, true, false, false} {
		if a := admit(t, l, of("ann", execution.ID(fmt.Sprint("a", i)), execution.Normal)); a.Granted != want {
			t.Errorf("ann's %d: %+v", i, a)
		}
	}
	ruby := of("bob", "ruby", execution.Critical)
	ruby.Language = "ruby"
	if a := admit(t, l, ruby); a.Granted || a.ETASeconds != 0 {
		t.Errorf("a paused language: %+v", a)
	}
	if a := admit(t, l, of("bob", "b", execution.Low)); !a.Granted {
		t.Errorf("bob: %+v", a)
	}
	if granted := release(t, l, "b"); len(granted) != 0 {
		t.Errorf("after b came %v", granted)
	}
	pause := func(p *execution.PoolPolicy) error { p.Paused = true; return nil }
	resume := func(p *execution.PoolPolicy) error { p.Paused, p.PausedLanguages = false, nil; return nil }
	if granted, err := l.SetPolicy(t.Context(), "default", pause); len(granted) != 0 || err != nil {
		t.Errorf("paused: %v, %v", granted, err)
	}
	if granted := release(t, l, "a0"); len(granted) != 0 {
		t.Errorf("a paused pool let in %v", granted)
	}
	if granted, err := l.SetPolicy(t.Context(), "default", resume); !slices.Equal(granted, []execution.ID{"ruby", "a2"}) || err != nil {
		t.Errorf("resumed: %v, %v", granted, err)
	}
}

// Users with work all the time have their shares of it over any stretch of time,
// whatever they weigh, and however many others come and go.
func TestSharesAreFair(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		policy := execution.PoolPolicy{Executions: 1 + random.IntN(3), Queued: 1}
		weights, served := make(map[string]float64), make(map[string]float64)
		for u := range 2 + random.IntN(5) {
			user := fmt.Sprint("steady", u)
			weights[user] = []float64{0.25, 1, 1, 2, 5}[random.IntN(5)]
			policy.Weights = append(policy.Weights, execution.Weight{UserID: user, Weight: weights[user]})
		}
		p := pool{Name: "default"}
		p.setPolicy(policy)
		low, high := make(map[[2]string]float64), make(map[[2]string]float64)
		for n := range 2000 {
			if random.IntN(3) > 0 { // somebody comes for one run
				p.enter(waiterOf(of(fmt.Sprint("guest", n), execution.ID(fmt.Sprint("g", n)), execution.Normal), noon))
			}
			for user := range weights {
				p.enter(waiterOf(of(user, execution.ID(fmt.Sprint(user, "-", n)), execution.Normal), noon))
			}
			for {
				if _, granted := p.grant(noon); !granted {
					break
				}
				user := p.Holders[len(p.Holders)-1].UserID
				served[user]++
				if w := weights[user]; w > 0 { // as there is work of it all the time
					p.enter(waiterOf(of(user, execution.ID(fmt.Sprint(user, "-", n, "-", served[user])), execution.Normal), noon))
				}
			}
			p.release(p.Holders[random.IntN(len(p.Holders))].ID, noon)
			p.tidy()
			for a, wa := range weights {
				for b, wb := range weights {
					ahead := served[a]/wa - served[b]/wb
					pair := [2]string{a, b}
					low[pair], high[pair] = min(low[pair], ahead), max(high[pair], ahead)
					if most := 1/wa + 1/wb; high[pair]-low[pair] > most+1e-6 {
						t.Fatalf("seed %d, after %d: %s (%g) and %s (%g) are %g apart, want at most %g", seed, n, a, wa, b, wb, high[pair]-low[pair], most)
					}
				}
			}
		}
		if len(p.Accounts) > len(weights)+2000 {
			t.Errorf("seed %d: %d accounts", seed, len(p.Accounts))
		}
	}
}

// A user that comes while another has thousands waiting is next.
func TestNewcomerIsNext(t *testing.T) {
	c := &clock{noon}
	l := newShelf().ledger(execution.PoolPolicy{Executions: 1}, c)
	for i := range 50 {
		admit(t, l, of("ann", execution.ID(fmt.Sprint("a", 100+i)), execution.Normal))
	}
	holder := execution.ID("a100")
	for i := range 5 {
		holder = release(t, l, holder)[0]
		guest := of("bob", execution.ID(fmt.Sprint("b", i)), execution.Normal)
		if a := admit(t, l, guest); a.Position != 1 {
			t.Errorf("%s: %+v", guest.ID, a)
		}
		if next := release(t, l, holder); !slices.Equal(next, []execution.ID{guest.ID}) {
			t.Errorf("bob came, and next was %v", next)
		}
		holder = guest.ID
	}
}

// However many others come and keep coming, who waits is let in: by its share if
// they are its equals, by its age if they are more urgent.
func TestNobodyStarves(t *testing.T) {
	tests := []struct {
		name    string
		ageing  float64
		waits   execution.Capacity
		others  func(n int) execution.Capacity
		slots   int // of ten seconds each, until it is let in
		atFirst int // others that wait before it
	}{
		{"among ever new users", 0, of("ann", "", execution.Normal),
			func(n int) execution.Capacity {
				return of(fmt.Sprint("guest", n), execution.ID(fmt.Sprint("g", n)), execution.Normal)
			}, 8, 5},
		{"background of another user among high ones", 300, of("ann", "", execution.Background),
			func(n int) execution.Capacity { return of("bob", execution.ID(fmt.Sprint("g", n)), execution.High) }, 4*30 + 4, 5},
		{"background of the same user among high ones", 300, of("bob", "", execution.Background),
			func(n int) execution.Capacity { return of("bob", execution.ID(fmt.Sprint("g", n)), execution.High) }, 4*30 + 4, 5},
		{"background among critical ones", 300, of("ann", "", execution.Background),
			func(n int) execution.Capacity { return of("bob", execution.ID(fmt.Sprint("g", n)), execution.Critical) }, 4*30 + 4, 5},
		{"a queue that was long before", 300, of("ann", "", execution.Background),
			func(n int) execution.Capacity { return of("bob", execution.ID(fmt.Sprint("g", n)), execution.High) }, 4*30 + 4, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &clock{noon}
			l := newShelf().ledger(execution.PoolPolicy{Executions: 1, AgeingSeconds: tt.ageing}, c)
			n := 0
			another := func() execution.ID {
				n++
				admit(t, l, tt.others(n))
				return tt.others(n).ID
			}
			holder := another()
			for range tt.atFirst {
				another()
			}
			for _, id := range []execution.ID{"x0", "x"} {
				tt.waits.ID = id
				admit(t, l, tt.waits)
			}
			for slot := 0; holder != "x"; slot++ {
				if slot > tt.slots {
					t.Fatalf("it waits after %d slots", slot)
				}
				another()
				c.at = c.at.Add(10 * time.Second)
				holder = release(t, l, holder)[0]
			}
		})
	}
}
