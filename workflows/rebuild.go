package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// long suits a step that reads all there is: what it has read is in a
// checkpoint, so another attempt goes on.
var long = workflow.ActivityOptions{
	StartToCloseTimeout:    24 * time.Hour,
	ScheduleToCloseTimeout: 48 * time.Hour,
	HeartbeatTimeout:       30 * time.Second, // a cancellation is heard in that time
	RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	WaitForCancellation:    true,
}

// Rebuild makes a projection anew from its events, beside the live one, compares
// the two and lets the new one take the place of the old one, unless that is not
// wanted. A cancellation drops what was made; once the swap has begun it is too
// late for one.
func Rebuild(ctx workflow.Context, o execution.RebuildOrder) error {
	err := rebuild(ctx, o)
	status, cause := execution.RebuildCompleted, ""
	switch {
	case err == nil:
	case temporal.IsCanceledError(err):
		status = execution.RebuildCancelled
	default:
		status, cause = execution.RebuildFailed, reasonOf(err)
	}
	after, _ := workflow.NewDisconnectedContext(ctx)
	if lost := workflow.ExecuteActivity(workflow.WithActivityOptions(after, owed), act.EndRebuild, o.ID, status, cause).Get(after, nil); err == nil {
		err = lost
	}
	return err
}

func rebuild(ctx workflow.Context, o execution.RebuildOrder) error {
	steps := workflow.WithActivityOptions(ctx, long)
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, patient), act.BeginRebuild, o).Get(ctx, nil); err != nil {
		return err
	}
	for _, step := range []any{act.FillRebuild, act.CompareRebuild} {
		if err := workflow.ExecuteActivity(steps, step, o.ID).Get(ctx, nil); err != nil {
			return err
		}
	}
	if o.DryRun || ctx.Err() != nil {
		return ctx.Err()
	}
	whole, _ := workflow.NewDisconnectedContext(steps)
	return workflow.ExecuteActivity(whole, act.SwapRebuild, o.ID).Get(whole, nil)
}

// reasonOf is what an operator hears of a step that failed for good.
func reasonOf(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	return err.Error()
}
