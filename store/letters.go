package store

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

const (
	retriedLife   = 30 * 24 * time.Hour // of a letter that took effect
	discardedLife = 90 * 24 * time.Hour // of one that was discarded or archived (parity DL-06)
	letterHistory = 100                 // entries of a letter that are kept
)

// happened is an update that adds an entry to the history of a letter.
func happened(set, unset bson.M, at time.Time, entry execution.LetterEntry) bson.M {
	set["updated_at"] = at
	push := bson.M{"history": bson.M{"$each": bson.A{entry}, "$slice": -letterHistory}}
	if entry.Told() {
		set["news"], push["untold"] = true, entry
	}
	u := bson.M{"$set": set, "$push": push}
	if len(unset) > 0 {
		u["$unset"] = unset
	}
	return u
}

// planned is what p plans for l, which has just died or is asked about anew.
func planned(p execution.RedrivePolicy, l execution.Letter, now time.Time) (set, unset bson.M, status execution.LetterStatus) {
	due, status, why := p.Next(l, now)
	set, unset = bson.M{"status": status}, bson.M{}
	if status == execution.LetterScheduled {
		set["due"] = due
	} else {
		unset["due"] = ""
	}
	if why != "" {
		set["reason"] = why
	} else {
		unset["reason"] = ""
	}
	return set, unset, status
}

// Capture keeps l, which has died: the first time, or in the round of a redrive.
// What was captured before changes nothing. It returns the letter as it stands.
func (s *Store) Capture(ctx context.Context, l execution.Letter) (execution.Letter, error) {
	policies, err := s.storedPolicies(ctx)
	if err != nil {
		return l, err
	}
	now := moment()
	policy, entry := execution.PolicyOf(policies, l), execution.LetterEntry{At: now, What: "died", Class: l.Class, Note: l.Error, Round: l.Round}
	was, err := s.Letter(ctx, l.ID)
	if execution.KindOf(err) == execution.NotFound {
		var why string
		l.Due, l.Status, why = policy.Next(l, now)
		l.Reason, l.CapturedAt, l.UpdatedAt, l.History = why, now, now, []execution.LetterEntry{entry}
		l.Untold, l.Unheard = l.History, true
		if _, err = s.letters.InsertOne(ctx, l); !mongo.IsDuplicateKeyError(err) {
			return l, kinded(err)
		}
		was, err = s.Letter(ctx, l.ID)
	}
	if err != nil || l.Round == 0 {
		return was, err
	}
	was.Class = l.Class
	set, unset, _ := planned(policy, was, now)
	set["class"], set["error"] = l.Class, l.Error
	unset["sent"] = ""
	u := happened(set, unset, now, entry)
	u["$inc"] = bson.M{"attempts": l.Attempts}
	// Not if this round has an outcome, or somebody decided meanwhile.
	_, err = s.letters.UpdateOne(ctx, bson.M{"_id": l.ID, "status": execution.LetterScheduled, "round": l.Round, "sent": bson.M{"$exists": true}}, u)
	if err != nil {
		return was, kinded(err)
	}
	return s.Letter(ctx, l.ID)
}

// SettleLetter notes that the letter id took effect in a round: nothing more is
// done about it, unless a person has put it aside. A letter that is not there is
// nothing.
func (s *Store) SettleLetter(ctx context.Context, id string, round int) error {
	now := moment()
	_, err := s.letters.UpdateOne(ctx, bson.M{"_id": id, "status": bson.M{"$in": execution.WaitingLetters}, "round": bson.M{"$gte": round}}, happened(
		bson.M{"status": execution.LetterRetried, "expires": now.Add(retriedLife)}, bson.M{"due": "", "sent": "", "behind": "", "reason": ""}, now,
		execution.LetterEntry{At: now, What: "retried", Round: round}))
	return kinded(err)
}

// Letter returns the letter id, with its value, or NotFound.
func (s *Store) Letter(ctx context.Context, id string) (l execution.Letter, err error) {
	err = s.letters.FindOne(ctx, bson.M{"_id": id}).Decode(&l)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return l, execution.Errorf(execution.NotFound, "no dead letter %s", id)
	}
	return l, kinded(err)
}

func lettersLike(f execution.LetterFilter) (bson.M, error) {
	query := bson.M{}
	if len(f.Statuses) > 0 {
		query["status"] = bson.M{"$in": f.Statuses}
	}
	for field, value := range map[string]string{"origin.topic": f.Topic, "event_type": f.Type, "origin.group": f.Group, "class": f.Class, "execution_id": f.Execution} {
		if value != "" {
			query[field] = value
		}
	}
	if f.OlderThan > 0 {
		query["captured_at"] = bson.M{"$lt": time.Now().Add(-f.OlderThan)}
	}
	if f.Cursor != "" {
		at, id, ok := parseCursor(f.Cursor)
		if !ok {
			return nil, execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		query["$or"] = bson.A{bson.M{"captured_at": bson.M{"$lt": at}}, bson.M{"captured_at": at, "_id": bson.M{"$lt": id}}}
	}
	return query, nil
}

// Letters returns a page of those that f chooses, the newest first and without
// their values, and the cursor of the next page; it is empty after the last.
func (s *Store) Letters(ctx context.Context, f execution.LetterFilter) (page []execution.Letter, next string, err error) {
	query, err := lettersLike(f)
	if err != nil {
		return nil, "", err
	}
	found, err := s.letters.Find(ctx, query, options.Find().SetLimit(int64(f.Limit)+1).SetProjection(bson.M{"value": 0}).
		SetSort(bson.D{{Key: "captured_at", Value: -1}, {Key: "_id", Value: -1}}))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, f.Limit, func(l execution.Letter) string { return cursorAfter(l.CapturedAt, l.ID) })
}
