package workflows

import (
	"cmp"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

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
	e.Saga = &execution.Saga{Step: cmp.Or(r.record.FailedStep, r.record.stopped)}
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
func (r *run) tellEnding(ctx workflow.Context, o execution.Outcome, why error) error {
	if r.usage != nil {
		o.ExitCode, o.Signal = r.usage.ExitCode, r.usage.Signal
	}
	e := execution.NewEnding(r.Capacity.ID, r.Capacity.UserID, execution.SourceSaga, o, workflow.Now(ctx))
	e.CorrelationID, e.Usage, e.Output = r.CorrelationID, r.usage, r.output
	if err := r.show(ctx, o.Status, stateOf(why)); err != nil {
		return err
	}
	return r.tell(ctx, e)
}

// Types of errors that a saga makes itself.
const (
	nodeLost     = "NodeLost"     // the pod went away by itself
	noAnswer     = "NoAnswer"     // no kube worker says anything
	queueTimeout = "QueueTimeout" // there was no capacity for too long
	retried      = "Retried"      // another execution took its place, and has ended; its status is in the details
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
	case app.Type() == queueTimeout:
		o.Reason, o.Message = "queue_timeout", app.Message()
	case app.Type() == noAnswer:
		o.Message = "no Kubernetes worker answered"
	}
	return o
}

// stateOf is the state of a saga that was undone because of why.
func stateOf(why error) string {
	app, _ := errors.AsType[*temporal.ApplicationError](why)
	switch {
	case temporal.IsCanceledError(why):
		return execution.StateCancelled
	case app != nil && (app.Type() == noAnswer || app.Type() == queueTimeout):
		return execution.StateTimeout
	default:
		return execution.StateFailed
	}
}

// statusOf is how the execution ended whose saga returned s and err.
func statusOf(s execution.Status, err error) execution.Status {
	if err == nil {
		return s
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == retried && app.Details(&s) == nil {
		return s
	}
	return outcome(err).Status
}

// cause is why in one line.
func cause(why error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](why); ok {
		return app.Message()
	}
	return why.Error()
}

// tookTooLong is the error of a run that waited for capacity in vain.
func tookTooLong(seconds float64) error {
	return temporal.NewApplicationError(fmt.Sprintf("there was no capacity for it within %.0f seconds", seconds), queueTimeout)
}
