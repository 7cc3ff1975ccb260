package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// The order of all events: partition and offset tell apart those that were
// published in one millisecond.
var (
	oldestEvents = bson.D{{Key: "recorded_at", Value: 1}, {Key: "offset", Value: 1}, {Key: "partition", Value: 1}}
	newestEvents = bson.D{{Key: "recorded_at", Value: -1}, {Key: "offset", Value: -1}, {Key: "partition", Value: -1}}
)

// Browse returns a page of the events that q chooses, in the order in which they
// were published or the other way round, and the cursor of the next page; it is
// empty after the last. A page has 1 to 1000 events. A cursor that Browse did
// not make is Invalid.
func (s *Store) Browse(ctx context.Context, q execution.EventQuery, p execution.EventPage) (page []execution.Recorded, next string, err error) {
	return browse(ctx, s.events, q, p, func(e execution.Recorded) execution.Recorded { return e })
}

// browse is Browse in a collection of what has an event in it, as of says.
func browse[T any](ctx context.Context, c *mongo.Collection, q execution.EventQuery, p execution.EventPage, of func(T) execution.Recorded) (page []T, next string, err error) {
	query := eventQuery(q)
	order, beyond := newestEvents, "$lt"
	if p.OldestFirst {
		order, beyond = oldestEvents, "$gt"
	}
	if p.Cursor != "" {
		at, ok := parseEventCursor(p.Cursor)
		if !ok {
			return nil, "", execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		query["$and"] = append(all(query), bson.M{"recorded_at": bson.M{beyond + "e": at.RecordedAt}}, bson.M{"$or": bson.A{
			bson.M{"recorded_at": bson.M{beyond: at.RecordedAt}},
			bson.M{"recorded_at": at.RecordedAt, "offset": bson.M{beyond: at.Offset}},
			bson.M{"recorded_at": at.RecordedAt, "offset": at.Offset, "partition": bson.M{beyond: at.Partition}},
		}})
	}
	limit := min(max(p.Limit, 1), 1000)
	found, err := c.Find(ctx, query, options.Find().SetSort(order).SetLimit(int64(limit)+1))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, limit, func(last T) string { return eventCursor(of(last)) })
}

// CountEvents returns how many events q chooses.
func (s *Store) CountEvents(ctx context.Context, q execution.EventQuery) (int64, error) {
	n, err := s.events.CountDocuments(ctx, eventQuery(q))
	return n, kinded(err)
}

func eventQuery(q execution.EventQuery) bson.M {
	query := bson.M{}
	for field, value := range map[string]string{"execution_id": string(q.ExecutionID), "user_id": q.UserID, "source": q.Service, "correlation_id": q.Correlation} {
		if value != "" {
			query[field] = value
		}
	}
	if len(q.EventIDs) > 0 {
		query["_id"] = bson.M{"$in": q.EventIDs}
	}
	types := bson.M{}
	if len(q.Types) > 0 {
		types["$in"] = q.Types
	}
	if len(q.ExcludeTypes) > 0 {
		types["$nin"] = q.ExcludeTypes
	}
	if len(types) > 0 {
		query["type"] = types
	}
	var words bson.A
	for _, word := range execution.Words(q.Text) { // the beginning of a word finds it, and so does an index
		words = append(words, bson.M{"words": bson.Regex{Pattern: "^" + regexp.QuoteMeta(word)}})
	}
	if len(words) > 0 {
		query["$and"] = words
	}
	when := bson.M{}
	if !q.To.IsZero() {
		when["$lt"] = q.To
	}
	if !q.From.IsZero() || !living(query) {
		when["$gte"] = q.From // a grave has no such time: see Archive
	}
	if len(when) > 0 {
		query["recorded_at"] = when
	}
	return query
}

// living reports whether query asks for what no grave has. To ask for the time
// as well would tempt a server to look through all of them.
func living(query bson.M) bool {
	for _, field := range []string{"execution_id", "user_id", "source", "correlation_id", "$and"} {
		if query[field] != nil {
			return true
		}
	}
	types, _ := query["type"].(bson.M)
	return types["$in"] != nil
}

// all are the conditions of query that must be true together.
func all(query bson.M) bson.A {
	conditions, _ := query["$and"].(bson.A)
	return slices.Clone(conditions)
}

// eventCursor is the place of e among all events.
func eventCursor(e execution.Recorded) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d", e.RecordedAt.UnixMilli(), e.Offset, e.Partition))
}

func parseEventCursor(s string) (at execution.Recorded, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return at, false
	}
	var millis int64
	n, err := fmt.Sscanf(string(b), "%d %d %d", &millis, &at.Offset, &at.Partition)
	at.RecordedAt = time.UnixMilli(millis).UTC()
	return at, n == 3 && err == nil && eventCursor(at) == s
}
