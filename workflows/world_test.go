package workflows

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

// world stands for all that is outside of a saga. It has the names of the
// activities, writes down what is asked of it and answers with signals.
type world struct {
	env    *testsuite.TestWorkflowEnvironment
	mu     *sync.Mutex     // a retry runs beside the saga that began it
	brief  execution.Brief // what is asked for, beside the limits
	calls  []string        // events by their types, other activities by their names, facts as they become true; "x2:" is in front of another execution's
	ending execution.Event // the one that was published
	failed execution.Event // saga_compensating or saga_failed

	breaks   string           // the call that fails, for good
	kind     string           // of that failure
	ails     string           // the call that fails until somebody repairs it
	full     int              // how many times Admit says: wait
	patience []float64        // of the pool, each time Admit says so; the last one stays
	mute     int              // how many create tasks get no answer
	deaf     int              // how many delete tasks get no answer
	reaches  execution.Fact   // how far a run comes by itself; to the end if empty
	fails    string           // why the platform ends the run x1 in place of a start
	storing  time.Duration    // how long that takes
	starts   time.Duration    // how long kube workers wait for a start
	result   execution.Status // that the store has
	during   func()           // happens while CreatePod is under way
	onCall   string           // the call during which then happens, once
	then     func()
	notAfter []time.Time // of the create tasks, without repetitions
}

// call notes what is asked for an execution.
func (w *world) call(id execution.ID, name string) error {
	if id != "x1" {
		name = string(id) + ":" + name
	}
	if then := w.note(name); then != nil {
		then()
	}
	defer w.lock()()
	switch name {
	case w.breaks:
		return temporal.NewNonRetryableApplicationError("broken on purpose", w.kind, nil)
	case w.ails:
		return temporal.NewApplicationError("nobody is there", "kinded")
	}
	return nil
}

// note returns what happens then.
func (w *world) note(name string) (then func()) {
	defer w.lock()()
	w.calls = append(w.calls, name)
	if name == w.onCall {
		then, w.then = w.then, nil
	}
	return then
}

func (w *world) lock() (unlock func()) {
	w.mu.Lock()
	return w.mu.Unlock
}

// change changes the world while a saga runs in it.
func (w *world) change(how func()) {
	defer w.lock()()
	how()
}

// called is what was asked for so far.
func (w *world) called() []string {
	defer w.lock()()
	return slices.Clone(w.calls)
}

func (w *world) Publish(_ context.Context, events []execution.Event) error {
	var names []string
	unlock := w.lock()
	for _, e := range events {
		names = append(names, string(e.Type))
		switch {
		case e.Outcome != nil:
			w.ending = e
		case e.Saga != nil && e.Saga.Step != "":
			w.failed = e
		}
	}
	unlock()
	return w.call(events[0].ExecutionID, strings.Join(names, "+"))
}

func (w *world) Admit(_ context.Context, c execution.Capacity) (execution.Admission, error) {
	a := execution.Admission{Position: 3}
	unlock := w.lock()
	w.full--
	a.Granted = w.full < 0
	if len(w.patience) > 0 {
		a.Patience = w.patience[0]
		w.patience = w.patience[min(1, len(w.patience)-1):]
	}
	unlock()
	return a, w.call(c.ID, "Admit")
}

func (w *world) CreatePod(_ context.Context, id execution.ID, notAfter time.Time) (execution.TaskTerms, error) {
	if w.result != "" {
		return execution.TaskTerms{Started: true, Ended: w.result}, w.call(id, "CreatePod")
	}
	if w.during != nil {
		w.during()
	}
	w.answer(id, notAfter)
	return execution.TaskTerms{StartSeconds: w.starts.Seconds()}, w.call(id, "CreatePod")
}

// answer is what a kube worker tells of a create task.
func (w *world) answer(id execution.ID, notAfter time.Time) {
	defer w.lock()()
	if !slices.Contains(w.notAfter, notAfter) {
		w.notAfter = append(w.notAfter, notAfter)
	}
	w.mute--
	switch {
	case w.mute >= 0:
	case w.fails != "" && id == "x1":
		w.after(time.Second, id, execution.Report{Fact: execution.Finished, Status: execution.Errored, Reason: w.fails})
		w.after(3*time.Second, id, execution.Report{Fact: execution.Stored})
	default:
		w.after(time.Second, id, execution.Report{Fact: execution.Started})
		if w.reaches != execution.Started {
			w.after(2*time.Second, id, execution.Report{Fact: execution.Finished, Status: execution.Failed})
		}
		if w.reaches == "" {
			w.after(3*time.Second+w.storing, id, execution.Report{Fact: execution.Stored})
		}
	}
}

func (w *world) DeletePod(_ context.Context, c execution.Capacity) error {
	unlock := w.lock()
	w.deaf--
	if w.deaf < 0 {
		w.after(2*time.Second, c.ID, execution.Report{Usage: &execution.Usage{ExitCode: new(int32(143)), CPUSeconds: 0.5}, Output: &execution.Output{Chunks: 7}})
		w.after(3*time.Second, c.ID, execution.Report{Fact: execution.Gone})
	}
	unlock()
	return w.call(c.ID, "DeletePod")
}

func (w *world) Release(_ context.Context, id execution.ID, _ string) error {
	return w.call(id, "Release")
}

func (w *world) RetryExecution(_ context.Context, id execution.ID) (execution.Brief, error) {
	next := w.brief
	next.Capacity.ID, next.Request.Attempt = "x2", next.Request.Attempt+1
	return next, w.call(id, "RetryExecution")
}

// after reports r of id when d has passed on the clock of the workflow.
func (w *world) after(d time.Duration, id execution.ID, r execution.Report) {
	w.env.RegisterDelayedCallback(func() { w.tell(id, r) }, d)
}

// report tells r of x1 now.
func (w *world) report(r execution.Report) { w.tell("x1", r) }

func (w *world) tell(id execution.ID, r execution.Report) {
	if r.Fact != "" {
		_ = w.call(id, string(r.Fact))
	}
	_ = w.env.SignalWorkflowByID(string(id), ReportSignal, r) // it may be over
}

// execute runs one saga in w and returns how it ended. After a time, something
// happens.
func (w *world) execute(t *testing.T, after time.Duration, something func()) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w.env, w.mu = suite.NewTestWorkflowEnvironment(), new(sync.Mutex)
	w.env.RegisterActivity(w)
	w.env.RegisterWorkflow(Execute)
	w.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "x1"})
	if something != nil {
		w.env.RegisterDelayedCallback(something, after)
	}
	w.brief.Capacity.ID, w.brief.Capacity.UserID, w.brief.Capacity.Pool = "x1", "ann", "default"
	w.brief.Request.Attempt, w.brief.Request.Limits.TimeoutSeconds = max(w.brief.Request.Attempt, 1), 60
	w.env.ExecuteWorkflow(Execute, w.brief)
	return w.env.GetWorkflowError()
}

// view asks the saga where it stands.
func (w *world) view(t *testing.T) (v execution.SagaView) {
	t.Helper()
	answer, err := w.env.QueryWorkflow(ViewQuery)
	if err == nil {
		err = answer.Get(&v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// repair is what an operator does: the cause is mended, and the step done again.
func (w *world) repair() {
	w.change(func() { w.ails = "" })
	w.env.SignalWorkflow(RetrySignal, nil)
}

func (w *world) cancel() { w.env.CancelWorkflow() }

func (w *world) expect(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(w.calls, " "); got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("calls\n got %s\nwant %s", got, strings.Join(strings.Fields(want), " "))
	}
}

// interleaved is expect where two sagas run beside each other: those of the
// second are last.
func (w *world) interleaved(t *testing.T, want string) {
	t.Helper()
	slices.SortStableFunc(w.calls, func(a, b string) int {
		return strings.Compare(a[:min(3, len(a))], "x2:") - strings.Compare(b[:min(3, len(b))], "x2:")
	})
	w.expect(t, want)
}
