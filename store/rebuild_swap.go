package store

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/codesaga/codesaga/execution"
)

// Swap has the shadow of r take the place of the live one, and returns how many
// documents are others than before. Done again after it broke off, it goes on.
// beat is told how far it is.
//
// The event store is replaced as a whole. Events that the projector writes to
// the old one meanwhile are in Kafka: who calls this fills in what came since,
// and until then they are missing.
//
// Executions have parts that do not come from events, and writers that know
// nothing of a rebuild: to replace the collection would lose what they write. So
// each row that differs is changed by itself, on condition that nobody has
// changed it since it was compared.
func (s *Store) Swap(ctx context.Context, r execution.Rebuild, beat func(int64)) (changed int64, err error) {
	shadow := s.db.Collection(r.Shadow)
	if r.Projection == execution.ExecutionsProjection {
		err = batches(ctx, shadow, bson.M{}, nil, comparePage, func(some []execution.Derived) error {
			n, err := s.mendRows(ctx, some)
			changed += n
			beat(changed)
			return err
		})
		return changed, err
	}
	there, err := s.db.ListCollectionNames(ctx, bson.M{"name": r.Shadow})
	if err != nil || !slices.Contains(there, r.Shadow) { // it was renamed before
		return 0, kinded(err)
	}
	if err := s.carry(ctx, shadow, beat); err != nil {
		return 0, err
	}
	return 0, kinded(s.db.Client().Database("admin").RunCommand(ctx, bson.D{
		{Key: "renameCollection", Value: s.db.Name() + "." + r.Shadow},
		{Key: "to", Value: s.db.Name() + "." + s.events.Name()}, {Key: "dropTarget", Value: true},
	}).Err())
}

// carry adds to a shadow what only the live one has: events that are older than
// the log of its source, and graves.
func (s *Store) carry(ctx context.Context, shadow *mongo.Collection, beat func(int64)) error {
	var carried int64
	return batches(ctx, s.events, bson.M{}, nil, comparePage, func(some []bson.Raw) error {
		ids := make([]string, len(some))
		for i, doc := range some {
			ids[i], _ = doc.Lookup("_id").StringValueOK()
		}
		have, err := present(ctx, shadow, ids)
		if err != nil {
			return err
		}
		var docs []any
		for i, doc := range some {
			if !have[ids[i]] {
				docs = append(docs, doc)
			}
		}
		n, err := insert(ctx, shadow, docs)
		carried += int64(n)
		beat(carried)
		return err
	})
}

// mendRows changes the rows that differ from what was made of their events.
func (s *Store) mendRows(ctx context.Context, some []execution.Derived) (changed int64, err error) {
	live, err := s.rows(ctx, some)
	if err != nil {
		return 0, err
	}
	var writes []mongo.WriteModel
	for _, d := range some {
		row, there := live[string(d.ID)]
		if !there || !d.Whole {
			continue
		}
		if d = d.Mends(row); d.Differs(row) == "" {
			continue
		}
		writes = append(writes, mongo.NewUpdateOneModel().SetFilter(derivedFields(row, false)).SetUpdate(derivedFields(d, true)))
	}
	if len(writes) == 0 {
		return 0, nil
	}
	done, err := s.executions.BulkWrite(ctx, writes)
	if err != nil {
		return 0, kinded(err)
	}
	return done.ModifiedCount, nil
}

// derivedFields is d as an update, or as the condition that a row is like it.
func derivedFields(d execution.Derived, update bool) bson.M {
	set, unset := bson.M{"status": d.Status}, bson.M{}
	put := func(name string, value any, there bool) {
		switch {
		case there:
			set[name] = value
		case update:
			unset[name] = ""
		default:
			set[name] = nil // or missing
		}
	}
	put("queue", d.Queue, d.Queue != nil)
	put("waiting", d.Waiting, d.Waiting != nil)
	put("scheduled_at", d.ScheduledAt, d.ScheduledAt != nil)
	put("started_at", d.StartedAt, d.StartedAt != nil)
	put("finished_at", d.FinishedAt, d.FinishedAt != nil)
	if update {
		put("outcome", d.Outcome, d.Outcome != nil)
		put("usage", d.Usage, d.Usage != nil)
		change := bson.M{"$set": set}
		if len(unset) > 0 {
			change["$unset"] = unset
		}
		return change
	}
	set["_id"] = d.ID
	return set
}
