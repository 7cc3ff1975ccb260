package workflows

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

// world stands for all that is outside of a saga. It has the names of the
// activities, writes down what is asked of it and answers with signals.
type world struct {
	env    *testsuite.TestWorkflowEnvironment
	calls  []string        // events by their types, other activities by their names, facts as they become true
	ending execution.Event // the one that was published
	failed execution.Event // saga_compensating or saga_failed

	breaks   string         // the call that fails, for good
	kind     string         // of that failure
	full     int            // how many times Admit says: wait
	mute     int            // how many create tasks get no answer
	deaf     int            // how many delete tasks get no answer
	reaches  execution.Fact // how far a run comes by itself; to the end if empty
	storing  time.Duration  // how long that takes
	during   func()         // happens while CreatePod is under way
	onCall   string         // the call during which then happens, once
	then     func()
	notAfter []time.Time // of the create tasks, without repetitions
}

func (w *world) call(name string) error {
	w.calls = append(w.calls, name)
	if name == w.onCall && w.then != nil {
		then := w.then
		w.then = nil
		then()
	}
	if name == w.breaks {
		return temporal.NewNonRetryableApplicationError("broken on purpose", w.kind, nil)
	}
	return nil
}

func (w *world) Publish(_ context.Context, events []execution.Event) error {
	var names []string
	for _, e := range events {
		names = append(names, string(e.Type))
		switch {
		case e.Outcome != nil:
			w.ending = e
		case e.Saga != nil:
			w.failed = e
		}
	}
	return w.call(strings.Join(names, "+"))
}

func (w *world) Admit(context.Context, execution.Capacity) (execution.Admission, error) {
	w.full--
	return execution.Admission{Granted: w.full < 0, Position: 3}, w.call("Admit")
}

func (w *world) CreatePod(_ context.Context, _ execution.ID, notAfter time.Time) (execution.TaskTerms, error) {
	if !slices.Contains(w.notAfter, notAfter) {
		w.notAfter = append(w.notAfter, notAfter)
	}
	if w.during != nil {
		w.during()
	}
	w.mute--
	if w.mute < 0 {
		w.after(time.Second, execution.Report{Fact: execution.Started})
		if w.reaches != execution.Started {
			w.after(2*time.Second, execution.Report{Fact: execution.Finished, Status: execution.Failed})
		}
		if w.reaches == "" {
			w.after(3*time.Second+w.storing, execution.Report{Fact: execution.Stored})
		}
	}
	return execution.TaskTerms{}, w.call("CreatePod")
}

func (w *world) DeletePod(context.Context, execution.Capacity) error {
	w.deaf--
	if w.deaf < 0 {
		w.after(2*time.Second, execution.Report{Usage: &execution.Usage{ExitCode: new(int32(143)), CPUSeconds: 0.5}, Output: &execution.Output{Chunks: 7}})
		w.after(3*time.Second, execution.Report{Fact: execution.Gone})
	}
	return w.call("DeletePod")
}

func (w *world) Release(context.Context, execution.ID, string) error { return w.call("Release") }

// after reports r when d has passed on the clock of the workflow.
func (w *world) after(d time.Duration, r execution.Report) {
	w.env.RegisterDelayedCallback(func() { w.report(r) }, d)
}

func (w *world) report(r execution.Report) {
	if r.Fact != "" {
		_ = w.call(string(r.Fact))
	}
	w.env.SignalWorkflow(ReportSignal, r)
}

// execute runs one saga in w and returns how it ended. After a time, something
// happens.
func (w *world) execute(t *testing.T, after time.Duration, something func()) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.RegisterActivity(w)
	if something != nil {
		w.env.RegisterDelayedCallback(something, after)
	}
	w.env.ExecuteWorkflow(Execute, execution.Brief{
		Capacity: execution.Capacity{ID: "x1", UserID: "ann", Pool: "default"},
		Request:  execution.Request{Limits: execution.Limits{TimeoutSeconds: 60}},
	})
	return w.env.GetWorkflowError()
}

func (w *world) cancel() { w.env.CancelWorkflow() }

func (w *world) expect(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(w.calls, " "); got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("calls\n got %s\nwant %s", got, strings.Join(strings.Fields(want), " "))
	}
}
