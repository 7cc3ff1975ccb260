package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// RedriveSignal tells the workflow of a dead letter that something happened to
// it. It has no value: what, is in the store. So none has to come, and none comes
// too late.
const RedriveSignal = "redrive"

const (
	// redriveTurns is how many steps one history has: at about ten events each, a
	// small part of what Temporal allows.
	redriveTurns = 300
	// redriveLook is how long a letter waits until its workflow looks by itself:
	// its policy may have changed, and the word of it got lost.
	redriveLook = time.Hour
	// redriveRest is the shortest time between two looks that nobody asked for.
	redriveRest = time.Second
)

// redriving suits a step with a letter. While Kafka is away, it is tried about
// once a minute.
var redriving = workflow.ActivityOptions{
	StartToCloseTimeout: 30 * time.Second, ScheduleToCloseTimeout: 24 * time.Hour,
	RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
}

// RedriveInput says which dead letter is redriven.
type RedriveInput struct {
	LetterID string
}

// Redrive has a dead letter written back to its topic, as often as its policy
// says and until it took effect there. How it stands, and what operators ask of
// it, is in the store. One that the platform cannot go on with is parked: a
// person decides.
func Redrive(ctx workflow.Context, in RedriveInput) error {
	err := redrive(ctx, in)
	if err == nil || workflow.IsContinueAsNewError(err) {
		return err
	}
	why := "the platform could not go on with it: see its workflow"
	if ctx.Err() != nil {
		why = "its workflow was cancelled"
	}
	after, _ := workflow.NewDisconnectedContext(ctx)
	if lost := workflow.ExecuteActivity(workflow.WithActivityOptions(after, owed), act.ParkLetter, in.LetterID, why).Get(after, nil); lost != nil {
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
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, redriving), act.RedriveLetter, in.LetterID).Get(ctx, &step)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && final(err):
			return err
		case err != nil: // a day of attempts is over: another one begins
			workflow.GetLogger(ctx).Error("a dead letter cannot be redriven", "letter", in.LetterID, "err", err)
			step = execution.RedriveStep{Wait: redriveRest}
		}
		if step.Over && !asked() {
			return nil
		}
		if err := until(ctx, min(max(step.Wait, redriveRest), redriveLook), asked); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Redrive, in)
}
