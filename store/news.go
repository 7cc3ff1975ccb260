package store

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// UntoldLetters returns letters to which something happened that nobody was told
// of, without their values: what happened is noted in the write that does it.
func (s *Store) UntoldLetters(ctx context.Context, limit int) (all []execution.Letter, err error) {
	found, err := s.letters.Find(ctx, bson.M{"news": true}, options.Find().SetLimit(int64(limit)).SetProjection(bson.M{"value": 0, "history": 0, "headers": 0}))
	if err != nil {
		return nil, kinded(err)
	}
	return all, kinded(found.All(ctx, &all))
}

// ToldLetter notes that others were told what l says that they were not. If
// something happened to it since, or another has noted this, nothing changes.
func (s *Store) ToldLetter(ctx context.Context, l execution.Letter) error {
	same := bson.M{"_id": l.ID, "untold": bson.M{"$size": len(l.Untold)}}
	for i, e := range l.Untold {
		at := fmt.Sprintf("untold.%d.", i)
		same[at+"at"], same[at+"what"], same[at+"round"] = e.At, e.What, e.Round
	}
	_, err := s.letters.UpdateOne(ctx, same, bson.M{"$unset": bson.M{"untold": "", "news": ""}})
	return kinded(err)
}

// KeepPlatformEvent keeps e, unless that was done.
func (s *Store) KeepPlatformEvent(ctx context.Context, e execution.PlatformEvent) error {
	if _, err := s.platform.InsertOne(ctx, e); !mongo.IsDuplicateKeyError(err) {
		return kinded(err)
	}
	return nil
}

// PlatformEvents returns a page of those that q chooses, the newest first, and
// the cursor of the next page; it is empty after the last.
func (s *Store) PlatformEvents(ctx context.Context, q execution.PlatformQuery) (page []execution.PlatformEvent, next string, err error) {
	query, when := bson.M{}, bson.M{}
	if len(q.Types) > 0 {
		query["type"] = bson.M{"$in": q.Types}
	}
	if q.UserID != "" {
		query["user_id"] = q.UserID
	}
	if !q.From.IsZero() {
		when["$gte"] = q.From
	}
	if !q.To.IsZero() {
		when["$lt"] = q.To
	}
	if len(when) > 0 {
		query["occurred_at"] = when
	}
	if q.Cursor != "" {
		at, id, ok := parseCursor(q.Cursor)
		if !ok {
			return nil, "", execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		query["$or"] = bson.A{bson.M{"occurred_at": bson.M{"$lt": at}}, bson.M{"occurred_at": at, "_id": bson.M{"$lt": id}}}
	}
	found, err := s.platform.Find(ctx, query, options.Find().SetSort(bson.D{{Key: "occurred_at", Value: -1}, {Key: "_id", Value: -1}}).SetLimit(int64(q.Limit)+1))
	if err != nil {
		return nil, "", fmt.Errorf("events of the platform: %w", kinded(err))
	}
	return pageOf(ctx, found, q.Limit, func(last execution.PlatformEvent) string { return cursorAfter(last.At, last.ID) })
}
