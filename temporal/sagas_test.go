package temporal

import (
	"slices"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/codesaga/codesaga/execution"
)

// SA-04: also of sagas that are over, and of those that nobody lets speak.
func TestView(t *testing.T) {
	w, ctx := open(t)
	id := w.submit(t, execution.Execution{Language: "quick"})
	v := w.state(t, ctx, id, execution.StateCompleted)
	if v.ExecutionID != id || v.UserID != "ann" || v.ClosedAt == nil || len(v.Facts) != 3 || len(v.Steps) < 7 || v.CurrentStep != "" {
		t.Errorf("%+v", v)
	}
	id = w.submit(t, execution.Execution{Language: "slow"})
	v = w.state(t, ctx, id, execution.StateRunning)
	if err := w.sagas.Cancel(ctx, id); err != nil || v.ClosedAt != nil {
		t.Error(v, err)
	}
	if v = w.state(t, ctx, id, execution.StateCancelled); v.FailedStep != "" {
		t.Errorf("%+v", v)
	}
	id = w.submit(t, execution.Execution{Language: "slow"})
	w.state(t, ctx, id, execution.StateRunning)
	if err := w.sagas.Client.TerminateWorkflow(ctx, string(id), "", "an operator did it"); err != nil {
		t.Fatal(err)
	}
	if v = w.state(t, ctx, id, execution.StateFailed); v.Error == "" || v.ClosedAt == nil || len(v.Steps) == 0 {
		t.Errorf("%+v", v)
	}
	if _, err := w.sagas.View(ctx, "none"); execution.KindOf(err) != execution.NotFound {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	w, ctx := open(t)
	user := "list o'" + string(execution.NewID())
	var done, runs []execution.ID
	for range 3 {
		done = append(done, w.submit(t, execution.Execution{Language: "quick", UserID: user}))
		runs = append(runs, w.submit(t, execution.Execution{Language: "slow", UserID: user}))
	}
	find := func(f execution.SagaFilter, want int) (all []execution.SagaSummary) {
		t.Helper()
		f.UserID, f.Limit = user, 2
		becomes(t, ctx, func() (bool, any) {
			all, f.Cursor = nil, ""
			for {
				page, next, err := w.sagas.List(ctx, f)
				if err != nil || len(page) > 2 {
					t.Fatal(len(page), err)
				}
				all = append(all, page...)
				if f.Cursor = next; next == "" {
					return len(all) == want, all
				}
			}
		})
		return all
	}
	find(execution.SagaFilter{}, 6)
	find(execution.SagaFilter{State: execution.StateCompleted}, 3)
	for _, s := range find(execution.SagaFilter{State: execution.StateRunning}, 3) {
		if s.UserID != user || s.Language != "slow" || s.Pool != "default" || s.Priority != execution.Normal || s.StartedAt.IsZero() || s.ClosedAt != nil || s.State != execution.StateRunning {
			t.Errorf("%+v", s)
		}
	}
	if one := find(execution.SagaFilter{ExecutionID: done[1]}, 1); one[0].ExecutionID != done[1] || one[0].ClosedAt == nil {
		t.Errorf("%+v", one)
	}
	for _, id := range runs {
		if err := w.sagas.Cancel(ctx, id); err != nil {
			t.Error(err)
		}
	}
	find(execution.SagaFilter{State: execution.StateCancelled}, 3)
	for _, state := range []string{execution.StateCreated, execution.StateRunning, execution.StateCompensating, execution.StateFailed, execution.StateTimeout} {
		find(execution.SagaFilter{State: state}, 0)
	}
	for _, cursor := range []string{"?", "bm9uc2Vuc2U"} {
		if _, _, err := w.sagas.List(ctx, execution.SagaFilter{Limit: 2, Cursor: cursor}); execution.KindOf(err) != execution.Invalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// size is that of the history of a workflow.
func (w *world) size(t *testing.T, id string) int64 {
	t.Helper()
	d, err := w.sagas.Client.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	return d.GetWorkflowExecutionInfo().GetHistorySizeBytes()
}

// SA-12.
func TestHistoriesAreSmall(t *testing.T) {
	w, ctx := open(t)
	id := w.submit(t, execution.Execution{Language: "quick", Input: execution.Input{Script: string(make([]byte, 100_000))}})
	w.state(t, ctx, id, execution.StateCompleted)
	if size := w.size(t, string(id)); size > 16<<10 {
		t.Errorf("a run took %d bytes", size)
	}
	w.set(func() { w.full = true })
	id = w.submit(t, execution.Execution{Language: "quick"})
	w.state(t, ctx, id, execution.StateCreated)
	for range 18 { // as often as one asks that waits for a day
		before := w.size(t, string(id))
		if err := w.sagas.Wake(ctx, id); err != nil {
			t.Fatal(err)
		}
		becomes(t, ctx, func() (bool, any) { return w.size(t, string(id)) > before+500, before })
	}
	w.set(func() { w.full = false })
	if err := w.sagas.Wake(ctx, id); err != nil {
		t.Fatal(err)
	}
	w.state(t, ctx, id, execution.StateCompleted)
	if size := w.size(t, string(id)); size > 64<<10 {
		t.Errorf("a run that waited for a day took %d bytes", size)
	}
}

func (w *world) set(do func()) {
	defer w.lock()()
	do()
}

// A step that fails is an ordinary activity soon, and shows what of; a repair
// is heard at once.
func TestRetryStep(t *testing.T) {
	w, ctx := open(t)
	w.set(func() { w.away = true })
	id := w.submit(t, execution.Execution{Language: "quick"})
	becomes(t, ctx, func() (bool, any) {
		v, err := w.sagas.View(ctx, id)
		if err != nil || v.CurrentStep != "create_pod" {
			return false, v
		}
		s := v.Steps[len(v.Steps)-1]
		return s.Attempts > 3 && s.Error != "", v
	})
	w.set(func() { w.away = false })
	if err := w.sagas.RetryStep(ctx, id); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	w.state(t, ctx, id, execution.StateCompleted)
	if took := time.Since(asked); took > 2*time.Second {
		t.Errorf("it went on after %s", took)
	}
	if err := w.sagas.RetryStep(ctx, id); execution.KindOf(err) != execution.NotFound {
		t.Errorf("of a saga that is over: %v", err)
	}
}

// The saga of the retry is a child that outlives its parent.
func TestAutomaticRetry(t *testing.T) {
	w, ctx := open(t)
	id := w.submit(t, execution.Execution{Language: "broken", Retry: execution.RetryPolicy{MaxAttempts: 3}})
	for range 2 {
		w.state(t, ctx, id, execution.StateCompleted)
		w.set(func() {
			if told := slices.Compact(w.events[id]); told[len(told)-2] != execution.ExecutionRetried { // what is told twice is one
				t.Errorf("told %v", told)
			}
		})
		id = execution.DerivedID(id, "retry")
	}
	w.state(t, ctx, id, execution.StateCompleted)
	x, err := w.Get(ctx, id)
	if _, more := w.Get(ctx, execution.DerivedID(id, "retry")); err != nil || more == nil || x.Attempt != 3 {
		t.Errorf("%+v, %v", x, err)
	}
}

func TestCallbackIsStartedOnce(t *testing.T) {
	w, ctx := open(t)
	id := execution.NewID()
	for _, delivery := range []int{1, 1, 2, 2} {
		if err := w.sagas.StartCallback(ctx, id, delivery); err != nil {
			t.Fatal(err)
		}
	}
	becomes(t, ctx, func() (bool, any) {
		defer w.lock()()
		return len(w.posts) == 2, w.posts
	})
}

// An operator takes a saga back to its beginning: what it did is done again,
// which is harmless, and it ends well.
func TestReset(t *testing.T) {
	w, ctx := open(t)
	id := w.submit(t, execution.Execution{Language: "slow"})
	v := w.state(t, ctx, id, execution.StateRunning)
	becomes(t, ctx, func() (bool, any) {
		v, _ = w.sagas.View(ctx, id)
		return len(v.Facts) == 1, v
	})
	_, err := w.sagas.Client.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: w.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: string(id)},
		WorkflowTaskFinishEventId: 4, Reason: "to see", RequestId: string(execution.NewID()),
	})
	if err != nil {
		t.Fatal(err)
	}
	becomes(t, ctx, func() (bool, any) {
		v, _ = w.sagas.View(ctx, id)
		return v.CurrentStep == "await_finished", v
	})
	for _, r := range []execution.Report{{Fact: execution.Finished, Status: execution.Completed}, {Fact: execution.Stored}} {
		if err := w.sagas.Tell(ctx, id, r); err != nil {
			t.Fatal(err)
		}
	}
	w.state(t, ctx, id, execution.StateCompleted)
}
