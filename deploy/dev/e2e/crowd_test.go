package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"
)

// AD-02, AD-01, AD-18: one at a time, runs start in the order of submission, a
// higher level first, also after the worker was started anew.
func TestRunsStartInTheOrderOfSubmission(t *testing.T) {
	s := begin(t, 2*time.Minute)
	resume := s.paused()
	s.order(http.MethodPatch, "/pools/default", policy{"max_executions": 1}, http.StatusOK)
	submit := func(n int, priority string) (ids []string) {
		for range n {
			sub := python("print(1)")
			sub.Priority = priority
			ids = append(ids, s.submit(sub).ID)
		}
		return ids
	}
	low, normal := submit(3, "low"), submit(7, "normal")
	want := append(slices.Clone(normal), low...)
	eventually(t, 15*time.Second, func() (bool, string) { n := s.pool().Waiting; return n == 10, fmt.Sprint(n, " wait") })
	worker := the.process("worker")
	if err := worker.end(syscall.SIGTERM, 30*time.Second); err != nil {
		t.Error(err)
	}
	if err := worker.start(); err != nil {
		t.Fatal(err)
	}
	resume()
	at := make(map[string]time.Time)
	for _, id := range want {
		at[id] = *s.ended(id).ScheduledAt
	}
	got := slices.SortedFunc(slices.Values(want), func(a, b string) int { return at[a].Compare(at[b]) })
	if !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}

// AD-13, BY-05, DF-43, as many as a suite can bear: the run of one user is next,
// though many of another wait; and of that one too many are refused.
func TestDF43ACrowdHoldsUpNobodyElse(t *testing.T) {
	s := begin(t, 3*time.Minute)
	resume := s.paused()
	const crowd = 30
	s.order(http.MethodPatch, "/pools/default", policy{"max_executions": 4, "max_queued_per_user": crowd}, http.StatusOK)
	var ids []string
	for {
		a := s.do(http.MethodPost, "/api/v1/executions", python("import time; time.sleep(1)"))
		if a.status == http.StatusTooManyRequests {
			break
		}
		var x execution
		s.into(a, http.StatusAccepted, &x)
		s.note(x.ID)
		if ids = append(ids, x.ID); len(ids) > crowd+20 {
			t.Fatal("nothing is refused")
		}
	}
	bob := s.as("bob")
	guest := bob.submit(python("print(1)"))
	eventually(t, 15*time.Second, func() (bool, string) { // it has asked
		x := bob.get(guest.ID)
		return x.Queue != nil && x.Queue.Position > 0, jsonOf(x)
	})
	resume()
	guest = bob.ended(guest.ID)
	behind := 0
	for _, id := range ids {
		if x := s.get(id); x.ScheduledAt == nil || x.ScheduledAt.After(*guest.ScheduledAt) {
			behind++
		}
	}
	if behind < len(ids)-12 { // those that were let in at the same time, and one turn
		t.Errorf("only %d of %d started after the other user's run", behind, len(ids))
	}
	for _, id := range ids {
		_, _ = s.try(s.ctx, http.MethodPost, "/api/v1/executions/"+id+"/cancel", nil)
	}
	for _, id := range ids {
		s.ended(id)
	}
}
