package web

import (
	"net/http"
	"sync"

	"github.com/codesaga/codesaga/execution"
)

// seats counts the open streams of each user.
type seats struct {
	mu    sync.Mutex
	taken map[string]int
	all   int
	empty chan struct{} // closed when the last one leaves; nil: new ones are let in
}

// take takes one for user, who may have most of them, if that is not 0; leave
// gives it back.
func (s *seats) take(user string, most int) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty != nil {
		return nil, errClosing
	}
	if most > 0 && s.taken[user] >= most {
		return nil, newProblem(http.StatusTooManyRequests, "too_many_streams", "close one of your streams first")
	}
	if s.taken == nil {
		s.taken = map[string]int{}
	}
	s.taken[user]++
	s.all++
	return func() { s.leave(user) }, nil
}

var errClosing = execution.Errorf(execution.Unavailable, "no new streams while shutting down")

func (s *seats) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[user]--; s.taken[user] == 0 {
		delete(s.taken, user)
	}
	if s.all--; s.all == 0 && s.empty != nil {
		close(s.empty)
	}
}

// shut lets nobody in any more. What it returns is closed when all have left.
func (s *seats) shut() (empty <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty = make(chan struct{})
	if s.all == 0 {
		close(s.empty)
	}
	return s.empty
}

// open is how many are taken.
func (s *seats) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}
