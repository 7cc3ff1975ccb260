package workflows

import (
	"slices"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Whatever a saga waits for, when an operator has repaired the cause and says
// so, it is done again at once.
func TestRepairedStepIsDoneAgainAtOnce(t *testing.T) {
	resent := func(w *world) { w.reaches, w.mute, w.deaf = "", 0, 0 }
	tests := []struct {
		name   string
		world  world
		at     time.Duration // from the beginning, when it is repaired
		mend   func(*world)
		next   string // what is asked for then
		step   string // that the saga is at
		cancel bool   // 10 s after the beginning
	}{
		{"a step fails", world{ails: "Admit"}, 55 * time.Second, nil, "Admit", "admit", false},
		{"the first event cannot be told", world{ails: "execution_requested+saga_started"}, 55 * time.Second, nil, "execution_requested+saga_started", "request", false},
		{"what is owed fails", world{ails: "Release"}, 150 * time.Second, nil, "Release", "release", false},
		{"the ending cannot be told", world{ails: "execution_cancelled", full: 1000}, 150 * time.Second, nil, "execution_cancelled", "tell_execution_cancelled", true},
		{"it waits for capacity", world{full: 1000}, 30 * time.Minute, func(w *world) { w.full = 0 }, "Admit", "admit", false},
		{"no start is heard of", world{mute: 1000}, 10 * time.Second, resent, "CreatePod", "await_started", false},
		{"no end is heard of", world{reaches: execution.Started}, 20 * time.Second, resent, "CreatePod", "await_finished", false},
		{"no result is heard of", world{reaches: execution.Finished}, 12 * time.Hour, resent, "CreatePod", "await_stored", false},
		{"the pod does not go", world{reaches: execution.Started, deaf: 1000}, 20 * time.Second, resent, "DeletePod", "delete_pod", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &tt.world
			before, step := 0, ""
			repair := func() {
				w.env.RegisterDelayedCallback(func() {
					if tt.mend != nil {
						w.change(func() { tt.mend(w) })
					}
					before, step = len(w.called()), w.view(t).CurrentStep
					w.repair()
				}, tt.at)
				w.env.RegisterDelayedCallback(func() {
					if calls := w.called(); len(calls) == before || calls[before] != tt.next {
						t.Errorf("a second later there was %v, want %s first", calls[before:], tt.next)
					}
				}, tt.at+time.Second)
			}
			something := repair
			if tt.cancel {
				something = func() {
					repair()
					w.env.RegisterDelayedCallback(w.cancel, 10*time.Second)
				}
			}
			if err := w.execute(t, 0, something); err != nil && !tt.cancel {
				t.Error(err)
			}
			if last := w.calls[len(w.calls)-1]; step != tt.step || !slices.Contains([]string{"saga_completed", "saga_cancelled"}, last) {
				t.Errorf("repaired at %s, ended with %s", step, last)
			}
		})
	}
}

// Asking often takes nothing from the patience of a saga, and does nothing where
// there is nothing to be done again.
func TestRepairMayBeAskedForOften(t *testing.T) {
	w := &world{mute: 9, brief: execution.Brief{NotBefore: new(time.Now().Add(time.Minute))}}
	err := w.execute(t, 0, func() {
		for i := range 10 {
			w.env.RegisterDelayedCallback(w.repair, 59*time.Second+time.Duration(i)*time.Second)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if v := w.view(t); v.State != execution.StateCompleted {
		t.Errorf("%+v", v)
	}
	w = &world{mute: 1000}
	_ = w.execute(t, 10*time.Second, func() {
		w.repair()
		w.env.RegisterDelayedCallback(w.repair, 20*time.Second)
	})
	w.expect(t, sent+"CreatePod CreatePod "+unanswered+"saga_compensating DeletePod gone Release execution_error saga_compensated")
}

// SA-10: once it runs, or has run, no task makes a pod any more.
func TestScriptIsNeverStartedTwice(t *testing.T) {
	for name, w := range map[string]*world{
		"it runs":   {reaches: execution.Started},
		"it has":    {reaches: execution.Finished},
		"it had to": {fails: "image_pull", storing: time.Hour},
	} {
		now := time.Time{}
		_ = w.execute(t, 20*time.Second, func() {
			w.change(func() { w.reaches, now = "", w.env.Now() })
			w.repair()
			w.after(time.Minute, "x1", execution.Report{Fact: execution.Stored})
		})
		if name != "it had to" && (len(w.notAfter) != 2 || !w.notAfter[0].After(now) || !w.notAfter[1].Before(now)) {
			t.Errorf("%s: at %s tasks become void at %v", name, now, w.notAfter)
		}
	}
}

// A saga that an operator takes back to its beginning when all is over finds
// the result, and only clears up.
func TestRunThatHasAResultIsNotRunAgain(t *testing.T) {
	for _, status := range []execution.Status{execution.Completed, execution.Errored} {
		w := &world{result: status, brief: execution.Brief{Retry: execution.RetryPolicy{MaxAttempts: 5}}}
		if err := w.execute(t, 0, nil); err != nil {
			t.Error(err)
		}
		w.expect(t, sent+"Release DeletePod saga_completed")
		var s execution.Status
		if err := w.env.GetWorkflowResult(&s); err != nil || s != status {
			t.Errorf("%s, %v", s, err)
		}
	}
}
