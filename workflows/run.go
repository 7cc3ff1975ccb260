package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// Signals that a saga listens to.
const (
	ReportSignal = "report"     // an execution.Report: something became true outside
	GrantSignal  = "granted"    // no value: the ledger may have capacity now
	RetrySignal  = "retry_step" // no value: an operator has repaired something, do it again at once
)

// ViewQuery asks a saga for its execution.SagaView.
const ViewQuery = "view"

// A run is one execution under way: what was asked, what is known, and how to
// undo what was done.
type run struct {
	execution.Brief
	record    record
	undo      saga
	cancelled func() bool       // somebody asked for the end
	status    execution.Status  // of the ending that was heard of
	reason    string            // likewise, if it is the platform's fault
	ended     execution.Status  // as it was told
	usage     *execution.Usage  // nil until reported
	output    *execution.Output // nil until reported
	notAfter  time.Time         // zero until the task is sent
	starting  time.Duration     // that the kube workers give a pod to start
	answers   int               // reports that came, of whatever
	woken     bool
	asked     bool // for the same step again
	queued    bool // execution_queued was published

	unanswered bool // likewise, that no kube worker answers

	next     workflow.ChildWorkflowFuture // the saga of the retry; nil if there is none
	stopNext func()                       // cancels it
}

// listen notes signals as they come, in whatever order and however often, and
// answers questions.
func (r *run) listen(ctx workflow.Context) error {
	r.cancelled = func() bool { return ctx.Err() != nil }
	r.record.SagaView = execution.SagaView{
		ExecutionID: r.Capacity.ID, UserID: r.Capacity.UserID, State: execution.StateCreated, StartedAt: workflow.Now(ctx),
		Steps: []execution.SagaStep{}, Facts: []execution.SagaFact{},
	}
	on(ctx, ReportSignal, func(heard execution.Report) { r.hear(heard, workflow.Now(ctx)) })
	on(ctx, GrantSignal, func(any) { r.woken = true })
	on(ctx, RetrySignal, func(any) { r.asked = true })
	return workflow.SetQueryHandler(ctx, ViewQuery, func() (execution.SagaView, error) { return r.record.view(), nil })
}

// on does do with each signal of a name.
func on[T any](ctx workflow.Context, signal string, do func(T)) {
	signals := workflow.GetSignalChannel(ctx, signal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var value T
			signals.Receive(ctx, &value)
			do(value)
		}
	})
}

func (r *run) hear(heard execution.Report, at time.Time) {
	r.answers++
	if heard.Fact != "" && !r.heard(heard.Fact) {
		r.record.Facts = append(r.record.Facts, execution.SagaFact{Fact: heard.Fact, At: at})
	}
	if heard.Status != "" && r.status == "" { // the first ending is the ending
		r.status, r.reason = heard.Status, heard.Reason
	}
	if heard.Usage != nil {
		r.usage = heard.Usage
	}
	if heard.Output != nil {
		r.output = heard.Output
	}
}

// heard reports whether f itself was told.
func (r *run) heard(f execution.Fact) bool {
	return slices.ContainsFunc(r.record.Facts, func(known execution.SagaFact) bool { return known.Fact == f })
}

// knows reports whether f is known to be true.
func (r *run) knows(f execution.Fact) bool {
	return slices.ContainsFunc(r.record.Facts, func(known execution.SagaFact) bool { return known.Fact.Implies(f) })
}

// started reports whether the script was, as far as anybody has told.
func (r *run) started() bool {
	return r.heard(execution.Started) || r.usage != nil && r.usage.StartedAt != nil
}

// again reports whether an operator has asked for a step to be done again, once
// each time.
func (r *run) again() bool {
	asked := r.asked
	r.asked = false
	return asked
}

const (
	// startPatience is how long no word of a started script is no reason to
	// ask. A cold start takes a second, a crowd of them ten.
	startPatience = 30 * time.Second
	// sends is how often a task is sent before it is clear that nobody is there.
	// Four times startPatience is more than a kube worker gives a pod to start,
	// if it does not say that it gives more.
	sends = 4
	// rarely is how often one is sent then: so often that a worker that comes
	// back finds one that is not void.
	rarely = execution.TaskLife / 2
)

func (r *run) startPatience() time.Duration { return max(startPatience, r.starting/2) }

// runPatience is how long no word of an ending is no reason to ask.
func (r *run) runPatience() time.Duration {
	return time.Duration(r.Request.Limits.TimeoutSeconds+r.CompileSeconds)*time.Second + time.Minute
}

// until waits for holds to become true, for d at most. It leaves no timer
// behind: one that fires later would wake the workflow for nothing.
func until(ctx workflow.Context, d time.Duration, holds func() bool) error {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	_, err := workflow.AwaitWithTimeout(ctx, d, holds)
	return err
}

// show makes the status of the run, and the state of its saga, known to those
// who list workflows.
func (r *run) show(ctx workflow.Context, s execution.Status, state string) error {
	if s == "" {
		return nil
	}
	r.record.State = state
	return workflow.UpsertTypedSearchAttributes(ctx, StatusAttribute.ValueSet(string(s)), StateAttribute.ValueSet(state))
}

// showCompensating is show for a saga that undoes what it did.
func (r *run) showCompensating(ctx workflow.Context) error {
	r.record.State = execution.StateCompensating
	if workflow.GetVersion(ctx, sagaState, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, StateAttribute.ValueSet(execution.StateCompensating))
}
