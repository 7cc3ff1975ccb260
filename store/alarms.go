package store

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Raise keeps the level of the alarm name, and returns the one before, which is
// "ok" at first. Of several who find the same level at once changed is true for
// one: it is theirs to tell.
func (s *Store) Raise(ctx context.Context, name, level string) (was string, changed bool, err error) {
	if _, err := s.alarms.UpdateOne(ctx, bson.M{"_id": name}, bson.M{"$setOnInsert": bson.M{"level": "ok", "since": moment()}}, options.UpdateOne().SetUpsert(true)); err != nil && !mongo.IsDuplicateKeyError(err) {
		return "", false, kinded(err)
	}
	var before struct {
		Level string `bson:"level"`
	}
	err = s.alarms.FindOneAndUpdate(ctx, bson.M{"_id": name, "level": bson.M{"$ne": level}}, bson.M{"$set": bson.M{"level": level, "since": moment()}}).Decode(&before)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return level, false, nil
	}
	return before.Level, err == nil, kinded(err)
}
