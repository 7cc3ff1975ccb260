package web

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codesaga/codesaga/execution"
)

// again is an execution of ann's that has ended, and has all that can be asked
// for.
func over(m *memory) execution.Execution {
	limits, _ := execution.DefaultBounds.Apply(execution.Limits{TimeoutSeconds: 7}, execution.Limits{})
	m.set("x1", func(x *execution.Execution) {
		*x = execution.Execution{
			ID: "x1", UserID: "ann", Language: "python", Version: "3.11", Program: execution.Program{Image: "old", FileName: "a/b.py"},
			Input: execution.Input{Script: "1", Args: []string{"a"}}, Limits: limits, Priority: execution.Low, Pool: "default",
			Labels: []execution.Pair{{Name: "a", Value: "b"}}, Attempt: 2, ParentID: "x0", Interactive: true, Retry: execution.RetryPolicy{MaxAttempts: 3},
			NotBefore: &x.CreatedAt, ScheduleID: "s", BatchID: "b", BatchIndex: 4, Expected: &execution.Expected{Stdout: "1", Comparison: "exact"},
			CancelledBy: "ann", CancelReason: "r", CorrelationID: "c0", CreatedAt: x.CreatedAt, Waiting: &execution.Pod{}, Judge: &execution.Judge{},
		}
		end(x)
	})
	return m.rows["x1"]
}

func TestRetry(t *testing.T) {
	for _, user := range []string{"ann", "op"} { // whoever asks, the owner stays
		s, m, g := serve(nil)
		was := over(m)
		w := ask(s, "POST", executions+"/x1/retry", "", "User", user, "X-Correlation-ID", "c1")
		v := read[View](t, w)
		if w.Code != 202 || w.Header().Get("Location") != executions+"/"+string(v.ID) || v.ParentID != "x1" || v.Attempt != 3 || !slices.Contains(g.started, v.ID) {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		x := m.rows[v.ID]
		want := execution.Execution{
			ID: v.ID, UserID: "ann", Language: "python", Version: "3.11", Program: execution.Program{Image: "python", FileName: "a/b.py", Run: []string{"python3", "main.py"}},
			Input: was.Input, Limits: was.Limits, Priority: execution.Low, Pool: "default", Labels: was.Labels, Attempt: 3, ParentID: "x1",
			Interactive: true, Retry: was.Retry, Expected: was.Expected, CorrelationID: "c1", Status: execution.Queued, CreatedAt: x.CreatedAt,
		}
		if diff := cmp.Diff(want, x, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		told := s.Bus.(*bus).events
		if len(told) != 1 || told[0].ID != "x1/web/execution_retried/"+string(v.ID) || told[0].ExecutionID != "x1" || told[0].Saga.Cause != string(v.ID) {
			t.Errorf("told %+v", told)
		}
	}
}

func TestRetryThatIsRefused(t *testing.T) {
	s, m, _ := serve(nil)
	if w := ask(s, "POST", executions+"/x1/retry", ""); w.Code != 409 || read[Problem](t, w).Detail != "execution x1 has not ended: running" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	over(m)
	for name, change := range map[string]func(*execution.Execution){
		"a version that is off now": func(x *execution.Execution) { x.Version = "2.7" },
		"a pool that is gone":       func(x *execution.Execution) { x.Pool = "gpu" },
		"egress of another day":     func(x *execution.Execution) { x.Egress = []execution.Egress{{CIDR: "10.0.0.0/8"}} },
		"a limit of another day":    func(x *execution.Execution) { x.Limits.MemoryBytes = 1 << 40 },
	} {
		over(m)
		m.set("x1", change)
		if w := ask(s, "POST", executions+"/x1/retry", ""); w.Code != 422 || len(m.rows) != 1 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	over(m)
	s.Queue.(*queue).err = execution.Coded(execution.Exhausted, "user_queue_full", "full")
	if w := ask(s, "POST", executions+"/x1/retry", ""); w.Code != 429 || len(m.rows) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The right to a high priority is not handed on with the run.
func TestRetryOfWhatAnOperatorMadeUrgent(t *testing.T) {
	for user, want := range map[string]execution.Priority{"ann": execution.Normal, "op": execution.Critical} {
		s, m, _ := serve(nil)
		over(m)
		m.set("x1", func(x *execution.Execution) { x.Priority = execution.Critical })
		if w := ask(s, "POST", executions+"/x1/retry", "", "User", user); w.Code != 202 || read[View](t, w).Priority != want {
			t.Errorf("%s: %d %s", user, w.Code, w.Body)
		}
	}
}

func TestRetryOnceUnderAKey(t *testing.T) {
	s, m, _ := serve(nil)
	over(m)
	first := read[View](t, ask(s, "POST", executions+"/x1/retry", "", "Idempotency-Key", "k"))
	w := ask(s, "POST", executions+"/x1/retry", "", "Idempotency-Key", "k")
	if v := read[View](t, w); w.Code != 202 || v.ID != first.ID || w.Header().Get("Idempotency-Replayed") != "true" || len(m.rows) != 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", executions, small, "Idempotency-Key", "k"); w.Code != 422 {
		t.Errorf("something else under that key: %d %s", w.Code, w.Body)
	}
}
