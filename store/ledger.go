package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"golang.org/x/sync/semaphore"

	"github.com/codesaga/codesaga/execution"
)

// Ledger keeps who has capacity of which pool, and who waits for it.
type Ledger struct {
	pools  *mongo.Collection
	limits Limits
	turn   *semaphore.Weighted // callers in one process need not race each other for the document
}

// Ledger returns the ledger; limits are those of each pool that has none of its
// own.
func (s *Store) Ledger(limits Limits) *Ledger {
	return &Ledger{pools: s.pools, limits: limits, turn: semaphore.NewWeighted(1)}
}

// Admit gives c room in its pool, or a place in the queue. Asked again, it
// answers how things stand. What is larger than the pool is Invalid.
func (l *Ledger) Admit(ctx context.Context, c execution.Capacity) (a execution.Admission, err error) {
	changing := l.change(ctx, c.Pool, func(p *pool) { a, err = p.admit(c, now()) })
	if changing != nil {
		return execution.Admission{}, changing
	}
	return a, err
}

// Release gives back what id holds of pool, or its place in the queue, and
// returns who has room because of that. Done again, it does nothing.
func (l *Ledger) Release(ctx context.Context, id execution.ID, pool string) (granted []execution.ID, err error) {
	err = l.change(ctx, pool, releasing(id, &granted))
	return granted, err
}

func releasing(id execution.ID, granted *[]execution.ID) func(*pool) {
	return func(p *pool) { *granted = p.release(id, now()) }
}

// SetLimits gives pool limits of its own, or with nil none, and returns who has
// room because of that. Who holds more keeps it until the end.
func (l *Ledger) SetLimits(ctx context.Context, name string, own *Limits) (granted []execution.ID, err error) {
	err = l.change(ctx, name, func(p *pool) {
		p.Own = own
		p.limits = l.of(*p)
		granted = p.fill(now())
	})
	return granted, err
}

// Entries returns who has capacity, or waits for it, since before a time, in all
// pools.
func (l *Ledger) Entries(ctx context.Context, before time.Time) (entries []execution.Held, err error) {
	found, err := l.pools.Find(ctx, bson.M{})
	if err != nil {
		return nil, kinded(err)
	}
	var pools []pool
	if err := found.All(ctx, &pools); err != nil {
		return nil, kinded(err)
	}
	for _, p := range pools {
		for i, s := range slices.Concat(p.Holders, p.Waiters) {
			if s.Since.Before(before) {
				s.Pool = p.Name
				entries = append(entries, execution.Held{Capacity: s.Capacity, Since: s.Since, Granted: i < len(p.Holders)})
			}
		}
	}
	return entries, nil
}

// Policy returns how a pool admits now.
func (l *Ledger) Policy(ctx context.Context, name string) (execution.PoolPolicy, error) {
	p := pool{Name: name}
	err := l.pools.FindOne(ctx, bson.M{"_id": name}).Decode(&p)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return execution.PoolPolicy{}, kinded(err)
	}
	b := l.of(p)
	return execution.PoolPolicy{Executions: b.Executions, CPUMillis: b.CPUMillis, MemoryBytes: b.MemoryBytes}, nil
}

// change reads a pool, lets decide change it, and writes it back if nobody
// else did meanwhile. If somebody did, it decides again on what is true now.
// What changes nothing is not written: the document is hot.
func (l *Ledger) change(ctx context.Context, name string, decide func(*pool)) error {
	if err := l.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer l.turn.Release(1)
	for {
		p := pool{Name: name}
		err := l.pools.FindOne(ctx, bson.M{"_id": name}).Decode(&p)
		if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
			return kinded(err)
		}
		p.limits = l.of(p)
		was := p.clone()
		decide(&p)
		if p.equal(was) {
			return nil
		}
		done, err := l.write(ctx, p)
		if err != nil || done {
			return kinded(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.IntN(5_000)) * time.Microsecond): //nolint:gosec // only not to be in step with the others
		}
	}
}

// write stores p as the version after the one that was read, and reports
// whether it could: not if somebody else did.
func (l *Ledger) write(ctx context.Context, p pool) (bool, error) {
	p.Version++
	if p.Version == 1 {
		_, err := l.pools.InsertOne(ctx, p)
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, err
	}
	done, err := l.pools.ReplaceOne(ctx, bson.M{"_id": p.Name, "version": p.Version - 1}, p)
	return err == nil && done.MatchedCount == 1, err
}

// of is what bounds p.
func (l *Ledger) of(p pool) Limits {
	if p.Own != nil {
		return *p.Own
	}
	return l.limits
}

// now is as exact as the database keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
