package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// brisk suits the steps to a running script: none of them waits for anything.
// They run inside of the workflow task, for 3 ms each instead of 20.
var brisk = workflow.LocalActivityOptions{
	StartToCloseTimeout:    5 * time.Second,
	ScheduleToCloseTimeout: 8 * time.Second,
}

// patient suits a step that failed when it was brisk: operators see it retry.
var patient = workflow.ActivityOptions{
	StartToCloseTimeout:    5 * time.Second,
	ScheduleToCloseTimeout: 5 * time.Minute,
	RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 15 * time.Second},
	WaitForCancellation:    true,
}

// soon suits the first attempts at what is owed.
var soon = workflow.LocalActivityOptions{
	StartToCloseTimeout:    3 * time.Second,
	ScheduleToCloseTimeout: 4 * time.Second,
}

// owed suits what must happen however long it takes: undoing, and telling of
// the end. An operator sees it retry, repairs the cause, and it goes on.
var owed = workflow.ActivityOptions{
	StartToCloseTimeout:    10 * time.Second,
	ScheduleToCloseTimeout: 24 * time.Hour,
	RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	WaitForCancellation:    true,
}

// step does one step, and ends when the step has ended: see do.
func (r *run) step(ctx workflow.Context, name string, result any, activity any, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.record.enter(name, workflow.Now(ctx))
	return r.do(ctx, result, activity, args...)
}

// do does a part of a step. A local activity that is cancelled is not waited
// for, and DeletePod could overtake the CreatePod that it undoes: so a
// cancellation is heard between the parts. What failed in a way that may pass
// goes on as an ordinary activity, which is waited for when it is cancelled.
func (r *run) do(ctx workflow.Context, result any, activity any, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	local, _ := workflow.NewDisconnectedContext(ctx)
	local = workflow.WithLocalActivityOptions(local, brisk)
	err := workflow.ExecuteLocalActivity(local, activity, args...).Get(local, result)
	if err == nil || final(err) || workflow.GetVersion(ctx, ordinarySteps, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return err
	}
	return r.patiently(workflow.WithActivityOptions(ctx, patient), result, activity, args...)
}

// final reports whether another attempt would fail as the one that gave err.
func final(err error) bool {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && app.NonRetryable()
}

// owe does what is owed: at once if that goes, else as an ordinary activity
// with a day of patience. All of it may be done twice. Its context is a
// disconnected one.
func (r *run) owe(ctx workflow.Context, name string, result any, activity any, args ...any) error {
	r.record.enter(name, workflow.Now(ctx))
	local := workflow.WithLocalActivityOptions(ctx, soon)
	if workflow.ExecuteLocalActivity(local, activity, args...).Get(local, result) == nil {
		return nil
	}
	err := r.patiently(workflow.WithActivityOptions(ctx, owed), result, activity, args...)
	if err != nil {
		r.record.stop(err, workflow.Now(ctx))
	}
	return err
}

// patiently does activity as an ordinary one. Whenever an operator asks, it is
// begun anew, with all of its patience, and does not wait for its next attempt.
func (r *run) patiently(ctx workflow.Context, result any, activity any, args ...any) error {
	for r.asked = false; ; {
		attempt, stop := workflow.WithCancel(ctx)
		done := workflow.ExecuteActivity(attempt, activity, args...)
		cancelled := workflow.Await(ctx, func() bool { return done.IsReady() || r.asked })
		asked := r.again() && cancelled == nil
		if asked {
			stop()
		}
		err := done.Get(ctx, result)
		stop()
		if !asked || !temporal.IsCanceledError(err) {
			return err
		}
		r.record.enter(r.record.CurrentStep, workflow.Now(ctx))
	}
}

// begin tells that there is a request, and what was asked for.
func (r *run) begin(ctx workflow.Context) error {
	requested := r.event(ctx, execution.ExecutionRequested)
	requested.Request = &r.Request
	return r.step(ctx, "request", nil, act.Publish, []execution.Event{requested, r.event(ctx, execution.SagaStarted)})
}

// awaitTime waits until it may ask for capacity.
func (r *run) awaitTime(ctx workflow.Context) error {
	if r.NotBefore == nil || !workflow.Now(ctx).Before(*r.NotBefore) {
		return nil
	}
	r.record.enter("await_time", workflow.Now(ctx))
	return workflow.Sleep(ctx, r.NotBefore.Sub(workflow.Now(ctx)))
}

// publish tells of the step under way.
func (r *run) publish(ctx workflow.Context, events ...execution.Event) error {
	return r.do(ctx, nil, act.Publish, events)
}

// tell tells of the end.
func (r *run) tell(ctx workflow.Context, e execution.Event) error {
	return r.owe(ctx, "tell_"+string(e.Type), nil, act.Publish, []execution.Event{e})
}

// longest is how rarely a run that waits asks for capacity. A sweep wakes those
// that have it, and those that waited for too long, much sooner.
const longest = 2 * time.Hour

// admit returns when the run has capacity, or has waited for it as long as its
// pool allows. A grant wakes it; in case the grant is lost it asks again by
// itself, ever more rarely, and with each answer hears what its pool allows now.
func (r *run) admit(ctx workflow.Context) error {
	since := workflow.Now(ctx)
	for pause := time.Minute; ; pause = min(2*pause, longest) {
		r.woken = false
		var a execution.Admission
		if err := r.step(ctx, "admit", &a, act.Admit, r.Capacity); err != nil || a.Granted {
			return err
		}
		wait := pause
		if a.Patience > 0 {
			wait = min(wait, since.Add(time.Duration(a.Patience*float64(time.Second))).Sub(workflow.Now(ctx)))
		}
		if wait <= 0 {
			return tookTooLong(a.Patience)
		}
		if err := r.publishQueued(ctx, a); err != nil {
			return err
		}
		r.asked = false
		if err := until(ctx, wait, func() bool { return r.woken || r.asked }); err != nil {
			return err
		}
	}
}

// publishQueued tells of the first place in the queue; later ones are asked
// of the ledger.
func (r *run) publishQueued(ctx workflow.Context, a execution.Admission) error {
	if r.queued {
		return nil
	}
	r.queued = true
	e := r.event(ctx, execution.ExecutionQueued)
	e.Queue = &execution.Queue{Position: a.Position, ETASeconds: a.ETASeconds}
	return r.publish(ctx, e)
}

// release gives back the capacity, or leaves the queue.
func (r *run) release(ctx workflow.Context) error {
	return r.owe(ctx, "release", nil, act.Release, r.Capacity.ID, r.Capacity.Pool)
}

// createPod sends the task to the kube workers, who make a pod or, if that was
// done, say how it stands. A task becomes void, so that one that comes late
// makes no pod: one that is sent while nobody answers, later, and the delete
// behind the last is remembered for longer than that. As soon as the script has
// started they are void from the beginning (parity SA-10): it is not started
// again, and if the pod is gone, that is the answer. If the run has a result,
// that is the answer.
func (r *run) createPod(ctx workflow.Context) error {
	if !workflow.Now(ctx).Before(r.notAfter.Add(-rarely)) {
		r.notAfter = workflow.Now(ctx).Add(execution.TaskLife)
	}
	notAfter := r.notAfter
	if r.started() || r.knows(execution.Finished) {
		notAfter = r.record.StartedAt
	}
	var t execution.TaskTerms
	err := r.step(ctx, "create_pod", &t, act.CreatePod, r.Capacity.ID, notAfter)
	r.starting = time.Duration(t.StartSeconds * float64(time.Second))
	if t.Started {
		r.hear(execution.Report{Fact: execution.Started}, workflow.Now(ctx))
	}
	if t.Ended != "" {
		r.hear(execution.Report{Fact: execution.Stored, Status: t.Ended, Reason: t.Reason}, workflow.Now(ctx))
	}
	return err
}

// deletePod sends the task to the kube workers.
func (r *run) deletePod(ctx workflow.Context) error {
	return r.owe(ctx, "delete_pod", nil, act.DeletePod, r.Capacity)
}
