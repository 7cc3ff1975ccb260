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
	redriveLost   = 10 * time.Minute // after this a redrive that has no outcome is sent again
	redriveBehind = 30 * time.Second // between two looks at an earlier letter of the same key
)

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
