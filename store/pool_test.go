package store

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

var levels = []execution.Priority{execution.Critical, execution.High, execution.Normal, execution.Low, execution.Background}

// needs is what the execution n needs, always the same.
func needs(n int) execution.Capacity {
	return execution.Capacity{
		ID: execution.ID(strconv.Itoa(n)), Pool: "default", Priority: levels[n%len(levels)],
		CPUMillis: int64(100 * (1 + n%7)), MemoryBytes: int64(1 + n%11),
	}
}

// Whatever happens in whatever order: never more than there is room for, nobody
// waits while the first of them fits, the order is by priority, and in the end
// nothing is held.
func TestPoolIsNeverOverfullAndNeverLeaks(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		limits := func() Limits {
			return Limits{1 + random.IntN(4), int64(random.IntN(3) * 900), int64(random.IntN(3) * 14)}
		}
		p := pool{limits: limits()}
		for range 150 {
			n, held := random.IntN(20), len(p.Holders)
			switch random.IntN(20) {
			case 0:
				p.limits = limits()
				p.fill(now())
			case 1, 2, 3, 4, 5, 6, 7:
				p.release(needs(n).ID, now())
			default:
				before := p.clone()
				first, err := p.admit(needs(n), now())
				again, errAgain := p.admit(needs(n), now())
				if first != again || (err == nil) != (errAgain == nil) {
					t.Fatalf("seed %d: %+v, asked again %+v", seed, first, again)
				}
				if err != nil && !p.equal(before) {
					t.Fatalf("seed %d: refused, and changed", seed)
				}
				if seatOf(before.Holders, needs(n).ID) >= 0 && len(p.Holders) != len(before.Holders) {
					t.Fatalf("seed %d: %d holds twice", seed, n)
				}
			}
			checkPool(t, seed, p, held)
		}
		for n := range 20 {
			p.release(needs(n).ID, now())
		}
		if len(p.Holders)+len(p.Waiters) > 0 {
			t.Fatalf("seed %d: left behind %+v", seed, p)
		}
	}
}

func checkPool(t *testing.T, seed uint64, p pool, held int) {
	t.Helper()
	cpu, memory := int64(0), int64(0)
	for _, h := range p.Holders {
		cpu, memory = cpu+h.CPUMillis, memory+h.MemoryBytes
	}
	l := p.limits
	over := len(p.Holders) > l.Executions || l.CPUMillis > 0 && cpu > l.CPUMillis || l.MemoryBytes > 0 && memory > l.MemoryBytes
	if over && len(p.Holders) > held { // after the limits were lowered there may be more, but none is added
		t.Fatalf("seed %d: overfull: %+v", seed, p)
	}
	if !slices.IsSortedFunc(p.Waiters, func(a, b seat) int { return level(a) - level(b) }) {
		t.Fatalf("seed %d: out of order: %+v", seed, p.Waiters)
	}
	fitting := slices.IndexFunc(p.Waiters, func(w seat) bool { return l.fit(nil, w) })
	if fitting >= 0 && l.fit(p.Holders, p.Waiters[fitting]) {
		t.Fatalf("seed %d: waits though there is room: %+v", seed, p)
	}
	for _, w := range p.Waiters {
		if seatOf(p.Holders, w.ID) >= 0 {
			t.Fatalf("seed %d: %s holds and waits", seed, w.ID)
		}
	}
}

func TestPoolServesInOrder(t *testing.T) {
	p := pool{limits: Limits{Executions: 1}}
	for _, c := range []execution.Capacity{{ID: "a"}, {ID: "low", Priority: execution.Low}, {ID: "n1", Priority: execution.Normal}, {ID: "n2", Priority: execution.Normal}, {ID: "high", Priority: execution.High}} {
		if _, err := p.admit(c, noon); err != nil {
			t.Fatal(err)
		}
	}
	if a, err := p.admit(execution.Capacity{ID: "n2"}, noon); err != nil || a.Granted || a.Position != 3 {
		t.Errorf("n2: %+v, %v, want position 3", a, err)
	}
	if granted := p.release("n1", noon); len(granted) > 0 { // it leaves the queue
		t.Errorf("after n1, who held nothing, came %v", granted)
	}
	holder := execution.ID("a")
	for _, want := range []execution.ID{"high", "n2", "low"} {
		granted := p.release(holder, noon)
		if !slices.Equal(granted, []execution.ID{want}) {
			t.Fatalf("after %s came %v, want %s", holder, granted, want)
		}
		holder = want
	}
}

// A large one at the head is not overtaken by small ones that would fit; one
// that will never fit is refused, or passed over if it waits already.
func TestPoolDoesNotStarveTheLarge(t *testing.T) {
	p := pool{limits: Limits{Executions: 10, MemoryBytes: 10}}
	admit := func(id execution.ID, memory int64) (execution.Admission, error) {
		return p.admit(execution.Capacity{ID: id, Priority: execution.Normal, MemoryBytes: memory}, noon)
	}
	if _, err := admit("huge", 11); execution.KindOf(err) != execution.Invalid || len(p.Waiters) != 0 {
		t.Errorf("huge: %v", err)
	}
	admit("a", 5)
	admit("b", 3)
	if a, _ := admit("large", 9); a.Position != 1 {
		t.Errorf("large: %+v", a)
	}
	if a, _ := admit("small", 1); a.Granted {
		t.Error("small overtook large")
	}
	if granted := p.release("a", noon); len(granted) != 0 {
		t.Errorf("after a came %v", granted)
	}
	p.limits.MemoryBytes = 8
	if granted := p.fill(noon); !slices.Equal(granted, []execution.ID{"small"}) {
		t.Errorf("when large could never fit came %v", granted)
	}
	if _, err := admit("large", 9); execution.KindOf(err) != execution.Invalid {
		t.Errorf("large, asked again: %v", err)
	}
}

// Many processes run executions through a small pool at once: never too many
// hold, everybody gets a turn, and in the end the ledger is empty.
func TestLedgerUnderContention(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var running, most, ended int
	var mu sync.Mutex
	var all sync.WaitGroup
	for process := range 4 {
		ledger := s.Ledger(Limits{Executions: 3})
		for n := range 5 {
			all.Go(func() {
				c := execution.Capacity{ID: execution.ID(strconv.Itoa(process*100 + n)), Pool: "default", Priority: execution.Normal}
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
	entries, err := s.Ledger(Limits{}).Entries(ctx, time.Now().Add(time.Hour))
	if err != nil || len(entries) != 0 || most > 3 || ended != 20 {
		t.Errorf("%d ended, at most %d at once, left %v, %v", ended, most, entries, err)
	}
}

func TestLedgerHasLimitsForEachPool(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	l := s.Ledger(Limits{Executions: 1})
	for i, want := range []bool{true, false, false} {
		if a, err := l.Admit(ctx, needs(i)); err != nil || a.Granted != want {
			t.Errorf("%d: %+v, %v", i, a, err)
		}
	}
	if granted, err := s.Ledger(Limits{Executions: 2}).Release(ctx, "nobody", "default"); err != nil || len(granted) != 1 { // a new default
		t.Errorf("granted %v, %v", granted, err)
	}
	if granted, err := l.SetLimits(ctx, "default", &Limits{Executions: 3}); err != nil || !slices.Equal(granted, []execution.ID{"2"}) {
		t.Errorf("granted %v, %v", granted, err)
	}
	entries, err := l.Entries(ctx, time.Now().Add(time.Hour))
	if err != nil || len(entries) != 3 || entries[0].Capacity != needs(0) {
		t.Errorf("%+v, %v", entries, err)
	}
	var version pool
	must(t, s.pools.FindOne(ctx, map[string]any{"_id": "default"}).Decode(&version))
	if _, err := l.Admit(ctx, needs(2)); err != nil {
		t.Error(err)
	}
	before := version.Version
	must(t, s.pools.FindOne(ctx, map[string]any{"_id": "default"}).Decode(&version))
	if version.Version != before {
		t.Error("written though nothing changed")
	}
}
