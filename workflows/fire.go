package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// FireInput says which schedule it is the time of.
type FireInput struct{ ScheduleID string }

// Fire makes one execution of a schedule, and ends when that has: the schedule
// starts no other meanwhile, but one that cancels this. Which execution that is
// follows from the ID of the workflow.
func Fire(ctx workflow.Context, in FireInput) error {
	var b execution.Brief
	making := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: time.Hour,
	})
	err := workflow.ExecuteActivity(making, act.MakeScheduled, in.ScheduleID, workflow.GetInfo(ctx).WorkflowExecution.ID).Get(ctx, &b)
	if err != nil {
		return err
	}
	if err := execute(ctx, b, enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL).Get(ctx, nil); err != nil && ctx.Err() != nil {
		return err
	}
	return nil // how the script ended is its own business
}
