package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

const (
	deliverFirst = 5 * time.Second // after which a callback that failed is tried again, then twice as long, and so on
	deliverMost  = time.Hour
	deliverFor   = 24 * time.Hour // then it is given up
)

// DeliverInput says whose callback is to be called.
type DeliverInput struct {
	ExecutionID execution.ID
	Delivery    int // 1 of the one that comes by itself, more of those that were asked for
}

// Deliver calls the callback of an execution until it has heard. When an
// operator asks, the next attempt comes at once.
func Deliver(ctx workflow.Context, in DeliverInput) error {
	asked := false
	on(ctx, RetrySignal, func(any) { asked = true })
	once := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	began, pause := workflow.Now(ctx), deliverFirst
	for attempt := 1; ; attempt++ {
		a := execution.CallbackAttempt{
			ExecutionID: in.ExecutionID, Delivery: in.Delivery, Number: attempt,
			Last: workflow.Now(ctx).Add(pause).Sub(began) > deliverFor,
		}
		var done bool
		err := workflow.ExecuteActivity(once, act.PostCallback, a).Get(ctx, &done)
		if err == nil && done || ctx.Err() != nil {
			return err
		}
		if err != nil && final(err) || a.Last {
			workflow.GetLogger(ctx).Error("a callback was given up", "execution", in.ExecutionID, "attempts", attempt, "err", err)
			return temporal.NewApplicationErrorWithCause("the callback was given up", "GivenUp", err)
		}
		asked = false
		if err := until(ctx, pause, func() bool { return asked }); err != nil {
			return err
		}
		pause = min(2*pause, deliverMost)
	}
}
