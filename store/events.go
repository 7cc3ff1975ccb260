package store

import (
	"context"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// Project lets the execution's status and what it waits for follow e, and keeps
// e: who is told of it finds the execution as it says. An event that comes
// again, from there or from another offset, changes nothing. Types that are not
// known are kept, too.
func (s *Store) Project(ctx context.Context, e execution.Recorded) error {
	if err := s.moveBy(ctx, e.Event); err != nil {
		return err
	}
	_, err := s.events.InsertOne(ctx, keep(e))
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return kinded(err)
}

// kept is an event as it is stored.
type kept struct {
	execution.Recorded `bson:",inline"`
	Words              []string `bson:"words,omitempty"` // it is found by
}

func keep(e execution.Recorded) kept { return kept{e, execution.Words(e.Text())} }

// moveBy changes the execution as e says. Done again, it changes nothing.
func (s *Store) moveBy(ctx context.Context, e execution.Event) error {
	next := e.Moves()
	switch {
	case next != "":
		return s.Move(ctx, e.ExecutionID, next, e.At)
	case e.Type == execution.ExecutionQueued && e.Queue != nil:
		return s.SetQueue(ctx, e.ExecutionID, e.Queue)
	case e.Type == execution.PodWaiting && e.Pod != nil:
		return s.setWaiting(ctx, e.ExecutionID, e.Pod)
	default:
		return nil
	}
}

// Events returns a page of what happened to id, the oldest first, and the
// cursor of the next page; it is empty if there is none for now. A cursor that
// Events did not make is Invalid.
func (s *Store) Events(ctx context.Context, id execution.ID, f execution.EventFilter) (page []execution.Event, next string, err error) {
	var after int64
	if f.After != "" {
		if after, err = strconv.ParseInt(f.After, 10, 64); err != nil || after < 0 {
			return nil, "", execution.FieldErrors{{Field: "after", Rule: "is not from a page before"}}
		}
	}
	query := bson.M{"execution_id": id, "offset": bson.M{"$gte": after}}
	if f.Type != "" {
		query["type"] = f.Type
	}
	found, err := s.tell(ctx, query, f.Limit+1) // one more tells whether there is a next page
	if err != nil {
		return nil, "", err
	}
	if len(found) > f.Limit {
		found = found[:f.Limit]
		next = strconv.FormatInt(found[f.Limit-1].Offset+1, 10)
	}
	page = make([]execution.Event, len(found))
	for i, t := range found {
		page[i] = t.Event
	}
	return page, next, nil
}

// tell finds events in the order of their offsets.
func (s *Store) tell(ctx context.Context, query bson.M, limit int) (found []execution.Recorded, err error) {
	cursor, err := s.events.Find(ctx, query, options.Find().SetSort(bson.D{{Key: "offset", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, kinded(err)
	}
	err = cursor.All(ctx, &found)
	return found, kinded(err)
}
