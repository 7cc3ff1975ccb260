package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/activities"
)

// Sweep looks once for what fell through. A schedule starts it every minute; it
// goes on where the one before ended, if that had more to look at than it had
// time for.
func Sweep(ctx workflow.Context) (activities.Swept, error) {
	var before activities.Swept
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &before); err != nil {
			return before, err
		}
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    2 * time.Minute,
		ScheduleToCloseTimeout: 5 * time.Minute,
	})
	var swept activities.Swept
	err := workflow.ExecuteActivity(ctx, act.Sweep, before.Next).Get(ctx, &swept)
	if swept.Trouble != "" {
		workflow.GetLogger(ctx).Error("a sweep could not mend everything", "err", swept.Trouble)
	}
	return swept, err
}
