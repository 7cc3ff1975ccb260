package store

import (
	"context"
	"errors"
	"fmt"
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
	redriveLost   = 10 * time.Minute    // after this a redrive that has no outcome is sent again
	redriveBehind = 30 * time.Second    // between two looks at an earlier letter of the same key
)

// happened is an update that adds an entry to the history of a letter.
func happened(set, unset bson.M, at time.Time, entry execution.LetterEntry) bson.M {
	set["updated_at"] = at
	u := bson.M{"$set": set, "$push": bson.M{"history": bson.M{"$each": bson.A{entry}, "$slice": -letterHistory}}}
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
	waits := bson.M{"$in": bson.A{execution.LetterPending, execution.LetterScheduled, execution.LetterParked}}
	_, err := s.letters.UpdateOne(ctx, bson.M{"_id": id, "status": waits, "round": bson.M{"$gte": round}}, happened(
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

func lettersLike(f execution.LetterFilter) bson.M {
	query := bson.M{}
	if len(f.IDs) > 0 {
		query["_id"] = bson.M{"$in": f.IDs}
	}
	if len(f.Statuses) > 0 {
		query["status"] = bson.M{"$in": f.Statuses}
	}
	for field, value := range map[string]string{"origin.topic": f.Topic, "event_type": f.Type, "origin.group": f.Group, "class": f.Class, "execution_id": f.Execution} {
		if value != "" {
			query[field] = value
		}
	}
	return query
}

// Letters returns a page of those that f chooses, the newest first and without
// their values, and the cursor of the next page; it is empty after the last.
func (s *Store) Letters(ctx context.Context, f execution.LetterFilter) (page []execution.Letter, next string, err error) {
	query := lettersLike(f)
	var and bson.A
	if f.OlderThan > 0 {
		and = append(and, bson.M{"captured_at": bson.M{"$lt": time.Now().Add(-f.OlderThan)}})
	}
	if f.Cursor != "" {
		at, id, ok := parseCursor(f.Cursor)
		if !ok {
			return nil, "", execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		and = append(and, bson.M{"$or": bson.A{bson.M{"captured_at": bson.M{"$lt": at}}, bson.M{"captured_at": at, "_id": bson.M{"$lt": id}}}})
	}
	if len(and) > 0 {
		query["$and"] = and
	}
	found, err := s.letters.Find(ctx, query, options.Find().SetLimit(int64(f.Limit)+1).SetProjection(bson.M{"value": 0}).
		SetSort(bson.D{{Key: "captured_at", Value: -1}, {Key: "_id", Value: -1}}))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, f.Limit, func(l execution.Letter) string { return cursorAfter(l.CapturedAt, l.ID) })
}

// StepLetter decides what is next for the letter id. If send, it is to be
// written again now, in the round that the letter it returns has; that is noted
// before, so that a round is never sent twice at once.
func (s *Store) StepLetter(ctx context.Context, id string) (l execution.Letter, step execution.RedriveStep, send bool, err error) {
	for {
		if l, err = s.Letter(ctx, id); err != nil {
			return l, step, false, err
		}
		now := moment()
		query := bson.M{"_id": id, "status": execution.LetterScheduled, "round": l.Round, "tries": l.Tries}
		set, unset, note := bson.M{}, bson.M{}, ""
		switch {
		case l.Status != execution.LetterScheduled:
			return l, execution.RedriveStep{Over: true}, false, nil
		case !l.Sent.IsZero() && now.Before(l.Sent.Add(redriveLost)):
			return l, execution.RedriveStep{Wait: l.Sent.Add(redriveLost).Sub(now)}, false, nil
		case !l.Sent.IsZero():
			query["sent"], set["sent"], note = l.Sent, now, "nothing was heard of it" // the same round again
		case l.Due.After(now):
			return l, execution.RedriveStep{Wait: l.Due.Sub(now)}, false, nil
		default:
			behind, err := s.before(ctx, l)
			if err != nil {
				return l, step, false, err
			}
			if behind != "" {
				_, err := s.letters.UpdateOne(ctx, query, bson.M{"$set": bson.M{"behind": behind}})
				return l, execution.RedriveStep{Wait: redriveBehind}, false, kinded(err)
			}
			query["sent"] = missing
			l.Round, l.Tries = l.Round+1, l.Tries+1
			set["round"], set["tries"], set["sent"] = l.Round, l.Tries, now
			unset["due"], unset["behind"] = "", ""
		}
		done, err := s.letters.UpdateOne(ctx, query, happened(set, unset, now, execution.LetterEntry{At: now, What: "redriven", Note: note, Round: l.Round}))
		if err != nil {
			return l, step, false, kinded(err)
		}
		if done.MatchedCount > 0 {
			return l, execution.RedriveStep{Wait: redriveLost}, true, nil
		} // else it changed meanwhile
	}
}

// UnsendLetter notes that the letter id was not written in a round, which was
// begun: the next step sends it again.
func (s *Store) UnsendLetter(ctx context.Context, id string, round int) error {
	_, err := s.letters.UpdateOne(ctx, bson.M{"_id": id, "status": execution.LetterScheduled, "round": round, "sent": bson.M{"$exists": true}},
		bson.M{"$set": bson.M{"sent": moment().Add(-redriveLost)}})
	return kinded(err)
}

// before is the first letter of the same key that has to take effect before l:
// what was parked or put aside is not waited for.
func (s *Store) before(ctx context.Context, l execution.Letter) (id string, err error) {
	if len(l.Key) == 0 {
		return "", nil
	}
	var first struct {
		ID string `bson:"_id"`
	}
	err = s.letters.FindOne(ctx, bson.M{
		"origin.group": l.Origin.Group, "origin.topic": l.Origin.Topic, "origin.partition": l.Origin.Partition, "key": l.Key,
		"origin.offset": bson.M{"$lt": l.Origin.Offset}, "status": bson.M{"$in": bson.A{execution.LetterPending, execution.LetterScheduled}},
	}, options.FindOne().SetProjection(bson.M{"_id": 1}).SetSort(bson.M{"origin.offset": 1})).Decode(&first)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	return first.ID, kinded(err)
}

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

var waiting = []execution.LetterStatus{execution.LetterPending, execution.LetterScheduled, execution.LetterParked}

// ParkLetter leaves the letter id to a person, because of why. One that has
// ended stays as it is.
func (s *Store) ParkLetter(ctx context.Context, id, why string) error {
	_, err := s.decide(ctx, id, "park", waiting, func(l execution.Letter, now time.Time) bson.M {
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
	return s.decide(ctx, id, "retry", waiting, func(l execution.Letter, now time.Time) bson.M {
		return happened(bson.M{"status": execution.LetterScheduled, "due": now, "tries": 0}, bson.M{"reason": "", "sent": ""}, now,
			execution.LetterEntry{At: now, What: "asked", By: by, Round: l.Round})
	})
}

// aside puts the letter id where it is kept for some time and nothing is done.
func (s *Store) aside(ctx context.Context, id, verb string, status execution.LetterStatus, by, reason string) (execution.Letter, error) {
	return s.decide(ctx, id, verb, waiting, func(l execution.Letter, now time.Time) bson.M {
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

// LettersDue returns letters that should have been redriven before a time, a
// hundred at most: nobody seems to work on them.
func (s *Store) LettersDue(ctx context.Context, before time.Time) (ids []string, err error) {
	found, err := s.letters.Find(ctx, bson.M{"status": execution.LetterScheduled, "$or": bson.A{
		bson.M{"due": bson.M{"$lt": before}}, bson.M{"sent": bson.M{"$lt": before.Add(-redriveLost)}},
	}}, options.Find().SetProjection(bson.M{"_id": 1}).SetLimit(100))
	if err != nil {
		return nil, kinded(err)
	}
	var all []struct {
		ID string `bson:"_id"`
	}
	err = found.All(ctx, &all)
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	return ids, kinded(err)
}

// LetterFigures counts letters.
func (s *Store) LetterFigures(ctx context.Context) (f execution.LetterFigures, err error) {
	f = execution.LetterFigures{
		ByStatus: map[execution.LetterStatus]int64{}, ByTopic: map[string]int64{}, ByType: map[string]int64{}, ByGroup: map[string]int64{}, ByClass: map[string]int64{},
	}
	found, err := s.letters.Aggregate(ctx, bson.A{
		bson.M{"$group": bson.M{
			"_id":    bson.M{"status": "$status", "topic": "$origin.topic", "type": "$event_type", "group": "$origin.group", "class": "$class", "redriven": bson.M{"$gt": bson.A{"$round", 0}}},
			"n":      bson.M{"$sum": 1},
			"oldest": bson.M{"$min": "$captured_at"},
		}},
	})
	if err != nil {
		return f, kinded(err)
	}
	defer found.Close(ctx)
	for found.Next(ctx) {
		var g struct {
			ID struct {
				Status                    execution.LetterStatus
				Topic, Type, Group, Class string
				Redriven                  bool
			} `bson:"_id"`
			N      int64
			Oldest time.Time
		}
		if err := found.Decode(&g); err != nil {
			return f, fmt.Errorf("figures of letters: %w", err)
		}
		f.ByStatus[g.ID.Status] += g.N
		if g.ID.Redriven && g.ID.Status != execution.LetterScheduled {
			f.Redriven += g.N
			if g.ID.Status == execution.LetterRetried {
				f.Retried += g.N
			}
		}
		if !g.ID.Status.Waits() {
			continue
		}
		f.Waiting += g.N
		f.ByTopic[g.ID.Topic] += g.N
		f.ByGroup[g.ID.Group] += g.N
		f.ByClass[g.ID.Class] += g.N
		if g.ID.Type != "" {
			f.ByType[g.ID.Type] += g.N
		}
		if f.Oldest.IsZero() || g.Oldest.Before(f.Oldest) {
			f.Oldest = g.Oldest.UTC()
		}
	}
	return f, kinded(found.Err())
}

func (s *Store) storedPolicies(ctx context.Context) (all []execution.RedrivePolicy, err error) {
	found, err := s.redrivePolicies.Find(ctx, bson.M{}, options.Find().SetSort(bson.M{"_id": 1}))
	if err == nil {
		err = found.All(ctx, &all)
	}
	return all, kinded(err)
}

// RedrivePolicies are the policies that were set, and of the defaults those
// that none of them replaces.
func (s *Store) RedrivePolicies(ctx context.Context) ([]execution.RedrivePolicy, error) {
	all, err := s.storedPolicies(ctx)
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, p := range all {
		set[p.ID] = true
	}
	for _, p := range execution.DefaultRedrivePolicies {
		if !set[p.ID] {
			all = append(all, p)
		}
	}
	return all, nil
}

// SetRedrivePolicy keeps p, and plans the letters anew that wait under it. It
// returns those: their workflows are to be woken.
func (s *Store) SetRedrivePolicy(ctx context.Context, p execution.RedrivePolicy) (replanned []string, err error) {
	p.ID = execution.RedrivePolicyID(p)
	if _, err := s.redrivePolicies.ReplaceOne(ctx, bson.M{"_id": p.ID}, p, options.Replace().SetUpsert(true)); err != nil {
		return nil, kinded(err)
	}
	return s.replan(ctx)
}

// RemoveRedrivePolicy goes back to what is there without the policy id, and
// plans letters anew. It is NotFound if it was not set.
func (s *Store) RemoveRedrivePolicy(ctx context.Context, id string) (replanned []string, err error) {
	gone, err := s.redrivePolicies.DeleteOne(ctx, bson.M{"_id": id})
	if err != nil {
		return nil, kinded(err)
	}
	if gone.DeletedCount == 0 {
		return nil, execution.Errorf(execution.NotFound, "no policy %s was set", id)
	}
	return s.replan(ctx)
}

// replan plans all letters anew that are pending or scheduled and not on their
// way, and returns those for which that changed something. What was parked
// waits for a person.
func (s *Store) replan(ctx context.Context) (changed []string, err error) {
	policies, err := s.storedPolicies(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.letters.Find(ctx, bson.M{"status": bson.M{"$in": bson.A{execution.LetterPending, execution.LetterScheduled}}, "sent": missing},
		options.Find().SetProjection(bson.M{"value": 0, "headers": 0, "history": 0}))
	if err != nil {
		return nil, kinded(err)
	}
	defer found.Close(ctx)
	for found.Next(ctx) {
		var l execution.Letter
		if err := found.Decode(&l); err != nil {
			return changed, err
		}
		set, unset, status := planned(execution.PolicyOf(policies, l), l, l.UpdatedAt) // when it last died
		if due, _ := set["due"].(time.Time); status == l.Status && due.Equal(l.Due) {
			continue
		}
		done, err := s.letters.UpdateOne(ctx, bson.M{"_id": l.ID, "status": l.Status, "round": l.Round, "sent": missing, "updated_at": l.UpdatedAt}, bson.M{"$set": set, "$unset": unset})
		if err != nil {
			return changed, kinded(err)
		}
		if done.MatchedCount > 0 {
			changed = append(changed, l.ID)
		}
	}
	return changed, kinded(found.Err())
}
