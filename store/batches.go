package store

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// CreateBatch stores b and its executions, unless that was done before, and
// returns what is stored. Until the last of them is there it is no batch: done
// again after a failure, it is completed.
func (s *Store) CreateBatch(ctx context.Context, b execution.Batch, items []execution.Execution) (execution.Batch, error) {
	b.Stored = false
	for {
		_, err := s.batches.ReplaceOne(ctx, bson.M{"_id": b.ID, "stored": false}, b, options.Replace().SetUpsert(true))
		if err == nil {
			break
		}
		if !mongo.IsDuplicateKeyError(err) {
			return b, kinded(err)
		}
		if was, err := s.Batch(ctx, b.ID); execution.KindOf(err) != execution.NotFound {
			return was, err
		} // else another is about to store it, too
	}
	if _, err := insert(ctx, s.executions, items); err != nil {
		return b, err
	}
	b.Stored = true
	_, err := s.batches.UpdateOne(ctx, bson.M{"_id": b.ID}, bson.M{"$set": bson.M{"stored": true}})
	return b, kinded(err)
}

// RemoveBatch takes the creation of id back: its executions, as far as nothing
// has come of them, and then the batch.
func (s *Store) RemoveBatch(ctx context.Context, id string) error {
	_, err := s.executions.DeleteMany(ctx, bson.M{"batch_id": id, "status": execution.Queued, "scheduled_at": missing, "started_at": missing})
	if err == nil {
		_, err = s.batches.DeleteOne(ctx, bson.M{"_id": id})
	}
	return kinded(err)
}

// Batch returns the batch id, or NotFound, also if it was not stored to the end.
func (s *Store) Batch(ctx context.Context, id string) (b execution.Batch, err error) {
	err = s.batches.FindOne(ctx, bson.M{"_id": id, "stored": true}).Decode(&b)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return execution.Batch{}, execution.Errorf(execution.NotFound, "no batch %s", id)
	}
	return b, kinded(err)
}

// Batches returns one page of the batches of user, or of all if that is empty,
// the newest first, and the cursor of the next page; it is empty after the last.
func (s *Store) Batches(ctx context.Context, user, cursor string, limit int) (page []execution.Batch, next string, err error) {
	query, err := queryOf(execution.Filter{UserID: user, Cursor: cursor})
	if err != nil {
		return nil, "", err
	}
	query["stored"] = true
	found, err := s.batches.Find(ctx, query, options.Find().SetSort(newestFirst).SetLimit(int64(limit)+1))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, limit, func(b execution.Batch) string { return cursorAfter(b.CreatedAt, b.ID) })
}

// OpenBatches returns the batches of user that are not known to have ended.
func (s *Store) OpenBatches(ctx context.Context, user string) (open []execution.Batch, err error) {
	found, err := s.batches.Find(ctx, bson.M{"user_id": user, "stored": true, "end": missing})
	if err != nil {
		return nil, kinded(err)
	}
	err = found.All(ctx, &open)
	return open, kinded(err)
}

// SetBatchCancel notes who asks for the end of the batch id, and why. Who asks
// first is noted.
func (s *Store) SetBatchCancel(ctx context.Context, id, by, reason string) error {
	_, err := s.batches.UpdateOne(ctx, bson.M{"_id": id, "cancelled_by": missing},
		bson.M{"$set": bson.M{"cancelled_by": by, "cancel_reason": reason}})
	return kinded(err)
}

// SetBatchEnd notes how the batch id ended, once.
func (s *Store) SetBatchEnd(ctx context.Context, id string, end execution.BatchTally) error {
	_, err := s.batches.UpdateOne(ctx, bson.M{"_id": id, "end": missing}, bson.M{"$set": bson.M{"end": end}})
	return kinded(err)
}

// BatchItems returns the executions of a batch from an index on, in their order
// and not more than limit, without what was submitted. Retries are left out.
func (s *Store) BatchItems(ctx context.Context, id string, from, limit int) (items []execution.Execution, err error) {
	query := bson.M{"batch_id": id, "parent_id": missing}
	if from > 0 { // of the first the field is missing
		query["batch_index"] = bson.M{"$gte": from}
	}
	found, err := s.executions.Find(ctx, query,
		options.Find().SetSort(bson.D{{Key: "batch_index", Value: 1}}).SetProjection(light).SetLimit(int64(limit)))
	if err != nil {
		return nil, kinded(err)
	}
	err = found.All(ctx, &items)
	return items, kinded(err)
}

// BatchRows returns the executions of a batch in the order of its items, of each
// the last attempt, without what was submitted.
func (s *Store) BatchRows(ctx context.Context, id string) ([]execution.Execution, error) {
	var rows []execution.Execution
	err := s.attempts(ctx, id, light, &rows)
	return latest(rows, func(x execution.Execution) int32 { return x.BatchIndex }), err
}

// BatchStates returns how the items of a batch stand, in their order. The index
// has it all: it is asked for again and again.
func (s *Store) BatchStates(ctx context.Context, id string) ([]execution.BatchState, error) {
	var rows []struct {
		Index  int32            `bson:"batch_index"`
		Status execution.Status `bson:"status"`
		Judge  *execution.Judge `bson:"judge"`
	}
	err := s.attempts(ctx, id, bson.M{"_id": 0, "batch_index": 1, "status": 1, "judge.passed": 1}, &rows)
	states := make([]execution.BatchState, len(rows))
	for i, r := range rows {
		states[i] = execution.BatchState{Index: r.Index, Status: r.Status, Passed: execution.Execution{Status: r.Status, Judge: r.Judge}.Passed()}
	}
	return latest(states, func(b execution.BatchState) int32 { return b.Index }), err
}

// attempts reads what projection takes of the executions of a batch, in the
// order of their items and attempts, into rows.
func (s *Store) attempts(ctx context.Context, id string, projection bson.M, rows any) error {
	found, err := s.executions.Find(ctx, bson.M{"batch_id": id},
		options.Find().SetSort(bson.D{{Key: "batch_index", Value: 1}, {Key: "attempt", Value: 1}}).SetProjection(projection).SetBatchSize(1000))
	if err == nil {
		err = found.All(ctx, rows)
	}
	return kinded(err)
}

// latest is, of those with the same index, the last.
func latest[T any](rows []T, index func(T) int32) (last []T) {
	for _, r := range rows {
		if n := len(last); n > 0 && index(last[n-1]) == index(r) {
			last[n-1] = r
		} else {
			last = append(last, r)
		}
	}
	return last
}
