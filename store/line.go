package store

import (
	"container/heap"
	"slices"
	"time"
)

// place is a waiter and its rank.
type place struct {
	rank
	waiter
}

// line is the order in which ws, who wait, the first come first, will be let in,
// if nobody else comes, nobody grows older and nobody is passed over.
func (p *pool) line(ws []waiter, now time.Time) []place {
	lanes := make(map[string]map[lane][]waiter)
	for _, w := range ws {
		if lanes[w.UserID] == nil {
			lanes[w.UserID] = make(map[lane][]waiter)
		}
		lanes[w.UserID][w.lane()] = append(lanes[w.UserID][w.lane()], w)
	}
	defer func(was [levels]float64) { p.Clock = was }(p.Clock)
	var turns queueing
	for user, waiting := range lanes {
		u := &queuer{account: p.accountOf(user), waiting: waiting}
		u.step(p, now)
		turns = append(turns, u)
	}
	heap.Init(&turns)
	order := make([]place, 0, len(ws))
	for len(turns) > 0 {
		u := turns[0]
		order = append(order, u.at)
		p.Clock[u.at.level-1] = u.at.turn
		u.serve(u.at.rank)
		if u.step(p, now) {
			heap.Fix(&turns, 0)
		} else {
			heap.Pop(&turns)
		}
	}
	return order
}

// accountOf is a copy of what user has.
func (p *pool) accountOf(user string) account {
	if a := p.account(user); a != nil {
		return account{User: user, Turns: slices.Clone(a.Turns)}
	}
	return account{User: user}
}

// queuer is a user and all that it has waiting.
type queuer struct {
	account
	waiting map[lane][]waiter
	at      place // of its first
}

// step moves u to the first that it has left, and reports whether there is one.
func (u *queuer) step(p *pool, now time.Time) bool {
	var first waiter
	level := 0
	for _, ws := range u.waiting {
		if n := p.level(ws[0], now); level == 0 || n < level || n == level && ws[0].before(first) {
			first, level = ws[0], n
		}
	}
	if level == 0 {
		return false
	}
	if rest := u.waiting[first.lane()][1:]; len(rest) > 0 {
		u.waiting[first.lane()] = rest
	} else {
		delete(u.waiting, first.lane())
	}
	u.at = place{rank{level, p.next(&u.account, level), first.Since, first.ID}, first}
	return true
}

// queueing is a heap, who is next on top.
type queueing []*queuer

func (q queueing) Len() int           { return len(q) }
func (q queueing) Less(i, j int) bool { return q[i].at.compare(q[j].at.rank) < 0 }
func (q queueing) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push is not used: nobody comes.
func (q *queueing) Push(x any) { *q = append(*q, x.(*queuer)) }

// Pop is for the heap.
func (q *queueing) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
