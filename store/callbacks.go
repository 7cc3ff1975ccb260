package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// A host that has failed for so often in a row, and for so long, is left alone.
const (
	hostFailures = 20
	hostPatience = time.Hour
)

// callbackHost is how a host of a user has failed since it last was reached.
type callbackHost struct {
	Failures int       `bson:"failures"`
	Since    time.Time `bson:"since"` // of the first of them
	Last     time.Time `bson:"last"`  // of the last
}

// off reports whether the host is left alone.
func (h callbackHost) off() bool {
	return h.Failures >= hostFailures && h.Last.Sub(h.Since) >= hostPatience
}

// CallbackOf returns who is to be told of the end of id, if anybody is.
func (s *Store) CallbackOf(ctx context.Context, id execution.ID) (url string, err error) {
	var x struct {
		CallbackURL string `bson:"callback_url"`
	}
	err = s.executions.FindOne(ctx, bson.M{"_id": id}, options.FindOne().SetProjection(bson.M{"callback_url": 1})).Decode(&x)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	return x.CallbackURL, kinded(err)
}

// SwitchedOff reports whether a user's host has failed 20 times in a row and for
// an hour. It is reached again by one attempt that succeeds.
func (s *Store) SwitchedOff(ctx context.Context, user, host string) (bool, error) {
	var h callbackHost
	err := s.hosts.FindOne(ctx, bson.M{"_id": hostID(user, host)}).Decode(&h)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return h.off(), kinded(err)
}

// Note keeps d, and what it says of its host. Of one that was not tried it says
// nothing.
func (s *Store) Note(ctx context.Context, d execution.Delivery) error {
	if _, err := s.deliveries.InsertOne(ctx, d); err != nil {
		return kinded(err)
	}
	id := bson.M{"_id": hostID(d.UserID, d.Host)}
	var err error
	switch d.Failure {
	case execution.SwitchedOff:
	case "":
		_, err = s.hosts.DeleteOne(ctx, id)
	default:
		change := bson.M{"$inc": bson.M{"failures": 1}, "$max": bson.M{"last": d.At}, "$setOnInsert": bson.M{"since": d.At}}
		if _, err = s.hosts.UpdateOne(ctx, id, change, options.UpdateOne().SetUpsert(true)); mongo.IsDuplicateKeyError(err) { // somebody was faster
			_, err = s.hosts.UpdateOne(ctx, id, change)
		}
	}
	return kinded(err)
}

// Deliveries returns the attempts to tell of the end of id, the oldest first; of
// very many, the last thousand.
func (s *Store) Deliveries(ctx context.Context, id execution.ID) (all []execution.Delivery, err error) {
	const most = 1000
	n, err := s.deliveries.CountDocuments(ctx, bson.M{"execution_id": id})
	if err != nil {
		return nil, kinded(err)
	}
	found, err := s.deliveries.Find(ctx, bson.M{"execution_id": id},
		options.Find().SetSort(bson.D{{Key: "at", Value: 1}}).SetSkip(max(0, n-most)))
	if err != nil {
		return nil, kinded(err)
	}
	err = found.All(ctx, &all)
	return all, kinded(err)
}

// hostID is unambiguous, because a user has no space in the name.
func hostID(user, host string) string { return user + " " + strings.ToLower(host) }
