package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// Signals that a saga listens to.
const (
	ReportSignal = "report"  // an execution.Report: something became true outside
	GrantSignal  = "granted" // no value: the ledger may have capacity now
)

// Search attributes of a saga, all of them keywords: "codesaga setup" makes
// them known to the namespace.
var (
	StatusAttribute   = temporal.NewSearchAttributeKeyKeyword("CodesagaStatus")
	UserAttribute     = temporal.NewSearchAttributeKeyKeyword("CodesagaUser")
	LanguageAttribute = temporal.NewSearchAttributeKeyKeyword("CodesagaLanguage")
	PoolAttribute     = temporal.NewSearchAttributeKeyKeyword("CodesagaPool")
	PriorityAttribute = temporal.NewSearchAttributeKeyKeyword("CodesagaPriority")
)

// A run is one execution under way: what was asked, what is known, and how to
// undo what was done.
type run struct {
	Input
	undo     saga
	facts    []execution.Fact  // in the order of hearing
	status   execution.Status  // of the ending that was heard of
	usage    *execution.Usage  // nil until reported
	output   *execution.Output // nil until reported
	notAfter time.Time         // zero until the task is sent
	woken    bool
	queued   bool   // execution_queued was published
	at       string // the step under way, or that failed
}

// listen notes signals as they come, in whatever order and however often.
func (r *run) listen(ctx workflow.Context) {
	reports, grants := workflow.GetSignalChannel(ctx, ReportSignal), workflow.GetSignalChannel(ctx, GrantSignal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var heard execution.Report
			reports.Receive(ctx, &heard)
			r.hear(heard)
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			grants.Receive(ctx, nil)
			r.woken = true
		}
	})
}

func (r *run) hear(heard execution.Report) {
	if heard.Fact != "" && !slices.Contains(r.facts, heard.Fact) {
		r.facts = append(r.facts, heard.Fact)
	}
	if heard.Status != "" && r.status == "" { // the first ending is the ending
		r.status = heard.Status
	}
	if heard.Usage != nil {
		r.usage = heard.Usage
	}
	if heard.Output != nil {
		r.output = heard.Output
	}
}

// knows reports whether f is known to be true.
func (r *run) knows(f execution.Fact) bool {
	return slices.ContainsFunc(r.facts, func(known execution.Fact) bool { return known.Implies(f) })
}

// timeout is that of the script.
func (r *run) timeout() time.Duration {
	return time.Duration(r.Request.Limits.TimeoutSeconds) * time.Second
}

// until waits for holds to become true, for d at most. It leaves no timer
// behind: one that fires later would wake the workflow for nothing.
func until(ctx workflow.Context, d time.Duration, holds func() bool) (bool, error) {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	return workflow.AwaitWithTimeout(ctx, d, holds)
}

// show makes the status of the run known to those who list workflows.
func (r *run) show(ctx workflow.Context, s execution.Status) error {
	if s == "" {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, StatusAttribute.ValueSet(string(s)))
}

// event builds an event here, in the workflow, so that a second attempt at
// publishing it sends the very same one.
func (r *run) event(ctx workflow.Context, t execution.EventType) execution.Event {
	e := execution.NewEvent(r.Capacity.ID, r.Capacity.UserID, execution.SourceSaga, t, workflow.Now(ctx))
	e.CorrelationID = r.CorrelationID
	return e
}

// sagaEvent is an event of a saga that does not go well, and says where and
// why.
func (r *run) sagaEvent(ctx workflow.Context, t execution.EventType, why error) execution.Event {
	e := r.event(ctx, t)
	e.Saga = &execution.Saga{Step: r.at}
	if !temporal.IsCanceledError(why) {
		e.Saga.Cause = cause(why)
	}
	return e
}

// compensated is how a saga ended that was undone.
func (*run) compensated(why error) execution.EventType {
	if temporal.IsCanceledError(why) {
		return execution.SagaCancelled
	}
	return execution.SagaCompensated
}

// tellEnding announces how a run without a result ended, and what it took
// until then.
func (r *run) tellEnding(ctx workflow.Context, why error) error {
	o := outcome(why)
	if r.usage != nil {
		o.ExitCode, o.Signal = r.usage.ExitCode, r.usage.Signal
	}
	e := execution.NewEnding(r.Capacity.ID, r.Capacity.UserID, execution.SourceSaga, o, workflow.Now(ctx))
	e.CorrelationID, e.Usage, e.Output = r.CorrelationID, r.usage, r.output
	if err := r.show(ctx, o.Status); err != nil {
		return err
	}
	return r.tell(ctx, e)
}

// Types of errors that a saga makes itself.
const (
	nodeLost = "NodeLost" // the pod went away by itself
	noAnswer = "NoAnswer" // no kube worker says anything
)

// outcome is what users are told of why: what went wrong inside is in the
// history.
func outcome(why error) execution.Outcome {
	if temporal.IsCanceledError(why) {
		return execution.Outcome{Status: execution.Cancelled}
	}
	o := execution.Outcome{Status: execution.Errored, ErrorType: "system_error", Reason: "internal"}
	app, _ := errors.AsType[*temporal.ApplicationError](why)
	switch {
	case app == nil:
	case app.Type() == string(execution.Exhausted):
		o.Reason, o.Message = "rejected", "there is no room in the queue"
	case app.Type() == string(execution.Invalid):
		o.Reason, o.Message = "rejected", app.Message()
	case app.Type() == nodeLost:
		o.Reason, o.Message = "node_lost", "the pod went away while it ran"
	case app.Type() == noAnswer:
		o.Message = "no Kubernetes worker answered"
	}
	return o
}

// cause is why in one line.
func cause(why error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](why); ok {
		return app.Message()
	}
	return why.Error()
}
