package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// RedriveSignal tells the workflow of a dead letter that something happened to
// it. It has no value: what, is in the store.
const RedriveSignal = "redrive"

// redriveTurns is how many looks at its letter one history has.
const redriveTurns = 200

var redriving = workflow.ActivityOptions{
	StartToCloseTimeout: 30 * time.Second, ScheduleToCloseTimeout: 24 * time.Hour,
	RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
}

// RedriveInput says which dead letter is redriven.
type RedriveInput struct {
	LetterID string
}

// Redrive has a dead letter written again to where it was, when its policy or a
// person says, until it takes effect, is parked or put aside. All that it knows
// is in the store, so that a workflow that was lost is replaced by another. One
// that the platform cannot go on with is parked: a person decides.
func Redrive(ctx workflow.Context, in RedriveInput) error {
	err := redrive(ctx, in)
	if err == nil || workflow.IsContinueAsNewError(err) {
		return err
	}
	why := "the platform could not go on with it: see its workflow"
	if ctx.Err() != nil {
		why = "its workflow was cancelled"
	}
	settled, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if lost := workflow.ExecuteActivity(workflow.WithActivityOptions(settled, redriving), act.ParkLetter, in.LetterID, why).Get(settled, nil); lost != nil {
		return lost
	}
	return err
}

func redrive(ctx workflow.Context, in RedriveInput) error {
	signals := workflow.GetSignalChannel(ctx, RedriveSignal)
	asked := func() bool { return signals.Len() > 0 }
	for range redriveTurns {
		var nothing any
		for signals.ReceiveAsync(&nothing) {
			continue
		}
		var step execution.RedriveStep
		if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, redriving), act.RedriveLetter, in.LetterID).Get(ctx, &step); err != nil {
			return err
		}
		if step.Over {
			if !asked() {
				return nil
			}
			continue
		}
		if err := until(ctx, max(step.Wait, time.Second), asked); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Redrive, in)
}
