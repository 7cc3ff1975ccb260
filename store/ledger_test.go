package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

var (
	urgencies = []execution.Priority{execution.Critical, execution.High, execution.Normal, execution.Low, execution.Background}
	tongues   = []string{"python", "ruby"}
	errCrash  = errors.New("it crashed")
)

// needs is what the execution n needs, always the same.
func needs(n int) execution.Capacity {
	return execution.Capacity{
		ID: execution.ID(fmt.Sprintf("x%02d", n)), UserID: fmt.Sprint("u", n%4), Pool: "default", Priority: urgencies[n%5], Language: tongues[n%2],
		CPUMillis: int64(100 * (1 + n%7)), MemoryBytes: int64(1 + n%11),
	}
}

func anyPolicy(random *rand.Rand) execution.PoolPolicy {
	p := execution.PoolPolicy{
		Executions: 1 + random.IntN(4), CPUMillis: int64(random.IntN(3) * 900), MemoryBytes: int64(random.IntN(3) * 14),
		UserRunning: random.IntN(3), Queued: 100, AgeingSeconds: float64(random.IntN(2) * 60), Paused: random.IntN(6) == 0,
	}
	if random.IntN(4) == 0 {
		p.PausedLanguages = []string{"ruby"}
	}
	if random.IntN(2) == 0 {
		p.Weights = []execution.Weight{{UserID: "u1", Weight: 0.5}, {UserID: "u2", Weight: 3}}
	}
	return p
}

// schedule runs one random history against a ledger.
type schedule struct {
	t       *testing.T
	seed    uint64
	random  *rand.Rand
	s       *shelf
	l       *Ledger
	c       *clock
	asking  waiter // who may be let in without having been put
	crashes bool
}

// Whatever happens in whatever order, and whoever stops between two steps: never
// more than there is room for, of all or of one user; the order is kept; nobody
// waits while all that wait would fit; and in the end nothing is left.
func TestLedgerWhateverHappens(t *testing.T) {
	for _, crashes := range []bool{false, true} {
		t.Run(fmt.Sprintf("crashes=%t", crashes), func(t *testing.T) {
			for seed := range uint64(40) {
				random := rand.New(rand.NewPCG(seed, 2))
				h := &schedule{t: t, seed: seed, random: random, s: newShelf(), c: &clock{noon}, crashes: crashes}
				h.l = h.s.ledger(anyPolicy(random), h.c)
				h.s.saved = h.check
				if crashes {
					h.s.step, h.s.fault = func(context.Context) error { return h.crash() }, h.crash
				}
				for range 120 {
					h.act()
					if !crashes {
						h.settled()
					}
				}
				h.end()
			}
		})
	}
}

func (h *schedule) crash() error {
	if h.random.IntN(25) == 0 {
		return errCrash
	}
	return nil
}

// act does one thing. If it crashes it is not done again.
func (h *schedule) act() {
	ctx := h.t.Context()
	c := needs(h.random.IntN(24))
	h.c.at = h.c.at.Add(time.Duration(h.random.IntN(20)) * time.Second)
	before := h.s.saves
	var err error
	switch h.random.IntN(20) {
	case 0:
		_, err = h.l.SetPolicy(ctx, "default", func(p *execution.PoolPolicy) error {
			*p = anyPolicy(h.random)
			return nil
		})
	case 1:
		_, err = h.l.Mend(ctx)
	case 2, 3:
		_, err = h.l.Move(ctx, c.ID, "default", urgencies[h.random.IntN(5)])
		if execution.KindOf(err) == execution.Conflict {
			err = nil
		}
	case 4, 5, 6, 7, 8:
		_, err = h.l.Release(ctx, c.ID, "default")
	default:
		h.asking = waiterOf(c, h.c.at)
		held := h.read().holder(c.ID)
		var a execution.Admission
		a, err = h.l.Admit(ctx, c)
		if err == nil && a.Granted && a.Position != 0 {
			h.t.Fatalf("seed %d: %+v", h.seed, a)
		}
		if held != nil && !held.Unheard && err == nil && (h.s.saves != before || !a.Granted) {
			h.t.Fatalf("seed %d: who holds, and knows, was answered %+v, or something was written", h.seed, a)
		}
		if execution.KindOf(err) == execution.Invalid {
			err = nil
		}
	}
	h.asking = waiter{}
	if err != nil && !errors.Is(err, errCrash) {
		h.t.Fatalf("seed %d: %v", h.seed, err)
	}
}

// read is the pool as it stands, with the policy that it has.
func (h *schedule) read() *pool {
	p := h.s.read("default")
	policy, err := overridden(h.l.policy, p.Own)
	must(h.t, err)
	p.setPolicy(policy)
	return &p
}

// waiting are all who may be let in by p, by documents alone.
func (h *schedule) waiting(p *pool) (ws []waiter) {
	all := h.s.sorted("default")
	if _, put := h.s.waiters[h.asking.ID]; h.asking.ID != "" && !put {
		all = append(all, h.asking)
	}
	for _, w := range all {
		if !p.holds(w.ID) && p.fits(w) && !p.policy.Paused && !slices.Contains(p.policy.PausedLanguages, w.Language) {
			ws = append(ws, w)
		}
	}
	return ws
}

// check looks at each change of the pool as it is written.
func (h *schedule) check(was, is pool) {
	policy, err := overridden(h.l.policy, is.Own)
	must(h.t, err)
	is.setPolicy(policy)
	was.setPolicy(policy)
	came := slices.DeleteFunc(slices.Clone(is.Holders), func(x holder) bool { return was.holds(x.ID) })
	was.Holders = slices.DeleteFunc(was.Holders, func(x holder) bool { return !is.holds(x.ID) })
	for i, x := range came { // in the order of their grants
		w := waiterOf(x.Capacity, h.c.at)
		if there, put := h.s.waiters[x.ID]; put {
			w = there
		}
		if !was.room(w) || policy.UserRunning > 0 && was.running()[x.UserID] >= policy.UserRunning {
			h.t.Fatalf("seed %d: no room for %+v beside %+v, by %+v", h.seed, x, was.Holders, policy)
		}
		if !h.crashes { // or somebody may have been overlooked
			for _, other := range h.waiting(&was) {
				h.inOrder(&was, w, other)
			}
		}
		was.Holders = append(was.Holders, came[i])
	}
	for i, x := range is.Holders {
		if slices.ContainsFunc(is.Holders[:i], func(y holder) bool { return x.ID == y.ID }) {
			h.t.Fatalf("seed %d: %s holds twice", h.seed, x.ID)
		}
	}
	for _, a := range is.Accounts {
		if len(a.Heads) == 0 && is.running()[a.User] == 0 {
			h.t.Fatalf("seed %d: %s has an account, and nothing else", h.seed, a.User)
		}
	}
}

// inOrder fails if other, who waits, is before w, who is let in.
func (h *schedule) inOrder(p *pool, w, other waiter) {
	if w.ID == other.ID || p.policy.UserRunning > 0 && p.running()[other.UserID] >= p.policy.UserRunning {
		return
	}
	mine, its := p.level(w, h.c.at), p.level(other, h.c.at)
	if its < mine || its == mine && w.UserID == other.UserID && other.before(w) {
		h.t.Fatalf("seed %d: %+v (level %d) was let in before %+v (level %d)", h.seed, w, mine, other, its)
	}
}

// settled fails if somebody waits though all that wait would fit, or if a lane
// with somebody in it has no head.
func (h *schedule) settled() {
	p := h.read()
	waiting := h.waiting(p)
	blocked := len(waiting) == 0
	for _, w := range waiting {
		blocked = blocked || !p.room(w) || p.policy.UserRunning > 0 && p.running()[w.UserID] >= p.policy.UserRunning
	}
	if !blocked {
		h.t.Fatalf("seed %d: there is room, and %+v wait", h.seed, waiting)
	}
	for _, w := range h.s.sorted("default") {
		if head := p.head(w.lane()); !p.holds(w.ID) && (head == nil || w.before(*head)) {
			h.t.Fatalf("seed %d: %+v is overlooked for %+v", h.seed, w, head)
		}
	}
}

// end mends what crashed, opens the pool, and lets everybody have it.
func (h *schedule) end() {
	ctx := h.t.Context()
	h.s.step, h.s.fault = nil, nil
	_, err := h.l.SetPolicy(ctx, "default", func(p *execution.PoolPolicy) error {
		*p = execution.PoolPolicy{Executions: 2, Queued: 100}
		return nil
	})
	must(h.t, err)
	next, err := h.l.Mend(ctx)
	must(h.t, err)
	h.crashes = false
	h.settled()
	for _, other := range h.read().Holders {
		next = append(next, other.ID)
	}
	for n := 0; len(next) > 0; n++ { // only who is told goes on
		id := next[0]
		if n > 200 {
			h.t.Fatalf("seed %d: there is no end to it", h.seed)
		}
		told, err := h.l.Release(ctx, id, "default")
		must(h.t, err)
		next = slices.Compact(slices.Sorted(slices.Values(append(next[1:], told...))))
	}
	if p := h.read(); len(p.Holders)+len(p.Accounts)+len(h.s.waiters) > 0 {
		h.t.Fatalf("seed %d: left behind %+v, %v", h.seed, p, h.s.waiters)
	}
}

// actor is the key of the number of who does something.
type actor struct{}

// Of two processes, whose steps go in any order, no grant is lost: though nobody
// asks again without having been told to, everybody gets a turn.
func TestNoGrantIsLostBetweenProcesses(t *testing.T) {
	for seed := range uint64(2000) {
		synctest.Test(t, func(t *testing.T) { interleave(t, seed) })
	}
}

func interleave(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	s := newShelf()
	type step struct {
		n   int
		let chan struct{}
	}
	var mu sync.Mutex
	var pending []step
	s.step = func(ctx context.Context) error {
		x := step{ctx.Value(actor{}).(int), make(chan struct{})}
		mu.Lock()
		pending = append(pending, x)
		mu.Unlock()
		<-x.let
		return nil
	}
	policy := execution.PoolPolicy{Executions: 1 + random.IntN(2), UserRunning: random.IntN(2), Queued: 100}
	ls := []*Ledger{s.ledger(policy, &clock{noon}), s.ledger(policy, &clock{noon})}
	told := make(map[execution.ID]chan struct{})
	const runs = 9
	for n := range runs {
		told[needs(n).ID] = make(chan struct{}, 1)
	}
	var all sync.WaitGroup
	ended := 0
	for n := range runs {
		leaves, due := random.IntN(3) == 0, noon.Add(-time.Duration(random.IntN(20))*time.Second)
		all.Go(func() {
			ctx := context.WithValue(t.Context(), actor{}, n)
			c := needs(n)
			c.UserID, c.Priority, c.Language, c.Due = fmt.Sprint("u", n%2), execution.Normal, "python", due
			l := ls[n%2]
			for {
				a, err := l.Admit(ctx, c)
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				if a.Granted || leaves || err != nil {
					break
				}
				<-told[c.ID]
			}
			for range 2 {
				next, err := ls[(n/2)%2].Release(ctx, c.ID, "default")
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				for _, id := range next {
					select {
					case told[id] <- struct{}{}:
					default:
					}
				}
			}
			mu.Lock()
			ended++
			mu.Unlock()
		})
	}
	speed := make([]int, runs) // the fastest goes first, and now and then somebody else, so that one does much while another does nothing
	for n := range speed {
		speed[n] = random.IntN(100)
	}
	for idle := 0; ; {
		synctest.Wait()
		mu.Lock()
		if ended == runs {
			mu.Unlock()
			break
		}
		if len(pending) == 0 {
			if idle++; idle > 3 {
				t.Fatalf("seed %d: %d of %d ended, and nobody does anything: %+v, %v", seed, ended, runs, s.read("default"), s.waiters)
			}
			mu.Unlock()
			time.Sleep(10 * time.Millisecond) // of the bubble: who tries again has waited
			continue
		}
		idle = 0
		slices.SortFunc(pending, func(a, b step) int { return cmp.Or(speed[b.n]-speed[a.n], a.n-b.n) })
		i := 0
		if random.IntN(8) == 0 {
			i = random.IntN(len(pending))
			speed[pending[i].n] = random.IntN(100)
		}
		close(pending[i].let)
		pending = slices.Delete(pending, i, i+1)
		mu.Unlock()
	}
	all.Wait()
	if p := s.read("default"); len(p.Holders)+len(p.Accounts)+len(s.waiters) > 0 {
		t.Errorf("seed %d: left behind %+v, %v", seed, p, s.waiters)
	}
}
