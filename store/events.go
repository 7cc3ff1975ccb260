package store

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// told is an event as it is stored: with its place in the log.
type told struct {
	execution.Event `bson:",inline"`
	Offset          int64 `bson:"offset"` // in the partition that has all events of the execution
}

// Project keeps e, which has offset in its partition, and lets the execution's
// status and place in the queue follow it. An event that comes again, from
// there or from another offset, changes nothing. Types that are not known are
// kept, too.
func (s *Store) Project(ctx context.Context, e execution.Event, offset int64) error {
	_, err := s.events.InsertOne(ctx, told{e, offset})
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		return kinded(err)
	}
	if next := e.Moves(); next != "" { // also of one that is kept: we may have died between the two
		return s.Move(ctx, e.ExecutionID, next, e.At)
	}
	if e.Type == execution.ExecutionQueued && e.Queue != nil {
		return s.SetQueue(ctx, e.ExecutionID, e.Queue)
	}
	return nil
}

// Events returns what happened to id, the oldest first, of one type if kind is
// not empty: up to limit events after the position after, and the position of
// the last one, from which the next page goes on. Fewer than limit are the last
// ones for now.
func (s *Store) Events(ctx context.Context, id execution.ID, kind execution.EventType, after int64, limit int) (page []execution.Event, next int64, err error) {
	query := bson.M{"execution_id": id, "offset": bson.M{"$gte": after}}
	if kind != "" {
		query["type"] = kind
	}
	found, err := s.tell(ctx, query, limit)
	if err != nil {
		return nil, after, err
	}
	page, next = make([]execution.Event, len(found)), after
	for i, t := range found {
		page[i], next = t.Event, t.Offset+1
	}
	return page, next, nil
}

// tell finds events in the order of their offsets.
func (s *Store) tell(ctx context.Context, query bson.M, limit int) (found []told, err error) {
	cursor, err := s.events.Find(ctx, query, options.Find().SetSort(bson.D{{Key: "offset", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, kinded(err)
	}
	err = cursor.All(ctx, &found)
	return found, kinded(err)
}
