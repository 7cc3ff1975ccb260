package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/codesaga/codesaga/execution"
)

// LetterBook keeps dead letters, and decides what is next with them.
type LetterBook interface {
	// StepLetter decides what is to be done with a letter now. With send it is
	// to be written, and has been counted and marked as such.
	StepLetter(ctx context.Context, id string, now time.Time) (letter execution.Letter, step execution.RedriveStep, send bool, err error)
	ParkLetter(ctx context.Context, id, reason string) error
}

// Redriver writes letters back to where they came from.
type Redriver interface {
	Redrive(context.Context, execution.Letter) error // Invalid, TooLarge or NotFound: it can never be done
}

// RedriveLetter does what is next with a letter, and says when to look again. An
// attempt that broke off after the round was counted has noted that: the next
// one writes the same round again, which has one effect (invariant I6).
func (a *Activities) RedriveLetter(ctx context.Context, id string) (execution.RedriveStep, error) {
	owed, err := owedRound(ctx)
	if err != nil {
		return execution.RedriveStep{}, err
	}
	l, step, send, err := a.Letters.StepLetter(ctx, id, time.Now().UTC())
	if execution.KindOf(err) == execution.NotFound { // it was forgotten
		return execution.RedriveStep{Over: true}, nil
	}
	if err != nil {
		return step, err
	}
	if !send && (owed == 0 || l.Sent.IsZero() || l.Round != owed) {
		return step, nil
	}
	activity.RecordHeartbeat(ctx, l.Round)
	err = a.Redriver.Redrive(ctx, l)
	switch execution.KindOf(err) {
	case execution.Invalid, execution.TooLarge, execution.NotFound:
		return execution.RedriveStep{Over: true}, a.ParkLetter(ctx, id, err.Error())
	}
	if err == nil {
		activity.GetLogger(ctx).Info("dead letter redriven", "letter", id, "round", l.Round, "topic", l.Origin.Topic, "group", l.Origin.Group, "execution", l.ExecutionID)
	}
	return step, err
}

// owedRound is the round that an earlier attempt counted and may not have
// written; zero if there is none.
func owedRound(ctx context.Context) (round int, err error) {
	if !activity.HasHeartbeatDetails(ctx) {
		return 0, nil
	}
	err = activity.GetHeartbeatDetails(ctx, &round)
	return round, err
}

// ParkLetter leaves a letter to people, if it waits.
func (a *Activities) ParkLetter(ctx context.Context, id, why string) error {
	err := a.Letters.ParkLetter(ctx, id, why)
	if kind := execution.KindOf(err); kind == execution.NotFound || kind == execution.Conflict {
		return nil // nothing waits any more
	}
	return err
}
