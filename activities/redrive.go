package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"github.com/codesaga/codesaga/execution"
)

// LetterBook keeps dead letters.
type LetterBook interface {
	// StepLetter decides what is next. If send, the letter is to be written now.
	StepLetter(ctx context.Context, id string) (l execution.Letter, step execution.RedriveStep, send bool, err error)
	// UnsendLetter notes that a round was not written: it is sent again.
	UnsendLetter(ctx context.Context, id string, round int) error
	// ParkLetter leaves it to a person, because of why.
	ParkLetter(ctx context.Context, id, why string) error
}

// LetterPost writes a dead letter again to where it was. What can never be
// written is Invalid.
type LetterPost interface {
	Redrive(context.Context, execution.Letter) error
}

// RedriveLetter does what is next for the dead letter id, and says what is after
// that. What could not be written, or may not have been, is written again in the
// same round.
func (a *Activities) RedriveLetter(ctx context.Context, id string) (execution.RedriveStep, error) {
	l, step, send, err := a.Letters.StepLetter(ctx, id)
	if execution.KindOf(err) == execution.NotFound { // it has expired
		return execution.RedriveStep{Over: true}, nil
	}
	if err != nil || !send {
		return step, err
	}
	err = a.LetterPost.Redrive(ctx, l)
	switch execution.KindOf(err) {
	case "":
		activity.GetLogger(ctx).Info("dead letter redriven", "letter", l.ID, "topic", l.Origin.Topic, "group", l.Origin.Group, "round", l.Round)
		return step, nil
	case execution.Invalid, execution.TooLarge:
		return execution.RedriveStep{Over: true}, a.Letters.ParkLetter(ctx, id, err.Error())
	default:
		return step, errors.Join(err, a.Letters.UnsendLetter(context.WithoutCancel(ctx), l.ID, l.Round))
	}
}

// ParkLetter leaves the dead letter id to a person, because of why.
func (a *Activities) ParkLetter(ctx context.Context, id, why string) error {
	err := a.Letters.ParkLetter(ctx, id, why)
	if execution.KindOf(err) == execution.NotFound {
		return nil
	}
	return err
}
