package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	keyLife    = 24 * time.Hour      // of an idempotency key (parity EX-22)
	eventLife  = 90 * 24 * time.Hour // of an event, unless something else is said (parity EV-16)
	figureLife = 90 * 24 * time.Hour // of what was counted of events, and of the log of deliveries
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
	return append(append(s.eventIndexes(s.events, "occurred_at"), s.eventIndexes(s.archive, "deleted_at")...), []index{
		{of: s.executions, name: "user_newest", fields: append(up("user_id"), newestFirst...)},
		{of: s.executions, name: "newest", fields: newestFirst},
		{of: s.executions, name: "status_oldest", fields: up("status", "created_at")},
		{of: s.executions, name: "pool_newest", fields: append(up("pool"), newestFirst...)},
		{of: s.executions, name: "priority_newest", fields: append(up("priority"), newestFirst...)},
		{of: s.executions, name: "retries", fields: up("parent_id"), sparse: true},
		{of: s.executions, name: "of_batch", fields: up("batch_id", "batch_index", "attempt", "status", "judge.passed"), where: bson.M{"batch_id": bson.M{"$exists": true}}},
		{of: s.executions, name: "of_schedule", fields: up("schedule_id"), sparse: true},
		{of: s.chunks, name: "in_order", fields: up("execution_id", "number"), unique: true},
		{of: s.chunks, name: "of_stream", fields: up("execution_id", "stream", "position")},
		{of: s.waiters, name: "lane", fields: up("pool", "user_id", "priority", "language", "since", "_id")},
		{of: s.waiters, name: "pool_oldest", fields: up("pool", "since", "_id")},
		{of: s.keys, name: "life", fields: up("created_at"), life: keyLife},
		{of: s.executions, name: "ended", fields: up("finished_at")},
		{of: s.executions, name: "user_ended", fields: up("user_id", "finished_at")},
		{of: s.deliveries, name: "in_order", fields: up("execution_id", "at")},
		{of: s.deliveries, name: "life", fields: up("at"), life: figureLife},
		{of: s.hosts, name: "life", fields: up("last"), life: figureLife},
		{of: s.batches, name: "user_newest", fields: append(up("user_id"), newestFirst...)},
		{of: s.batches, name: "abandoned", fields: up("created_at"), where: bson.M{"stored": false}, life: keyLife},
		{of: s.schedules, name: "user_newest", fields: append(up("user_id"), newestFirst...)},
		{of: s.replays, name: "newest", fields: newestFirst},
		{of: s.replays, name: "ended", fields: up("ended"), sparse: true},
		{of: s.replayParts, name: "in_order", fields: up("session", "sequence")},
		{of: s.replayFailures, name: "in_order", fields: up("session", "sequence")},
		{of: s.letters, name: "newest", fields: bson.D{{Key: "captured_at", Value: -1}, {Key: "_id", Value: -1}}},
		{of: s.letters, name: "status_newest", fields: bson.D{{Key: "status", Value: 1}, {Key: "captured_at", Value: -1}, {Key: "_id", Value: -1}}},
		{of: s.letters, name: "of_key", fields: up("origin.group", "origin.topic", "origin.partition", "key", "origin.offset")},
		{of: s.letters, name: "life", fields: up("expires"), life: time.Second},
		{of: s.letters, name: "news", fields: up("news"), sparse: true},
		{of: s.platform, name: "newest", fields: bson.D{{Key: "occurred_at", Value: -1}, {Key: "_id", Value: -1}}},
		{of: s.platform, name: "life", fields: up("occurred_at"), life: s.eventLife()},
		{of: s.notices, name: "in_order", fields: up("user_id", "number"), unique: true},
		{of: s.notices, name: "unread", fields: up("user_id", "read")},
		{of: s.notices, name: "life", fields: up("at"), life: noticeLife},
		{of: s.hours, name: "life", fields: up("hour"), life: figureLife},
		{of: s.rebuilds, name: "newest", fields: append(up("projection"), bson.E{Key: "started_at", Value: -1})},
	}...)
}

// up is the order of fields, each ascending.
func up(names ...string) (d bson.D) {
	for _, name := range names {
		d = append(d, bson.E{Key: name, Value: 1})
	}
	return d
}

// eventIndexes are those of a collection of events, one for each filter, that
// live for so long after the time in a field.
func (s *Store) eventIndexes(c *mongo.Collection, born string) []index {
	return []index{
		{of: c, name: "in_order", fields: up("execution_id", "offset")},
		{of: c, name: "newest", fields: newestEvents},
		{of: c, name: "type_newest", fields: append(up("type"), newestEvents...)},
		{of: c, name: "user_newest", fields: append(up("user_id"), newestEvents...)},
		{of: c, name: "correlation", fields: up("correlation_id", "recorded_at"), sparse: true},
		{of: c, name: "words", fields: up("words", "recorded_at"), sparse: true},
		{of: c, name: "life", fields: up(born), life: s.eventLife()},
	}
}

// eventLife is how long events are kept.
func (s *Store) eventLife() time.Duration { return cmp.Or(s.EventLife, eventLife) }

// Setup creates the indexes that are missing, lets documents live as long as
// they are to, and returns what it did, one sentence each. Done again, it does
// nothing. A dry run only returns what it would do.
func (s *Store) Setup(ctx context.Context, dry bool) (changes []string, err error) {
	have := make(map[*mongo.Collection][]mongo.IndexSpecification)
	for _, i := range s.indexes() {
		if have[i.of] == nil {
			if have[i.of], err = i.of.Indexes().ListSpecifications(ctx); err != nil {
				return changes, fmt.Errorf("indexes of %s: %w", i.of.Name(), kinded(err))
			}
		}
		n := slices.IndexFunc(have[i.of], func(there mongo.IndexSpecification) bool { return there.Name == i.name })
		change, err := "", error(nil)
		if n < 0 {
			change = fmt.Sprintf("created index %s of %s", i.name, i.of.Name())
			if !dry {
				err = i.create(ctx)
			}
		} else {
			change, err = i.live(ctx, have[i.of][n], dry)
		}
		if err != nil {
			return changes, err
		}
		if change != "" {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// live lets documents live as long as i says, if its index, which is there,
// says otherwise, and returns what that changed.
func (i index) live(ctx context.Context, there mongo.IndexSpecification, dry bool) (change string, err error) {
	if i.life == 0 || there.ExpireAfterSeconds == nil {
		return "", nil
	}
	was, is := time.Duration(*there.ExpireAfterSeconds)*time.Second, i.life
	if was == is {
		return "", nil
	}
	change = fmt.Sprintf("let documents of %s live %s (was %s)", i.of.Name(), is, was)
	if dry {
		return change, nil
	}
	err = i.of.Database().RunCommand(ctx, bson.D{
		{Key: "collMod", Value: i.of.Name()},
		{Key: "index", Value: bson.D{{Key: "name", Value: i.name}, {Key: "expireAfterSeconds", Value: int64(is.Seconds())}}},
	}).Err()
	if err != nil {
		return "", fmt.Errorf("index %s of %s: %w", i.name, i.of.Name(), kinded(err))
	}
	return change, nil
}

// create makes i, unless it is there.
func (i index) create(ctx context.Context) error {
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
		return fmt.Errorf("index %s of %s: %w", i.name, i.of.Name(), kinded(err))
	}
	return nil
}
