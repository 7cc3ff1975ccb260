package e2e

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ledger is where capacity is kept. An auditor does not ask the API, but looks:
// collection pools, one document a pool, with an array of holders, and
// collection waiters, one document for each that waits.
type ledger struct{ db *mongo.Database }

func openLedger(uri, database string) (*ledger, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(10 * time.Second))
	if err != nil {
		return nil, fmt.Errorf("CODESAGA_MONGO_URI: %w", err)
	}
	return &ledger{client.Database(database)}, nil
}

// entries are who has capacity, or waits for it, as they stand in the ledger.
func (l *ledger) entries(ctx context.Context) (holders, waiters []string, err error) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	var pools []struct {
		Name    string `bson:"_id"`
		Holders bson.A `bson:"holders"`
	}
	var waiting []bson.M
	if err := errors.Join(l.all(ctx, "pools", &pools), l.all(ctx, "waiters", &waiting)); err != nil {
		return nil, nil, err
	}
	for _, p := range pools {
		for _, h := range p.Holders {
			holders = append(holders, fmt.Sprintf("%s: %v", p.Name, h))
		}
	}
	for _, w := range waiting {
		waiters = append(waiters, fmt.Sprintf("%v: %v", w["pool"], w))
	}
	return holders, waiters, nil
}

// all reads a whole collection into documents.
func (l *ledger) all(ctx context.Context, collection string, documents any) error {
	cursor, err := l.db.Collection(collection).Find(ctx, bson.M{})
	if err != nil {
		return fmt.Errorf("%s: %w", collection, err)
	}
	return cursor.All(ctx, documents)
}

// empty is a condition to be awaited.
func (l *ledger) empty(ctx context.Context) func() (bool, string) {
	return func() (bool, string) {
		holders, waiters, err := l.entries(ctx)
		return err == nil && len(holders)+len(waiters) == 0, fmt.Sprintf("capacity is held by %q, awaited by %q (%v)", holders, waiters, err)
	}
}

// drop removes the database.
func (l *ledger) drop(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer stop()
	defer func() { _ = l.db.Client().Disconnect(ctx) }()
	return l.db.Drop(ctx)
}
