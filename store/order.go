package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// levels is how many there are: 1 is the most urgent.
const levels = 5

// rank is where somebody who waits stands: by level, then by turn, then first
// come.
type rank struct {
	level int
	turn  float64
	since time.Time
	id    execution.ID
}

func (r rank) compare(q rank) int {
	return cmp.Or(cmp.Compare(r.level, q.level), cmp.Compare(r.turn, q.turn), r.since.Compare(q.since), cmp.Compare(r.id, q.id))
}

// turn is the virtual time at which a user was last served at a level, or came
// there.
//
// Shares are those of self-clocked fair queueing (Golestani, 1994): a user's
// next turn is its last one plus 1/weight; the clock of a level is the turn that
// was served last. Whoever comes begins at the clock, less half a turn: it goes
// before those who were served just now, and yet no stream of newcomers keeps
// others waiting, because each of them moves the clock. Nobody saves turns: who
// could not be served, because of a cap or of more urgent levels, is next when
// it can, once.
type turn struct {
	Level  int     `bson:"level"`
	Served float64 `bson:"served"`
}

// level is the priority's, and one more urgent for each time that w has waited
// as long as the policy says.
func (p *pool) level(w waiter, now time.Time) int {
	n := w.Priority.Level()
	if n == 0 {
		n = levels
	}
	if p.policy.AgeingSeconds > 0 {
		n -= int(max(0, now.Sub(w.Since).Seconds()) / p.policy.AgeingSeconds)
	}
	return max(n, 1)
}

// next is the turn that a has at a level.
func (p *pool) next(a *account, level int) float64 {
	step := p.step(a.User)
	i := slices.IndexFunc(a.Turns, func(t turn) bool { return t.Level == level })
	if i < 0 {
		i = len(a.Turns)
		a.Turns = append(a.Turns, turn{level, p.Clock[level-1] - step/2})
	}
	return max(a.Turns[i].Served+step, p.Clock[level-1])
}

// serve notes that a had its turn.
func (a *account) serve(r rank) {
	i := slices.IndexFunc(a.Turns, func(t turn) bool { return t.Level == r.level })
	a.Turns[i].Served = r.turn
}

// step is the virtual time that one grant takes of user.
func (p *pool) step(user string) float64 {
	if w := p.weights[user]; w > 0 {
		return 1 / w
	}
	return 1
}

// first is who has the next turn. Passed over are users that run as many as one
// may, languages that are paused, and who does not fit into the empty pool.
func (p *pool) first(now time.Time) (first waiter, best rank, ok bool) {
	running := p.running()
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if p.policy.UserRunning > 0 && running[a.User] >= p.policy.UserRunning {
			continue
		}
		w, level := p.candidate(a, now)
		if level == 0 {
			continue
		}
		if r := (rank{level, p.next(a, level), w.Since, w.ID}); !ok || r.compare(best) < 0 {
			first, best, ok = w, r, true
		}
	}
	return first, best, ok
}

// candidate is the first of those of a that may be let in, and its level; 0 if
// there is none.
func (p *pool) candidate(a *account, now time.Time) (first waiter, level int) {
	for i, w := range a.Heads {
		if !p.fits(w) || slices.Contains(p.policy.PausedLanguages, w.Language) {
			continue
		}
		if n := p.level(w, now); level == 0 || n < level || n == level && w.before(first) {
			first, level = a.head(i, p.Name), n
		}
	}
	return first, level
}

// setPolicy makes policy what decides.
func (p *pool) setPolicy(policy execution.PoolPolicy) {
	p.policy, p.weights = policy, make(map[string]float64, len(policy.Weights))
	for _, w := range policy.Weights {
		p.weights[w.UserID] = w.Weight
	}
}
