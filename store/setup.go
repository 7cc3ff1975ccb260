package store

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	keyLife   = 24 * time.Hour      // of an idempotency key (parity EX-22)
	eventLife = 90 * 24 * time.Hour // of an event (parity EV-16)
)

// index is one that queries here need.
type index struct {
	of     *mongo.Collection
	name   string
	fields bson.D
	unique bool
	sparse bool          // only of documents that have a field of it
	where  bson.M        // only of documents like this
	life   time.Duration // of a document after the time in its field; 0: for ever
}

func (s *Store) indexes() []index {
	up := func(names ...string) (d bson.D) {
		for _, name := range names {
			d = append(d, bson.E{Key: name, Value: 1})
		}
		return d
	}
	newest := bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}
	return []index{
		{of: s.executions, name: "user_newest", fields: append(up("user_id"), newest...)},
		{of: s.executions, name: "newest", fields: newest},
		{of: s.executions, name: "status_oldest", fields: up("status", "created_at")},
		{of: s.executions, name: "pool_newest", fields: append(up("pool"), newest...)},
		{of: s.executions, name: "priority_newest", fields: append(up("priority"), newest...)},
		{of: s.executions, name: "retries", fields: up("parent_id"), sparse: true},
		{of: s.executions, name: "of_batch", fields: up("batch_id", "batch_index", "attempt", "status", "judge.passed"), where: bson.M{"batch_id": bson.M{"$exists": true}}},
		{of: s.executions, name: "of_schedule", fields: up("schedule_id"), sparse: true},
		{of: s.chunks, name: "in_order", fields: up("execution_id", "number"), unique: true},
		{of: s.chunks, name: "of_stream", fields: up("execution_id", "stream", "position")},
		{of: s.events, name: "in_order", fields: up("execution_id", "offset")},
		{of: s.events, name: "newest", fields: newestEvents},
		{of: s.events, name: "type_newest", fields: append(up("type"), newestEvents...)},
		{of: s.events, name: "user_newest", fields: append(up("user_id"), newestEvents...)},
		{of: s.events, name: "words", fields: up("words", "recorded_at"), sparse: true},
		{of: s.events, name: "life", fields: up("occurred_at"), life: eventLife},
		{of: s.waiters, name: "lane", fields: up("pool", "user_id", "priority", "language", "since", "_id")},
		{of: s.waiters, name: "pool_oldest", fields: up("pool", "since", "_id")},
		{of: s.keys, name: "life", fields: up("created_at"), life: keyLife},
		{of: s.executions, name: "ended", fields: up("finished_at")},
		{of: s.executions, name: "user_ended", fields: up("user_id", "finished_at")},
		{of: s.deliveries, name: "in_order", fields: up("execution_id", "at")},
		{of: s.deliveries, name: "life", fields: up("at"), life: eventLife},
		{of: s.hosts, name: "life", fields: up("last"), life: eventLife},
		{of: s.batches, name: "user_newest", fields: append(up("user_id"), newest...)},
		{of: s.batches, name: "abandoned", fields: up("created_at"), where: bson.M{"stored": false}, life: keyLife},
		{of: s.schedules, name: "user_newest", fields: append(up("user_id"), newest...)},
		{of: s.replays, name: "newest", fields: newest},
		{of: s.replays, name: "ended", fields: up("ended"), sparse: true},
		{of: s.replayParts, name: "in_order", fields: up("session", "sequence")},
		{of: s.replayFailures, name: "in_order", fields: up("session", "sequence")},
	}
}

// Setup creates the indexes that are missing and returns what it did, one
// sentence each. Done again, it does nothing.
func (s *Store) Setup(ctx context.Context) (changes []string, err error) {
	have := make(map[string]bool)
	for _, c := range []*mongo.Collection{s.executions, s.chunks, s.events, s.waiters, s.keys, s.deliveries, s.hosts, s.batches, s.schedules, s.replays, s.replayParts, s.replayFailures} {
		found, err := c.Indexes().ListSpecifications(ctx)
		if err != nil {
			return nil, fmt.Errorf("indexes of %s: %w", c.Name(), kinded(err))
		}
		for _, i := range found {
			have[c.Name()+"."+i.Name] = true
		}
	}
	for _, i := range s.indexes() {
		if have[i.of.Name()+"."+i.name] {
			continue
		}
		o := options.Index().SetName(i.name)
		if i.unique {
			o.SetUnique(true)
		}
		if i.sparse {
			o.SetSparse(true)
		}
		if i.where != nil {
			o.SetPartialFilterExpression(i.where)
		}
		if i.life > 0 {
			o.SetExpireAfterSeconds(int32(i.life.Seconds()))
		}
		if _, err := i.of.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: i.fields, Options: o}); err != nil {
			return changes, fmt.Errorf("index %s of %s: %w", i.name, i.of.Name(), kinded(err))
		}
		changes = append(changes, fmt.Sprintf("created index %s of %s", i.name, i.of.Name()))
	}
	return changes, nil
}
