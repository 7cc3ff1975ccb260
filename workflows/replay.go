package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// ReplaySignal tells the workflow of a session that something was asked of it.
// It has no value: what, is in the store. So none has to come, and none comes too
// late.
const ReplaySignal = "replay"

const (
	// replayTurns is how many batches and looks one history has: at about ten
	// events each, a tenth of what Temporal allows.
	replayTurns = 500
	// replayLook is how often a session that is paused looks by itself.
	replayLook = time.Hour
)

// ReplayInput says which session is replayed, and where it stands between two
// histories.
type ReplayInput struct {
	SessionID string
	Pace      ReplayPace
}

// ReplayPace is how the gaps between events are kept: an event is due as long
// after Began as it was recorded after First, divided by the speed.
type ReplayPace struct {
	Began time.Time // zero: with the next batch
	First time.Time
}

var (
	batching = workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: 24 * time.Hour, HeartbeatTimeout: 15 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1.5, MaximumInterval: 10 * time.Second},
	}
	looking = workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: 24 * time.Hour}
)

// replaying is a session under way.
type replaying struct {
	ReplayInput
	signals workflow.ReceiveChannel
	turns   int
}

// Replay writes the events of a session batch by batch, until the session has
// ended. How far it is, and what operators ask of it, is in the store.
func Replay(ctx workflow.Context, in ReplayInput) error {
	r := &replaying{ReplayInput: in, signals: workflow.GetSignalChannel(ctx, ReplaySignal)}
	err := r.run(ctx)
	if err == nil || workflow.IsContinueAsNewError(err) {
		return err
	}
	why := "the platform could not go on with it: see its workflow"
	if ctx.Err() != nil {
		why = "its workflow was cancelled"
	}
	settled, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	settled = workflow.WithActivityOptions(settled, looking)
	if ending := workflow.ExecuteActivity(settled, act.FailReplay, in.SessionID, why).Get(settled, nil); ending != nil {
		return ending
	}
	return err
}

func (r *replaying) run(ctx workflow.Context) error {
	for ; r.turns < replayTurns; r.turns++ {
		r.heard()
		status, err := r.batch(ctx)
		if err == nil && status == execution.ReplayPaused {
			status, err = r.awaitResume(ctx)
		}
		if err != nil || status.Ended() && !r.asked() {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Replay, r.ReplayInput)
}

// batch has the next batch written, and waits until the one after it is due.
func (r *replaying) batch(ctx workflow.Context) (execution.ReplayStatus, error) {
	began := workflow.Now(ctx)
	var step execution.ReplayStep
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, batching), act.ReplayBatch, r.SessionID).Get(ctx, &step)
	if err != nil || step.Status != execution.ReplayRunning {
		return step.Status, err
	}
	if r.Pace.Began.IsZero() && !step.First.IsZero() {
		r.Pace = ReplayPace{began, step.First}
	}
	return r.pause(ctx, r.due(ctx, step))
}

// awaitResume waits until the session is no longer paused, as long as one
// history goes.
func (r *replaying) awaitResume(ctx workflow.Context) (status execution.ReplayStatus, err error) {
	r.Pace = ReplayPace{}
	for status = execution.ReplayPaused; status == execution.ReplayPaused && r.turns < replayTurns; r.turns++ {
		if err = until(ctx, replayLook, r.asked); err != nil {
			return status, err
		}
		if status, err = r.look(ctx); err != nil {
			return status, err
		}
	}
	return status, nil
}

// due is when the batch after step is to be written.
func (r *replaying) due(ctx workflow.Context, step execution.ReplayStep) time.Time {
	switch {
	case step.Backoff > 0:
		return workflow.Now(ctx).Add(step.Backoff)
	case step.Next.IsZero() || step.Speed <= 0:
		return workflow.Now(ctx)
	default:
		return r.Pace.Began.Add(time.Duration(float64(step.Next.Sub(r.Pace.First)) / step.Speed))
	}
}

// pause waits until due, or until something else than going on is asked for.
func (r *replaying) pause(ctx workflow.Context, due time.Time) (execution.ReplayStatus, error) {
	for {
		left := due.Sub(workflow.Now(ctx))
		if left <= 0 {
			return execution.ReplayRunning, ctx.Err()
		}
		if err := until(ctx, left, r.asked); err != nil {
			return "", err
		}
		if !r.asked() {
			continue
		}
		if status, err := r.look(ctx); err != nil || !status.Goes() {
			return status, err
		}
		r.turns++
	}
}

// asked reports whether there may be something new in the store.
func (r *replaying) asked() bool { return r.signals.Len() > 0 }

// heard takes note of all signals.
func (r *replaying) heard() {
	var nothing any
	for r.signals.ReceiveAsync(&nothing) {
		continue
	}
}

// look asks the store where the session is.
func (r *replaying) look(ctx workflow.Context) (status execution.ReplayStatus, err error) {
	r.heard()
	ctx = workflow.WithActivityOptions(ctx, looking)
	err = workflow.ExecuteActivity(ctx, act.ReplayStatus, r.SessionID).Get(ctx, &status)
	return status, err
}
