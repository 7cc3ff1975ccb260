package store

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// decide moves the letter id, if it is in one of the statuses from, by a decision
// of a person or of the platform.
func (s *Store) decide(ctx context.Context, id, verb string, from []execution.LetterStatus, update func(l execution.Letter, now time.Time) bson.M) (execution.Letter, error) {
	now := moment()
	l, err := s.Letter(ctx, id)
	if err != nil {
		return l, err
	}
	done, err := s.letters.UpdateOne(ctx, bson.M{"_id": id, "status": bson.M{"$in": from}}, update(l, now))
	if err != nil {
		return l, kinded(err)
	}
	if l, err = s.Letter(ctx, id); err == nil && done.MatchedCount == 0 {
		err = execution.Errorf(execution.Conflict, "cannot %s a letter that is %s", verb, l.Status)
	}
	return l, err
}

// ParkLetter leaves the letter id to a person, because of why. One that has
// ended stays as it is.
func (s *Store) ParkLetter(ctx context.Context, id, why string) error {
	_, err := s.decide(ctx, id, "park", execution.WaitingLetters, func(l execution.Letter, now time.Time) bson.M {
		return happened(bson.M{"status": execution.LetterParked, "reason": why}, bson.M{"due": "", "sent": "", "behind": ""}, now,
			execution.LetterEntry{At: now, What: "parked", Note: why, Round: l.Round})
	})
	if execution.KindOf(err) == execution.Conflict {
		return nil
	}
	return err
}

// RetryLetter has the letter id redriven now, as by asks for, and counts the
// tries of its policy anew. It is a Conflict unless it waits.
func (s *Store) RetryLetter(ctx context.Context, id, by string) (execution.Letter, error) {
	return s.decide(ctx, id, "retry", execution.WaitingLetters, func(l execution.Letter, now time.Time) bson.M {
		return happened(bson.M{"status": execution.LetterScheduled, "due": now, "tries": 0}, bson.M{"reason": "", "sent": ""}, now,
			execution.LetterEntry{At: now, What: "asked", By: by, Round: l.Round})
	})
}

// aside puts the letter id where it is kept for some time and nothing is done.
func (s *Store) aside(ctx context.Context, id, verb string, status execution.LetterStatus, by, reason string) (execution.Letter, error) {
	return s.decide(ctx, id, verb, execution.WaitingLetters, func(l execution.Letter, now time.Time) bson.M {
		return happened(bson.M{"status": status, "by": by, "reason": reason, "expires": now.Add(discardedLife)}, bson.M{"due": "", "sent": "", "behind": ""}, now,
			execution.LetterEntry{At: now, What: string(status), By: by, Note: reason, Round: l.Round})
	})
}

// DiscardLetter gives the letter id up. It is a Conflict unless it waits.
func (s *Store) DiscardLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return s.aside(ctx, id, "discard", execution.LetterDiscarded, by, reason)
}

// ArchiveLetter puts the letter id aside. It is a Conflict unless it waits.
func (s *Store) ArchiveLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return s.aside(ctx, id, "archive", execution.LetterArchived, by, reason)
}

// RestoreLetter parks the letter id again, which was discarded or archived.
func (s *Store) RestoreLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return s.decide(ctx, id, "restore", []execution.LetterStatus{execution.LetterDiscarded, execution.LetterArchived}, func(l execution.Letter, now time.Time) bson.M {
		return happened(bson.M{"status": execution.LetterParked, "by": by, "reason": reason}, bson.M{"expires": ""}, now,
			execution.LetterEntry{At: now, What: "restored", By: by, Note: reason, Round: l.Round})
	})
}
