package store

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/codesaga/codesaga/execution"
)

// PauseGroup notes that a consumer group is paused. If it is, who did it first
// stays, and it is a Conflict.
func (s *Store) PauseGroup(ctx context.Context, p execution.GroupPause) error {
	_, err := s.pauses.InsertOne(ctx, p)
	if mongo.IsDuplicateKeyError(err) {
		return execution.Errorf(execution.Conflict, "the consumer group %s is paused already", p.Group)
	}
	return kinded(err)
}

// ResumeGroup takes that back, or is a Conflict.
func (s *Store) ResumeGroup(ctx context.Context, group string) error {
	gone, err := s.pauses.DeleteOne(ctx, bson.M{"_id": group})
	if err == nil && gone.DeletedCount == 0 {
		return execution.Errorf(execution.Conflict, "the consumer group %s is not paused", group)
	}
	return kinded(err)
}

// PausedGroups are all that are paused, in no order.
func (s *Store) PausedGroups(ctx context.Context) (all []execution.GroupPause, err error) {
	found, err := s.pauses.Find(ctx, bson.M{})
	if err == nil {
		err = found.All(ctx, &all)
	}
	return all, kinded(err)
}
