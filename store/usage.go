package store

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// Usage adds up what the executions took that f selects, in the order of the
// groups' keys. It counts as Execution.GiBSeconds and Execution.QueueSeconds do.
func (s *Store) Usage(ctx context.Context, f execution.UsageFilter) (rows []execution.UsageRow, err error) {
	match := bson.M{"finished_at": bson.M{"$gte": f.From, "$lt": f.To}}
	if f.UserID != "" {
		match["user_id"] = f.UserID
	}
	cursor, err := s.executions.Aggregate(ctx, bson.A{
		bson.M{"$match": match},
		bson.M{"$group": usageOf(f.GroupBy)},
		bson.M{"$sort": bson.D{{Key: "_id.key", Value: 1}, {Key: "_id.status", Value: 1}}},
	})
	if err != nil {
		return nil, kinded(err)
	}
	var found []struct {
		ID struct {
			Key    string           `bson:"key"`
			Status execution.Status `bson:"status"`
		} `bson:"_id"`
		execution.UsageRow `bson:",inline"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, kinded(err)
	}
	for _, g := range found {
		if n := len(rows); n == 0 || rows[n-1].Key != g.ID.Key {
			rows = append(rows, execution.UsageRow{Key: g.ID.Key})
		}
		g.ByStatus = map[execution.Status]int64{g.ID.Status: g.Runs}
		rows[len(rows)-1].Add(g.UsageRow)
	}
	return rows, nil
}

// usageOf is the stage that adds up by group and status.
func usageOf(group string) bson.M {
	key := map[string]any{
		"day":      bson.M{"$dateToString": bson.M{"format": "%Y-%m-%d", "date": "$finished_at"}},
		"language": "$language",
		"user":     "$user_id",
	}[group]
	or0 := func(field string) bson.M { return bson.M{"$ifNull": bson.A{"$" + field, 0}} }
	wall := bson.M{"$add": bson.A{or0("usage.wall_time_seconds"), or0("usage.compile_wall_time_seconds")}}
	ready := bson.M{"$max": bson.A{"$created_at", bson.M{"$ifNull": bson.A{"$not_before", "$created_at"}}}}
	waited := bson.M{"$divide": bson.A{bson.M{"$subtract": bson.A{bson.M{"$ifNull": bson.A{"$scheduled_at", ready}}, ready}}, 1000}}
	return bson.M{
		"_id":           bson.M{"key": key, "status": "$status"},
		"runs":          bson.M{"$sum": 1},
		"cpu_seconds":   bson.M{"$sum": bson.M{"$add": bson.A{or0("usage.cpu_time_seconds"), or0("usage.compile_cpu_time_seconds")}}},
		"wall_seconds":  bson.M{"$sum": wall},
		"gib_seconds":   bson.M{"$sum": bson.M{"$multiply": bson.A{bson.M{"$divide": bson.A{or0("limits.memory_bytes"), 1 << 30}}, wall}}},
		"queue_seconds": bson.M{"$sum": bson.M{"$max": bson.A{0, waited}}},
	}
}
