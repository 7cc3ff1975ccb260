package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// cancel asks for the end of an execution and wants the answer status.
func (s *story) cancel(id string, status int) answer {
	s.Helper()
	a := s.do(http.MethodPost, "/api/v1/executions/"+id+"/cancel", nil)
	if a.status != status {
		s.Errorf("cancel: answered %d, want %d: %.500s", a.status, status, a.body)
	}
	return a
}

// gone waits until the cluster and the ledger have nothing of id.
func (s *story) gone(id string, within time.Duration) {
	s.Helper()
	eventually(s, within, func() (bool, string) {
		left, err := the.cluster.left(s.ctx, id)
		return err == nil && len(left) == 0, fmt.Sprintf("of %s the cluster still has %v (%v)", id, left, err)
	})
	eventually(s, within, func() (bool, string) {
		holders, waiters, err := the.ledger.entries(s.ctx)
		all := strings.Join(append(holders, waiters...), ", ")
		return err == nil && !strings.Contains(all, id), fmt.Sprintf("the ledger still has %s: %s (%v)", id, all, err)
	})
}

// EX-20, DF-01, DF-53.
func TestDF01ACancelledScriptIsGoneAndItsOutputKept(t *testing.T) {
	s := begin(t, time.Minute)
	x := s.submit(python("import sys, time\nprint('before', flush=True)\nprint('warned', file=sys.stderr, flush=True)\ntime.sleep(25)\nprint('after')"))
	f := s.pursue(x.ID, nil)
	eventually(t, 20*time.Second, func() (bool, string) { return f.stdout() != "", "no output" })
	asked := time.Now()
	a := s.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/cancel", `{"reason":"wrong input"}`)
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := s.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/cancel", `{"reason":"another"}`)
	if again.status != http.StatusAccepted && !terminal[s.get(x.ID).Status] {
		t.Errorf("a second cancel, while the first is under way: %d %s", again.status, again.body)
	}
	r := f.wait()
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("cancelled after %s, want 5 s", took)
	}
	s.gone(x.ID, max(time.Second, 5*time.Second-time.Since(asked)))
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	if x.Status != "cancelled" || x.ErrorType != nil || x.stdout() != "before\n" || x.stderr() != "warned\n" {
		t.Errorf("%s, stdout %q, stderr %q", x.verdict(), x.stdout(), x.stderr())
	}
	if x.CancelledBy == nil || *x.CancelledBy == "" || x.Reason == nil || *x.Reason != "wrong input" {
		t.Errorf("cancelled_by and reason: %s", jsonOf(x))
	}
	if x.Result.wall() <= 0 {
		t.Errorf("usage: %s", jsonOf(x.Result))
	}
	var p problem
	s.into(s.cancel(x.ID, http.StatusConflict), http.StatusConflict, &p)
	if !strings.Contains(p.Detail, "cancelled") {
		t.Errorf("the problem does not name the status: %q", p.Detail)
	}
}

// EX-20.
func TestWhatHasEndedCannotBeCancelled(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(python("print(1)"))
	s.cancel(x.ID, http.StatusConflict)
	if now := s.ended(x.ID); now.verdict() != "completed 0" || now.CancelledBy != nil {
		t.Errorf("%s", jsonOf(now))
	}
}

// EX-20: SIGTERM, 2 s, SIGKILL.
func TestAScriptThatIgnoresSIGTERMIsCancelledAllTheSame(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(python("import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\nwhile True: time.sleep(1)"))
	f := s.pursue(x.ID, nil)
	eventually(t, 30*time.Second, func() (bool, string) { return f.stdout() != "", "no output" })
	asked := time.Now()
	s.cancel(x.ID, http.StatusAccepted)
	f.wait()
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("cancelled after %s", took)
	}
	s.gone(x.ID, 10*time.Second)
	if x = s.ended(x.ID); x.Status != "cancelled" || x.stdout() != "deaf\n" {
		t.Errorf("%s %q", x.verdict(), x.stdout())
	}
}

// DF-01, DF-23, SA-08: at whatever step it comes, a cancel that was accepted
// wins over a script that would run for long.
func TestDF23ACancelWinsAtEachStep(t *testing.T) {
	s := begin(t, time.Minute)
	moments := []time.Duration{0, 10, 30, 60, 120, 250, 400, 600, 900} // ms after the submission
	var all sync.WaitGroup
	for _, m := range moments {
		all.Go(func() {
			x := s.submit(python("import time; time.sleep(25)"))
			pause(s.ctx, m*time.Millisecond)
			asked := time.Now()
			s.cancel(x.ID, http.StatusAccepted)
			if x = s.ended(x.ID); x.Status != "cancelled" {
				t.Errorf("after %d ms: %s %s", m, x.ID, x.verdict())
			}
			s.gone(x.ID, 10*time.Second)
			t.Logf("cancelled %d ms after the submission, gone %.1f s after that", m, time.Since(asked).Seconds())
		})
	}
	all.Wait()
	if err := await(s.ctx, 5*time.Second, the.ledger.empty(s.ctx)); err != nil {
		t.Error(err)
	}
}

// EX-20, DF-01, AD-04.
func TestDF53ACancelledRunInTheQueueNeverHasAPod(t *testing.T) {
	s := begin(t, 90*time.Second)
	var full []execution
	for range capacity {
		full = append(full, s.submit(python("import time; time.sleep(28)")))
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		holders, _, err := the.ledger.entries(s.ctx)
		return err == nil && len(holders) == capacity, fmt.Sprintf("%d hold capacity, %v", len(holders), err)
	})
	first, second := s.submit(python("print(1)")), s.submit(python("print(2)"))
	eventually(t, 5*time.Second, func() (bool, string) {
		a, b := s.get(first.ID), s.get(second.ID)
		return a.Queue != nil && a.Queue.Position == 1 && b.Queue != nil && b.Queue.Position == 2, jsonOf(a.Queue) + jsonOf(b.Queue)
	})
	asked := time.Now()
	s.cancel(first.ID, http.StatusAccepted)
	x := s.ended(first.ID)
	if took := time.Since(asked); took > 2*time.Second {
		t.Errorf("it took %s to leave the queue", took)
	}
	if x.Status != "cancelled" || x.Result.ExitCode != nil || x.StartedAt != nil || x.stdout() != "" {
		t.Errorf("%s", jsonOf(x))
	}
	err := await(s.ctx, 6*time.Second, func() (bool, string) { // AD-10: refreshed at most every 5 s
		now := s.get(second.ID)
		return now.Status == "queued" && now.Queue != nil && now.Queue.Position == 1, "who was behind it is " + now.Status + ", " + jsonOf(now.Queue)
	})
	if err != nil {
		t.Error(err)
	}
	for _, e := range s.timeline(first.ID) {
		if strings.HasPrefix(e.Type, "pod_") && e.Type != "pod_deleted" {
			t.Errorf("%s of a run that never left the queue", e.Type)
		}
	}
	s.gone(first.ID, time.Second)
	for _, x := range full {
		s.cancel(x.ID, http.StatusAccepted)
	}
	for _, x := range full {
		if x = s.ended(x.ID); x.Status != "cancelled" {
			t.Errorf("%s", jsonOf(x))
		}
	}
	if x := s.ended(second.ID); x.verdict() != "completed 0" || x.stdout() != "2\n" {
		t.Errorf("who waited: %s", jsonOf(x))
	}
	s.gone(second.ID, 15*time.Second)
	if err := await(s.ctx, 10*time.Second, the.ledger.empty(s.ctx)); err != nil {
		t.Error(err)
	}
}
