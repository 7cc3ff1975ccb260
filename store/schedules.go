package store

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// CreateSchedule stores c unless a schedule with its ID is there.
func (s *Store) CreateSchedule(ctx context.Context, c execution.Schedule) error {
	_, err := s.schedules.InsertOne(ctx, c)
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return kinded(err)
}

// Schedule returns the schedule id, or NotFound.
func (s *Store) Schedule(ctx context.Context, id string) (c execution.Schedule, err error) {
	err = s.schedules.FindOne(ctx, bson.M{"_id": id}).Decode(&c)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return c, execution.Errorf(execution.NotFound, "no schedule %s", id)
	}
	return c, kinded(err)
}

// Schedules returns the schedules of user, or of all if that is empty, the newest
// first and without what is submitted each time; of very many, the first
// thousand.
func (s *Store) Schedules(ctx context.Context, user string) (all []execution.Schedule, err error) {
	query := bson.M{}
	if user != "" {
		query["user_id"] = user
	}
	found, err := s.schedules.Find(ctx, query, options.Find().SetLimit(1000).
		SetSort(bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}).
		SetProjection(bson.M{"template.input": 0, "template.expected": 0}))
	if err != nil {
		return nil, kinded(err)
	}
	err = found.All(ctx, &all)
	return all, kinded(err)
}

// DeleteSchedule removes the schedule id; done again, it does nothing.
func (s *Store) DeleteSchedule(ctx context.Context, id string) error {
	_, err := s.schedules.DeleteOne(ctx, bson.M{"_id": id})
	return kinded(err)
}
