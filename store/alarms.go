package store

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// Alarm is the level of the alarm name: AlarmOK until it was raised.
func (s *Store) Alarm(ctx context.Context, name string) (execution.AlarmLevel, error) {
	var a struct {
		Level execution.AlarmLevel `bson:"level"`
	}
	err := s.alarms.FindOne(ctx, bson.M{"_id": name}).Decode(&a)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return execution.AlarmOK, nil
	}
	return a.Level, kinded(err)
}

// Raise moves the alarm name from one level to another. Of several who do at once
// changed is true for one: it is theirs to tell.
func (s *Store) Raise(ctx context.Context, name string, from, to execution.AlarmLevel) (changed bool, err error) {
	done, err := s.alarms.UpdateOne(ctx, bson.M{"_id": name, "level": from}, bson.M{"$set": bson.M{"level": to, "since": moment()}},
		options.UpdateOne().SetUpsert(from == execution.AlarmOK)) // the first time there is none
	if mongo.IsDuplicateKeyError(err) { // it has another level by now
		return false, nil
	}
	if err != nil {
		return false, kinded(err)
	}
	return done.MatchedCount+done.UpsertedCount > 0, nil
}
