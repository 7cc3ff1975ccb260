// Package workflows decides which step follows which, and survives crashes.
// Its code is replayed, so it must be deterministic: no clock, no network, no
// ranging over maps. Whatever touches the world is an activity.
package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/activities"
	"github.com/codesaga/codesaga/execution"
)

// TaskQueue is where workers listen for executions.
const TaskQueue = "executions"

// act only names activities; its methods are never called here.
var act *activities.Activities

// Changes of this code that executions begun before them must not see.
const (
	ordinarySteps = "ordinary-steps" // a step that fails goes on as an ordinary activity
	sagaState     = "saga-state"     // compensating is a search attribute
	longAbsence   = "long-absence"   // an hour without a kube worker is waited out
)

// Execute is the execution saga, and returns how its execution ended. However
// that is, an ending was published, the capacity is free and the pod is going,
// or an operator was called.
func Execute(ctx workflow.Context, b execution.Brief) (execution.Status, error) {
	r := &run{Brief: b}
	if err := r.listen(ctx); err != nil {
		return "", err
	}
	err := r.steps(ctx)

	settled, cancel := workflow.NewDisconnectedContext(ctx) // cancellation stops the script, not the clean-up
	defer cancel()
	if err != nil {
		err = r.compensate(settled, err)
	} else {
		err = r.complete(settled)
	}
	return r.awaitRetry(ctx, settled, err)
}

// steps leads to a script that has ended.
func (r *run) steps(ctx workflow.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.awaitTime(ctx); err != nil {
		return err
	}
	if err := r.take(ctx, "admit", r.admit, r.release); err != nil {
		return err
	}
	if err := r.take(ctx, "create_pod", r.createPod, r.removePod); err != nil {
		return err
	}
	if err := r.publish(ctx, r.event(ctx, execution.ExecutionAccepted), r.event(ctx, execution.ExecutionScheduled)); err != nil {
		return err
	}
	if err := r.show(ctx, execution.Scheduled, execution.StateRunning); err != nil {
		return err
	}
	if err := r.await(ctx, execution.Started, r.startPatience()); err != nil {
		return err
	}
	if err := r.show(ctx, execution.Running, execution.StateRunning); err != nil {
		return err
	}
	return r.await(ctx, execution.Finished, r.runPatience())
}

// take does a step that takes something. Its undo is registered first, because
// a step that failed may still have had its effect; a step that was not even
// tried has none.
func (r *run) take(ctx workflow.Context, name string, step, undo func(workflow.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.undo.later(name, undo)
	return step(ctx)
}

// complete ends a run whose script has ended. Its capacity is free at once;
// its pod, which may have the only copy of the output, waits for the result.
func (r *run) complete(ctx workflow.Context) error {
	r.ended = r.status
	r.record.resume()
	released := r.release(ctx)
	shown := r.show(ctx, r.status, execution.StateRunning)
	if err := r.awaitStored(ctx); err != nil {
		return r.leaked(ctx, errors.Join(released, shown, err))
	}
	if err := errors.Join(released, shown, r.deletePod(ctx)); err != nil {
		return r.leaked(ctx, err)
	}
	if err := r.retry(ctx, r.reason); err != nil {
		return r.leaked(ctx, err)
	}
	err := r.tell(ctx, r.event(ctx, execution.SagaCompleted))
	r.record.close(execution.StateCompleted, workflow.Now(ctx))
	return err
}

// compensate ends a run that has no result, and says why. Each part is tried
// even if the one before it failed.
func (r *run) compensate(ctx workflow.Context, why error) error {
	if r.knows(execution.Finished) { // the script was faster: its ending came first, and counts
		return r.complete(ctx)
	}
	r.record.stop(why, workflow.Now(ctx))
	shown := r.showCompensating(ctx)
	told := r.tell(ctx, r.sagaEvent(ctx, execution.SagaCompensating, why))
	if r.knows(execution.Finished) { // heard of meanwhile
		return r.complete(ctx)
	}
	undone := r.undo.run(ctx, func(step string) { r.record.undone(step, workflow.Now(ctx)) })
	if r.knows(execution.Finished) { // it was faster than the undo
		return r.complete(ctx)
	}
	o := outcome(why)
	r.ended = o.Status
	ended := r.tellEnding(ctx, o, why)
	if err := errors.Join(shown, told, undone, ended); err != nil {
		return r.leaked(ctx, err)
	}
	if err := r.retry(ctx, o.Reason); err != nil {
		return r.leaked(ctx, err)
	}
	if err := r.tell(ctx, r.event(ctx, r.compensated(why))); err != nil {
		return err
	}
	r.record.close(stateOf(why), workflow.Now(ctx))
	return why
}

// leaked ends a run that left something behind, and calls an operator: the
// event raises the alarm, the failed workflow says what it is.
func (r *run) leaked(ctx workflow.Context, leak error) error {
	workflow.GetLogger(ctx).Error("not everything was undone", "execution", r.Capacity.ID, "err", leak)
	r.record.stop(leak, workflow.Now(ctx))
	told := r.tell(ctx, r.sagaEvent(ctx, execution.SagaFailed, leak))
	r.record.close(execution.StateFailed, workflow.Now(ctx))
	return temporal.NewApplicationErrorWithCause("not everything was undone", "Leaked", errors.Join(leak, told))
}
