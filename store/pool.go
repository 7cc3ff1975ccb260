package store

import (
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// pool is who has room in a pool, and of who waits for it the first of each
// lane: the document grows with the users that wait, not with their queues. Its
// methods decide, and touch nothing; the ledger makes what they decided come
// true, or not at all.
type pool struct {
	Name     string          `bson:"_id"`
	Version  int64           `bson:"version"`          // of this document: one more with each change
	Own      bson.M          `bson:"policy,omitempty"` // what differs from the policy that the ledger has for all
	Holders  []holder        `bson:"holders"`          // in the order of admission
	Accounts []account       `bson:"accounts"`         // of users who hold or wait
	Clock    [levels]float64 `bson:"clock"`            // virtual time: the last turn at each level
	Runs     int64           `bson:"runs"`             // that were released
	MeanHold float64         `bson:"mean_hold_seconds"`

	policy  execution.PoolPolicy
	weights map[string]float64
	changed bool
	granted []execution.ID     // since it was read
	empty   map[lane]time.Time // where nobody was found that waits since then or later, since it was read
}

// clone is a copy that shares nothing which changes.
func (p *pool) clone() pool {
	c := *p
	c.Holders, c.Accounts = slices.Clone(p.Holders), slices.Clone(p.Accounts)
	for i, a := range c.Accounts {
		c.Accounts[i].Heads, c.Accounts[i].Turns = slices.Clone(a.Heads), slices.Clone(a.Turns)
	}
	c.granted = slices.Clone(p.granted)
	return c
}

// holder is an execution that has room.
type holder struct {
	execution.Capacity `bson:",inline"`
	Since              time.Time `bson:"since"`
	Unheard            bool      `bson:"unheard,omitempty"` // it has not asked again since it was let in
}

// waiter is an execution that waits for room. In an account it has no pool and
// no user: they are known.
type waiter struct {
	ID          execution.ID       `bson:"_id"`
	Pool        string             `bson:"pool,omitempty"`
	UserID      string             `bson:"user_id,omitempty"`
	Priority    execution.Priority `bson:"priority"`
	Language    string             `bson:"language"`
	CPUMillis   int64              `bson:"cpu_millis"`
	MemoryBytes int64              `bson:"memory_bytes"`
	Since       time.Time          `bson:"since"`
}

// account is what a user has in a pool, beside what it holds.
type account struct {
	User  string   `bson:"user"`
	Heads []waiter `bson:"heads,omitempty"` // the first of each lane
	Turns []turn   `bson:"turns,omitempty"` // at each level where it has waited
}

// A lane is a queue in which the first is always first: what a user has waiting
// with one priority, in one language.
type lane struct {
	user     string
	priority execution.Priority
	language string
}

// gap is where a lane has lost its head: whoever is next waits since then, or
// since later.
type gap struct {
	lane
	from time.Time
}

func waiterOf(c execution.Capacity, now time.Time) waiter {
	w := waiter{c.ID, c.Pool, c.UserID, c.Priority, c.Language, c.CPUMillis, c.MemoryBytes, now}
	if due := c.Due.UTC().Truncate(time.Millisecond); !c.Due.IsZero() && due.Before(now) {
		w.Since = due
	}
	return w
}

func (w waiter) lane() lane { return lane{w.UserID, w.Priority, w.Language} }

func (w waiter) before(v waiter) bool {
	return w.Since.Before(v.Since) || w.Since.Equal(v.Since) && w.ID < v.ID
}

func (w waiter) capacity() execution.Capacity {
	return execution.Capacity{
		ID: w.ID, Pool: w.Pool, UserID: w.UserID, Priority: w.Priority, Language: w.Language, CPUMillis: w.CPUMillis, MemoryBytes: w.MemoryBytes,
	}
}

// holds reports whether id has room.
func (p *pool) holds(id execution.ID) bool { return p.holder(id) != nil }

func (p *pool) holder(id execution.ID) *holder {
	if i := slices.IndexFunc(p.Holders, func(h holder) bool { return h.ID == id }); i >= 0 {
		return &p.Holders[i]
	}
	return nil
}

func (p *pool) account(user string) *account {
	if i := slices.IndexFunc(p.Accounts, func(a account) bool { return a.User == user }); i >= 0 {
		return &p.Accounts[i]
	}
	return nil
}

// head is the first of l, with all that it has as a document of its own; nil if
// none is known.
func (p *pool) head(l lane) *waiter {
	a := p.account(l.user)
	if a == nil {
		return nil
	}
	if i := a.index(l); i >= 0 {
		return new(a.head(i, p.Name))
	}
	return nil
}

func (a *account) index(l lane) int {
	return slices.IndexFunc(a.Heads, func(w waiter) bool { return w.Priority == l.priority && w.Language == l.language })
}

func (a *account) head(i int, pool string) waiter {
	w := a.Heads[i]
	w.UserID, w.Pool = a.User, pool
	return w
}

// enter makes w the head of its lane, if it is the first there.
func (p *pool) enter(w waiter) {
	a := p.account(w.UserID)
	if a == nil {
		p.Accounts = append(p.Accounts, account{User: w.UserID})
		a = &p.Accounts[len(p.Accounts)-1]
	}
	i := a.index(w.lane())
	w.UserID, w.Pool = "", ""
	switch {
	case i < 0:
		a.Heads, p.changed = append(a.Heads, w), true
	case w.before(a.Heads[i]):
		a.Heads[i], p.changed = w, true
	}
}

// forget takes id out of the lanes that it heads.
func (p *pool) forget(id execution.ID) (gaps []gap) {
	for i := range p.Accounts {
		a := &p.Accounts[i]
		a.Heads = slices.DeleteFunc(a.Heads, func(w waiter) bool {
			if w.ID == id {
				gaps = append(gaps, gap{lane{a.User, w.Priority, w.Language}, w.Since})
			}
			return w.ID == id
		})
	}
	p.changed = p.changed || len(gaps) > 0
	return gaps
}

// hear notes that id, which has room, knows it.
func (p *pool) hear(id execution.ID) {
	if h := p.holder(id); h != nil && h.Unheard {
		h.Unheard, p.changed = false, true
	}
}

// release takes from id what it has, and returns where heads are missing now.
func (p *pool) release(id execution.ID, now time.Time) []gap {
	if h := p.holder(id); h != nil {
		p.Runs++
		p.MeanHold += (now.Sub(h.Since).Seconds() - p.MeanHold) / float64(min(p.Runs, 100))
		p.Holders, p.changed = slices.DeleteFunc(p.Holders, func(h holder) bool { return h.ID == id }), true
	}
	return p.forget(id)
}

// grant lets in who is first, if there is room, and returns where heads are
// missing now: what they are has to be known before the next grant.
//
// The order is strict: who is first waits until there is room enough, and nobody
// overtakes, or a large one would wait for ever.
func (p *pool) grant(now time.Time) (gaps []gap, granted bool) {
	if p.policy.Paused || len(p.Holders) >= p.policy.Executions {
		return nil, false
	}
	w, r, ok := p.first(now)
	if !ok || !p.room(w) {
		return nil, false
	}
	p.account(w.UserID).serve(r)
	p.Clock[r.level-1] = r.turn
	p.Holders = append(p.Holders, holder{Capacity: w.capacity(), Since: now, Unheard: true})
	p.granted, p.changed = append(p.granted, w.ID), true
	return p.forget(w.ID), true
}

// room reports whether w fits in beside those who hold.
func (p *pool) room(w waiter) bool {
	cpu, memory := p.taken()
	return !p.policy.Paused && len(p.Holders) < p.policy.Executions && p.policy.Budget().Holds(cpu+w.CPUMillis, memory+w.MemoryBytes)
}

// fits reports whether w has room when nobody else has any.
func (p *pool) fits(w waiter) bool { return p.policy.Largest().Holds(w.CPUMillis, w.MemoryBytes) }

// accepts reports what of w is larger than p.
func (p *pool) accepts(w waiter) error {
	var errs execution.FieldErrors
	if !p.policy.Largest().Holds(w.CPUMillis, 0) {
		errs = append(errs, execution.FieldError{Field: "limits.cpu_millis", Rule: "more than all of pool " + p.Name + " has"})
	}
	if !p.policy.Largest().Holds(0, w.MemoryBytes) {
		errs = append(errs, execution.FieldError{Field: "limits.memory_bytes", Rule: "more than all of pool " + p.Name + " has"})
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// taken is what those who hold take together.
func (p *pool) taken() (cpu, memory int64) {
	for _, h := range p.Holders {
		cpu, memory = cpu+h.CPUMillis, memory+h.MemoryBytes
	}
	return cpu, memory
}

// running counts who holds, by user.
func (p *pool) running() map[string]int {
	n := make(map[string]int)
	for _, h := range p.Holders {
		n[h.UserID]++
	}
	return n
}

// expectant is who should ask again: it was let in and has not heard of it, or
// it heads a lane and will never fit, because the pool has become smaller.
func (p *pool) expectant() (ids []execution.ID) {
	for _, h := range p.Holders {
		if h.Unheard {
			ids = append(ids, h.ID)
		}
	}
	for _, a := range p.Accounts {
		for _, w := range a.Heads {
			if !p.fits(w) {
				ids = append(ids, w.ID)
			}
		}
	}
	return ids
}

// tidy closes the accounts of those who neither hold nor wait.
func (p *pool) tidy() {
	running := p.running()
	p.Accounts = slices.DeleteFunc(p.Accounts, func(a account) bool { return len(a.Heads) == 0 && running[a.User] == 0 })
}
