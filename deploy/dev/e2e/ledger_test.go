package e2e

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ledger is where capacity is kept. The API does not show it, so an auditor
// has to look: collection pools, one document a pool with the array holders,
// and waiters, one document for each execution that waits.
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
	cursor, err := l.db.Collection("pools").Find(ctx, bson.M{})
	if err != nil {
		return nil, nil, err
	}
	var pools []struct {
		Name    string `bson:"_id"`
		Holders bson.A `bson:"holders"`
	}
	if err := cursor.All(ctx, &pools); err != nil {
		return nil, nil, fmt.Errorf("pools: %w", err)
	}
	for _, p := range pools {
		for _, h := range p.Holders {
			holders = append(holders, fmt.Sprintf("%s: %v", p.Name, h))
		}
	}
	if cursor, err = l.db.Collection("waiters").Find(ctx, bson.M{}); err != nil {
		return nil, nil, err
	}
	var waits []bson.M
	if err := cursor.All(ctx, &waits); err != nil {
		return nil, nil, fmt.Errorf("waiters: %w", err)
	}
	for _, w := range waits {
		waiters = append(waiters, fmt.Sprintf("%v: %v", w["pool"], w))
	}
	return holders, waiters, nil
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
