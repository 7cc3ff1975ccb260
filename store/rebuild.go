package store

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// Projections tells how all of them stand.
func (s *Store) Projections(ctx context.Context) ([]execution.Projection, error) {
	var all []execution.Projection
	for _, kind := range execution.ProjectionKinds {
		p := execution.Projection{ProjectionKind: kind}
		var err error
		if p.Documents, err = s.db.Collection(kind.Name).EstimatedDocumentCount(ctx); err != nil {
			return nil, kinded(err)
		}
		var last execution.Rebuild
		err = s.rebuilds.FindOne(ctx, bson.M{"projection": kind.Name}, options.FindOne().SetSort(bson.D{{Key: "started_at", Value: -1}})).Decode(&last)
		switch {
		case err == nil:
			p.Rebuild = &last
		case !errors.Is(err, mongo.ErrNoDocuments):
			return nil, kinded(err)
		}
		all = append(all, p)
	}
	return all, nil
}

// Rebuild returns one, or NotFound.
func (s *Store) Rebuild(ctx context.Context, id string) (r execution.Rebuild, err error) {
	err = s.rebuilds.FindOne(ctx, bson.M{"_id": id}).Decode(&r)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return r, execution.Errorf(execution.NotFound, "no rebuild %s", id)
	}
	return r, kinded(err)
}

// BeginRebuild notes that r begins, unless that was noted, and makes its shadow
// with all indexes. There is one rebuild of a projection at a time, which who
// starts them sees to: what looks as if it ran was ended from outside, and its
// shadow goes.
func (s *Store) BeginRebuild(ctx context.Context, r execution.Rebuild) error {
	cursor, err := s.rebuilds.Find(ctx, bson.M{"projection": r.Projection, "status": execution.RebuildRunning, "_id": bson.M{"$ne": r.ID}})
	if err != nil {
		return kinded(err)
	}
	var left []execution.Rebuild
	if err := cursor.All(ctx, &left); err != nil {
		return kinded(err)
	}
	for _, old := range left {
		if err := s.EndRebuild(ctx, old.ID, execution.RebuildFailed, "it was ended from outside"); err != nil {
			return err
		}
	}
	if _, err := s.rebuilds.InsertOne(ctx, r); err != nil && !mongo.IsDuplicateKeyError(err) {
		return kinded(err)
	}
	if r.Projection != execution.EventsProjection {
		return nil // it is only ever asked for by _id
	}
	for _, i := range s.eventIndexes(s.db.Collection(r.Shadow), "occurred_at") {
		if err := i.create(ctx); err != nil {
			return err
		}
	}
	return nil
}

// SaveRebuild keeps how r stands. One that has ended stays as it ended.
func (s *Store) SaveRebuild(ctx context.Context, r execution.Rebuild) error {
	r.UpdatedAt = moment()
	_, err := s.rebuilds.ReplaceOne(ctx, bson.M{"_id": r.ID, "status": execution.RebuildRunning}, r)
	return kinded(err)
}

// EndRebuild notes how a rebuild ended, and drops its shadow. Done again, it
// changes nothing.
func (s *Store) EndRebuild(ctx context.Context, id, status, cause string) error {
	r, err := s.Rebuild(ctx, id)
	if err != nil {
		return err
	}
	if err := s.db.Collection(r.Shadow).Drop(ctx); err != nil {
		return kinded(err)
	}
	now := moment()
	set := bson.M{"status": status, "finished_at": now, "updated_at": now}
	if cause != "" {
		set["error"] = cause
	}
	if status == execution.RebuildCompleted {
		set["phase"] = execution.PhaseDone
	}
	_, err = s.rebuilds.UpdateOne(ctx, bson.M{"_id": id, "status": execution.RebuildRunning}, bson.M{"$set": set})
	return kinded(err)
}

// Fill projects events, in the order of the offsets of each execution, into the
// shadow of r; once it has been swapped, into what it has become. What was
// filled in before changes nothing.
func (s *Store) Fill(ctx context.Context, r execution.Rebuild, events []execution.Recorded) error {
	switch {
	case len(events) == 0:
		return nil
	case r.Projection == execution.ExecutionsProjection:
		return s.fillRows(ctx, s.db.Collection(r.Shadow), events)
	case r.Checkpoint.Swapped:
		return s.fillEvents(ctx, s.events, events)
	default:
		return s.fillEvents(ctx, s.db.Collection(r.Shadow), events)
	}
}

// fillEvents keeps events in c, and for those that are in the archive a grave.
// An event that is older than events get is left out.
func (s *Store) fillEvents(ctx context.Context, c *mongo.Collection, events []execution.Recorded) error {
	ids, oldest := make([]string, len(events)), time.Now().Add(-s.eventLife())
	for i, e := range events {
		ids[i] = e.ID
	}
	deleted, err := present(ctx, s.archive, ids)
	if err != nil {
		return err
	}
	var docs []any
	for _, e := range events {
		switch {
		case e.At.Before(oldest):
		case deleted[e.ID]:
			docs = append(docs, grave{e.ID, e.At})
		default:
			docs = append(docs, keep(e))
		}
	}
	_, err = insert(ctx, c, docs)
	return err
}

// present tells which documents c has.
func present(ctx context.Context, c *mongo.Collection, ids []string) (map[string]bool, error) {
	cursor, err := c.Find(ctx, bson.M{"_id": bson.M{"$in": ids}}, options.Find().SetProjection(bson.M{"_id": 1}))
	if err != nil {
		return nil, kinded(err)
	}
	var found []struct {
		ID string `bson:"_id"`
	}
	err = cursor.All(ctx, &found)
	have := make(map[string]bool, len(found))
	for _, f := range found {
		have[f.ID] = true
	}
	return have, kinded(err)
}

// byID are those documents of c.
func byID[T any](ctx context.Context, c *mongo.Collection, ids []string, id func(T) string) (map[string]T, error) {
	cursor, err := c.Find(ctx, bson.M{"_id": bson.M{"$in": ids}})
	if err != nil {
		return nil, kinded(err)
	}
	var found []T
	err = cursor.All(ctx, &found)
	have := make(map[string]T, len(found))
	for _, f := range found {
		have[id(f)] = f
	}
	return have, kinded(err)
}

// fillRows applies events to what c has of their executions.
func (s *Store) fillRows(ctx context.Context, c *mongo.Collection, events []execution.Recorded) error {
	var ids []string
	seen := map[execution.ID]bool{}
	for _, e := range events {
		if !seen[e.ExecutionID] {
			seen[e.ExecutionID] = true
			ids = append(ids, string(e.ExecutionID))
		}
	}
	rows, err := byID(ctx, c, ids, func(d execution.Derived) string { return string(d.ID) })
	if err != nil {
		return err
	}
	for _, e := range events {
		d := rows[string(e.ExecutionID)]
		d.Apply(e)
		rows[string(e.ExecutionID)] = d
	}
	var writes []mongo.WriteModel
	for _, id := range ids {
		writes = append(writes, mongo.NewReplaceOneModel().SetFilter(bson.M{"_id": id}).SetReplacement(rows[id]).SetUpsert(true))
	}
	_, err = c.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	return kinded(err)
}

// EachEvent hands the events that were published since a time to do, the oldest
// first and in parts of at most 1000.
func (s *Store) EachEvent(ctx context.Context, since time.Time, do func([]execution.Recorded) error) error {
	query := bson.M{"recorded_at": bson.M{"$gte": since}}
	return batches(ctx, s.events, query, oldestEvents, 1000, do)
}

// batches hands the documents of c that query finds to do, so many at a time and
// in an order, which may be nil.
func batches[T any](ctx context.Context, c *mongo.Collection, query bson.M, order bson.D, size int, do func([]T) error) error {
	if _, limited := ctx.Deadline(); !limited { // the client would give all of it the time of one operation
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 24*time.Hour)
		defer cancel()
	}
	o := options.Find().SetBatchSize(int32(size))
	if order != nil {
		o.SetSort(order)
	}
	found, err := c.Find(ctx, query, o)
	if err != nil {
		return kinded(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	var some []T
	for found.Next(ctx) {
		var one T
		if err := found.Decode(&one); err != nil {
			return err
		}
		if some = append(some, one); len(some) == size {
			if err := do(some); err != nil {
				return err
			}
			some = nil
		}
	}
	if err := found.Err(); err != nil {
		return kinded(err)
	}
	if len(some) == 0 {
		return nil
	}
	return do(some)
}
