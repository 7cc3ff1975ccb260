// Package workflows decides which step follows which, and survives crashes.
// Its code is replayed, so it must be deterministic: no clock, no network, no
// ranging over maps. Whatever touches the world is an activity.
package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/activities"
	"github.com/codesaga/codesaga/execution"
)

// TaskQueue is where workers listen for executions.
const TaskQueue = "executions"

// act only names activities; its methods are never called here.
var act *activities.Activities

// Input is all that the history keeps of a request. The script stays in the
// store: every replay reads the whole history.
type Input struct {
	Capacity      execution.Capacity // with the IDs of the execution and its user
	Request       execution.Request
	CorrelationID string
}

// Execute is the execution saga. However it ends, an ending was published, the
// capacity is free and the pod is going, or an operator was called.
func Execute(ctx workflow.Context, in Input) error {
	r := &run{Input: in}
	r.listen(ctx)

	err := r.steps(ctx)

	ctx, cancel := workflow.NewDisconnectedContext(ctx) // cancellation stops the script, not the clean-up
	defer cancel()
	if err != nil {
		return r.compensate(ctx, err)
	}
	return r.complete(ctx)
}

// steps leads to a script that has ended.
func (r *run) steps(ctx workflow.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.take(ctx, r.admit, r.release); err != nil {
		return err
	}
	if err := r.take(ctx, r.createPod, r.removePod); err != nil {
		return err
	}
	if err := r.publish(ctx, r.event(ctx, execution.ExecutionAccepted), r.event(ctx, execution.ExecutionScheduled)); err != nil {
		return err
	}
	if err := r.show(ctx, execution.Scheduled); err != nil {
		return err
	}
	if err := r.await(ctx, execution.Started, startPatience, r.createPod); err != nil {
		return err
	}
	if err := r.show(ctx, execution.Running); err != nil {
		return err
	}
	return r.await(ctx, execution.Finished, r.timeout()+time.Minute, r.createPod)
}

// take does a step that takes something. Its undo is registered first, because
// a step that failed may still have had its effect; a step that was not even
// tried has none.
func (r *run) take(ctx workflow.Context, step, undo func(workflow.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.undo.later(undo)
	return step(ctx)
}

// complete ends a run whose script has ended. Its capacity is free at once;
// its pod, which may have the only copy of the output, waits for the result.
func (r *run) complete(ctx workflow.Context) error {
	released := r.release(ctx)
	shown := r.show(ctx, r.status)
	if err := r.awaitStored(ctx); err != nil {
		return r.leaked(ctx, errors.Join(released, shown, err))
	}
	if err := errors.Join(released, shown, r.deletePod(ctx)); err != nil {
		return r.leaked(ctx, err)
	}
	return r.tell(ctx, r.event(ctx, execution.SagaCompleted))
}

// compensate ends a run that has no result, and says why. Each part is tried
// even if the one before it failed.
func (r *run) compensate(ctx workflow.Context, why error) error {
	if r.knows(execution.Finished) { // the script was faster: its ending came first, and counts
		return r.complete(ctx)
	}
	told := r.tell(ctx, r.sagaEvent(ctx, execution.SagaCompensating, why))
	if r.knows(execution.Finished) { // heard of meanwhile
		return r.complete(ctx)
	}
	undone := r.undo.run(ctx)
	if r.knows(execution.Finished) { // it was faster than the undo
		return r.complete(ctx)
	}
	ended := r.tellEnding(ctx, why)
	if err := errors.Join(told, undone, ended); err != nil {
		return r.leaked(ctx, err)
	}
	if err := r.tell(ctx, r.event(ctx, r.compensated(why))); err != nil {
		return err
	}
	return why
}

// leaked ends a run that left something behind, and calls an operator: the
// event raises the alarm, the failed workflow says what it is.
func (r *run) leaked(ctx workflow.Context, leak error) error {
	workflow.GetLogger(ctx).Error("not everything was undone", "execution", r.Capacity.ID, "err", leak)
	told := r.tell(ctx, r.sagaEvent(ctx, execution.SagaFailed, leak))
	return temporal.NewApplicationErrorWithCause("not everything was undone", "Leaked", errors.Join(leak, told))
}
