package store

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// light leaves out what may be large.
var light = bson.M{"input": 0, "expected.stdout": 0, "told": 0}

// List returns one page of executions, the newest first, without what was
// submitted, and the cursor of the next page; it is empty after the last. New
// executions move nothing: they come before the first page. A cursor that List
// did not make is Invalid. A label without a value stands for any with its name;
// the limit is 1 to 200, and 50 if it is 0.
func (s *Store) List(ctx context.Context, f execution.Filter) (page []execution.Execution, next string, err error) {
	query, err := queryOf(f)
	if err != nil {
		return nil, "", err
	}
	limit := min(max(f.Limit, 0), 200)
	if limit == 0 {
		limit = 50
	}
	found, err := s.executions.Find(ctx, query, options.Find().SetSort(newestFirst).SetProjection(light).SetLimit(int64(limit)+1))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, limit, func(x execution.Execution) string { return cursorAfter(x.CreatedAt, string(x.ID)) })
}

// newestFirst is the order of what has its creation in it.
var newestFirst = bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}

// pageOf returns the first limit documents of found and, if there is one more,
// the cursor of the next page: that behind the last, as after says.
func pageOf[T any](ctx context.Context, found *mongo.Cursor, limit int, after func(last T) string) (page []T, next string, err error) {
	if err := found.All(ctx, &page); err != nil {
		return nil, "", kinded(err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = after(page[limit-1])
	}
	return page, next, nil
}

func queryOf(f execution.Filter) (bson.M, error) {
	query, created := bson.M{}, bson.M{}
	for field, value := range map[string]string{
		"user_id": f.UserID, "status": string(f.Status), "language": f.Language, "pool": f.Pool, "priority": string(f.Priority),
		"parent_id": string(f.ParentID), "batch_id": f.BatchID, "schedule_id": f.ScheduleID,
	} {
		if value != "" {
			query[field] = value
		}
	}
	if f.Label.Value != "" {
		query["labels"] = bson.M{"$elemMatch": bson.M{"name": f.Label.Name, "value": f.Label.Value}}
	} else if f.Label.Name != "" {
		query["labels.name"] = f.Label.Name
	}
	if !f.CreatedFrom.IsZero() {
		created["$gte"] = f.CreatedFrom
	}
	if !f.CreatedTo.IsZero() {
		created["$lt"] = f.CreatedTo
	}
	if f.Cursor != "" {
		at, id, ok := parseCursor(f.Cursor)
		if !ok {
			return nil, execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		created["$lte"] = at
		query["$or"] = bson.A{bson.M{"created_at": bson.M{"$lt": at}}, bson.M{"created_at": at, "_id": bson.M{"$lt": id}}}
	}
	if len(created) > 0 {
		query["created_at"] = created
	}
	return query, nil
}

// Retries returns the executions that are retries of id, the oldest first; of
// very many, the first hundred.
func (s *Store) Retries(ctx context.Context, id execution.ID) (ids []execution.ID, err error) {
	found, err := s.executions.Find(ctx, bson.M{"parent_id": id},
		options.Find().SetSort(bson.D{{Key: "created_at", Value: 1}, {Key: "_id", Value: 1}}).SetProjection(bson.M{"_id": 1}).SetLimit(100))
	if err != nil {
		return nil, kinded(err)
	}
	var rows []struct {
		ID execution.ID `bson:"_id"`
	}
	if err := found.All(ctx, &rows); err != nil {
		return nil, kinded(err)
	}
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids, nil
}

// cursorAfter is the place behind what was created at a time: that and, because
// several may have the same, its ID.
func cursorAfter(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMilli(), 10) + " " + id))
}

func parseCursor(s string) (at time.Time, id execution.ID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	millis, rest, found := strings.Cut(string(b), " ")
	n, wrong := strconv.ParseInt(millis, 10, 64)
	return time.UnixMilli(n).UTC(), execution.ID(rest), err == nil && found && wrong == nil && rest != ""
}

// Unfinished returns a page of the executions that were created before olderThan
// and have not ended, the oldest first, without what was submitted, and the
// cursor of the next page; it is empty after the last. A sweep asks whether
// their sagas run.
func (s *Store) Unfinished(ctx context.Context, olderThan time.Time, cursor string, limit int) (page []execution.Execution, next string, err error) {
	query := bson.M{"status": bson.M{"$in": open}, "created_at": bson.M{"$lt": olderThan}}
	if cursor != "" {
		at, id, ok := parseCursor(cursor)
		if !ok {
			return nil, "", execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		query["created_at"] = bson.M{"$lt": olderThan, "$gte": at}
		query["$or"] = bson.A{bson.M{"created_at": bson.M{"$gt": at}}, bson.M{"created_at": at, "_id": bson.M{"$gt": id}}}
	}
	found, err := s.executions.Find(ctx, query, options.Find().
		SetSort(bson.D{{Key: "created_at", Value: 1}, {Key: "_id", Value: 1}}).SetProjection(light).SetLimit(int64(limit)))
	if err != nil {
		return nil, "", kinded(err)
	}
	if err := found.All(ctx, &page); err != nil {
		return nil, "", kinded(err)
	}
	if len(page) == limit {
		next = cursorAfter(page[limit-1].CreatedAt, string(page[limit-1].ID))
	}
	return page, next, nil
}
