package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// brisk suits the steps to a running script: none of them waits for anything.
// They run inside of the workflow task, for 3 ms each instead of 20.
var brisk = workflow.LocalActivityOptions{
	StartToCloseTimeout:    5 * time.Second,
	ScheduleToCloseTimeout: 5 * time.Minute,
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
}

// step does one step, and ends when the step has ended: a local activity that
// is cancelled is not waited for, and DeletePod could overtake the CreatePod
// that it undoes. So a cancellation is heard between steps.
func (r *run) step(ctx workflow.Context, name string, result any, activity any, args ...any) error {
	r.at = name
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithLocalActivityOptions(ctx, brisk)
	return workflow.ExecuteLocalActivity(ctx, activity, args...).Get(ctx, result)
}

// owe does what is owed: at once if that goes, else as an ordinary activity
// with a day of patience. All of it may be done twice. Its context is a
// disconnected one.
func owe(ctx workflow.Context, activity any, args ...any) error {
	local := workflow.WithLocalActivityOptions(ctx, soon)
	if workflow.ExecuteLocalActivity(local, activity, args...).Get(local, nil) == nil {
		return nil
	}
	ctx = workflow.WithActivityOptions(ctx, owed)
	return workflow.ExecuteActivity(ctx, activity, args...).Get(ctx, nil)
}

// begin tells that there is a request, and what was asked for.
func (r *run) begin(ctx workflow.Context) error {
	requested := r.event(ctx, execution.ExecutionRequested)
	requested.Request = &r.Request
	return r.step(ctx, "request", nil, act.Publish, []execution.Event{requested, r.event(ctx, execution.SagaStarted)})
}

// publish tells of a step on the way.
func (r *run) publish(ctx workflow.Context, events ...execution.Event) error {
	return r.step(ctx, r.at, nil, act.Publish, events)
}

// tell tells of the end.
func (r *run) tell(ctx workflow.Context, e execution.Event) error {
	return owe(ctx, act.Publish, []execution.Event{e})
}

// admit returns when the run has capacity. A grant wakes it; in case the grant
// is lost it asks again by itself, ever more rarely.
func (r *run) admit(ctx workflow.Context) error {
	for pause := time.Minute; ; pause = min(2*pause, 15*time.Minute) {
		r.woken = false
		var a execution.Admission
		if err := r.step(ctx, "admit", &a, act.Admit, r.Capacity); err != nil || a.Granted {
			return err
		}
		if err := r.publishQueued(ctx, a); err != nil {
			return err
		}
		if _, err := until(ctx, pause, func() bool { return r.woken }); err != nil {
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
	return owe(ctx, act.Release, r.Capacity.ID, r.Capacity.Pool)
}

// createPod sends the task to the kube workers. All tasks of a run become void
// at one time: whatever of them is late, past it nothing is created any more.
func (r *run) createPod(ctx workflow.Context) error {
	if r.notAfter.IsZero() {
		r.notAfter = workflow.Now(ctx).Add(execution.TaskLife)
	}
	return r.step(ctx, "create_pod", nil, act.CreatePod, r.Capacity.ID, r.notAfter)
}

// deletePod sends the task to the kube workers.
func (r *run) deletePod(ctx workflow.Context) error { return owe(ctx, act.DeletePod, r.Capacity) }

// removePod returns when the pod is gone, so that who gets its capacity finds
// it. It asks again soon, because an answer takes seconds at most, and then
// rarely; if nobody answers, it outlasts the pod's own deadline.
func (r *run) removePod(ctx workflow.Context) error {
	for _, patience := range []time.Duration{15 * time.Second, time.Minute, r.timeout() + time.Minute, time.Minute} {
		if err := r.deletePod(ctx); err != nil {
			return err
		}
		gone, err := until(ctx, patience, func() bool { return r.knows(execution.Gone) })
		if err != nil || gone {
			return err
		}
	}
	return temporal.NewApplicationError("the cluster does not say that the pod is gone", noAnswer)
}

const (
	// startPatience is how long no word of a started script is no reason to
	// ask. A cold start takes a second, a crowd of them ten.
	startPatience = 30 * time.Second
	// sends is how often a task is sent before the saga gives up on it. Four
	// times startPatience is more than the kube worker gives a pod to start.
	sends = 4
)

// await returns when f is known. An answer that does not come may be lost, so
// the task is sent again: whoever has done it tells how things stand.
func (r *run) await(ctx workflow.Context, f execution.Fact, patience time.Duration, again func(workflow.Context) error) error {
	for sent := 1; ; sent++ {
		r.at = "await_" + string(f)
		_, err := until(ctx, patience, func() bool { return r.knows(f) || r.knows(execution.Gone) })
		switch {
		case err != nil || r.knows(f):
			return err
		case r.knows(execution.Gone):
			return temporal.NewApplicationError("the pod is gone, and not by us", nodeLost)
		case sent == sends:
			return temporal.NewApplicationError("the cluster does not answer", noAnswer)
		}
		if err := again(ctx); err != nil {
			return err
		}
	}
}

// awaitStored waits a day for the result to be stored, and sends nothing: that
// the script has ended is in Kafka, and whoever stores it comes to it.
func (r *run) awaitStored(ctx workflow.Context) error {
	stored, err := until(ctx, 24*time.Hour, func() bool { return r.knows(execution.Stored) })
	if err == nil && !stored {
		return temporal.NewApplicationError("the result is not stored; the pod was left, it may have the only copy", "NotStored")
	}
	return err
}
