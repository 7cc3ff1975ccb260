package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/activities"
)

// Sweep looks once for what fell through. A schedule starts it every minute.
func Sweep(ctx workflow.Context) (activities.Swept, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    2 * time.Minute,
		ScheduleToCloseTimeout: 5 * time.Minute,
	})
	var swept activities.Swept
	err := workflow.ExecuteActivity(ctx, act.Sweep).Get(ctx, &swept)
	return swept, err
}
