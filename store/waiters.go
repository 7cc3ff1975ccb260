package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// poolDocuments is the collection of pools.
type poolDocuments struct{ of *mongo.Collection }

func (d poolDocuments) load(ctx context.Context, name string) (pool, error) {
	p := pool{Name: name}
	err := d.of.FindOne(ctx, bson.M{"_id": name}).Decode(&p)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return p, nil
	}
	return p, kinded(err)
}

func (d poolDocuments) save(ctx context.Context, p pool) (bool, error) {
	p.Version++
	if p.Version == 1 {
		_, err := d.of.InsertOne(ctx, p)
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, kinded(err)
	}
	done, err := d.of.ReplaceOne(ctx, bson.M{"_id": p.Name, "version": p.Version - 1}, p)
	return err == nil && done.MatchedCount == 1, kinded(err)
}

func (d poolDocuments) names(ctx context.Context) (names []string, err error) {
	var found []pool
	cursor, err := d.of.Find(ctx, bson.M{}, options.Find().SetProjection(bson.M{"_id": 1}))
	if err != nil {
		return nil, kinded(err)
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, kinded(err)
	}
	for _, p := range found {
		names = append(names, p.Name)
	}
	return names, nil
}

// waiterDocuments is the collection of those who wait.
type waiterDocuments struct {
	of *mongo.Collection

	mu   sync.Mutex
	pace map[lane]time.Duration // about the time in which a few came; see next
}

func (d *waiterDocuments) put(ctx context.Context, w waiter) (there waiter, fresh bool, err error) {
	for {
		_, err := d.of.InsertOne(ctx, w)
		if !mongo.IsDuplicateKeyError(err) {
			return w, true, kinded(err)
		}
		there, err := d.get(ctx, w.ID)
		if err != nil {
			return w, false, err
		}
		if there != nil { // else it was dropped meanwhile
			return *there, false, nil
		}
	}
}

func (d *waiterDocuments) get(ctx context.Context, id execution.ID) (*waiter, error) {
	var w waiter
	err := d.of.FindOne(ctx, bson.M{"_id": id}).Decode(&w)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil //nolint:nilnil // who waits no more is no error
	}
	return &w, kinded(err)
}

func (d *waiterDocuments) drop(ctx context.Context, ids ...execution.ID) (int64, error) {
	done, err := d.of.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": ids}})
	if err != nil {
		return 0, kinded(err)
	}
	return done.DeletedCount, nil
}

func (d *waiterDocuments) move(ctx context.Context, id execution.ID, pool string, to execution.Priority) (bool, error) {
	done, err := d.of.UpdateOne(ctx, bson.M{"_id": id, "pool": pool}, bson.M{"$set": bson.M{"priority": to}})
	return err == nil && done.MatchedCount > 0, kinded(err)
}

const (
	few    = 16          // that next looks at in one go, if it can
	brief  = time.Second // how far it looks at first, in a lane of which it knows nothing
	stride = 30          // how much farther each time after that
)

// next looks into the lane in steps of time, each longer than the last: a server
// that gathers all that matches before it sorts and cuts (the development
// server does) must not gather a queue of thousands for each grant.
func (d *waiterDocuments) next(ctx context.Context, pool string, g gap, but func(execution.ID) bool) (*waiter, error) {
	pace := d.paceOf(g.lane)
	end := time.Now().Add(time.Minute) // clocks differ
	for from, step := g.from, pace; ; step *= stride {
		to := from.Add(step)
		last := to.After(end)
		since := bson.M{"$gte": from, "$lt": to}
		if last {
			delete(since, "$lt")
		}
		w, n, err := d.between(ctx, pool, g.lane, since, but)
		switch {
		case err != nil:
			return nil, err
		case w != nil || last:
			d.learn(g.lane, step, n)
			return w, nil
		}
		from = to
	}
}

// between returns the first of l that has waited since a time in a range, and
// how many have at least.
func (d *waiterDocuments) between(ctx context.Context, pool string, l lane, since bson.M, but func(execution.ID) bool) (first *waiter, n int, err error) {
	query := bson.M{"pool": pool, "user_id": l.user, "priority": l.priority, "language": l.language, "since": since}
	found, err := d.of.Find(ctx, query, options.Find().SetSort(bson.D{{Key: "since", Value: 1}, {Key: "_id", Value: 1}}).SetBatchSize(few))
	if err != nil {
		return nil, 0, kinded(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	for found.Next(ctx) {
		var w waiter
		if err := found.Decode(&w); err != nil {
			return nil, 0, err
		}
		if n++; first == nil && !but(w.ID) {
			first = &w
		}
		if first != nil && found.RemainingBatchLength() == 0 {
			break
		}
	}
	return first, n, kinded(found.Err())
}

func (d *waiterDocuments) paceOf(l lane) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if pace := d.pace[l]; pace > 0 {
		return pace
	}
	return brief
}

// learn notes that a step into l met n: how far to look the next time.
func (d *waiterDocuments) learn(l lane, step time.Duration, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pace == nil {
		d.pace = make(map[lane]time.Duration)
	}
	switch {
	case n == 0: // the lane is empty
		delete(d.pace, l)
	case n >= few:
		d.pace[l] = max(step/8, time.Millisecond)
	default:
		d.pace[l] = min(step, time.Minute)
	}
}

func (d *waiterDocuments) list(ctx context.Context, pool string) (ws []waiter, err error) {
	found, err := d.of.Find(ctx, bson.M{"pool": pool}, options.Find().SetSort(bson.D{{Key: "since", Value: 1}, {Key: "_id", Value: 1}}))
	if err != nil {
		return nil, kinded(err)
	}
	err = found.All(ctx, &ws)
	return ws, kinded(err)
}
