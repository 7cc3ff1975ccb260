package store

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// EventStats counts the events of so many hours by the clock, the one that now
// is in included. What an hour had is counted once and kept. That is right as
// long as the hour has as many events as were counted, and this is what is asked
// each time: an index answers it, and nothing has to be told when a late event
// comes, one is deleted, or the store is rebuilt.
func (s *Store) EventStats(ctx context.Context, now time.Time, hours int) (execution.EventStats, error) {
	to := now.UTC().Truncate(time.Hour).Add(time.Hour)
	from := to.Add(-time.Duration(hours) * time.Hour)
	counts, err := s.hourCounts(ctx, from, to)
	if err != nil {
		return execution.EventStats{}, err
	}
	known, err := s.knownHours(ctx, from, to)
	if err != nil {
		return execution.EventStats{}, err
	}
	all := make([]execution.HourStats, 0, hours)
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		h := known[at.Unix()]
		if h.Hour = at; h.Total != counts[at.Unix()] {
			if h, err = s.countHour(ctx, at); err != nil {
				return execution.EventStats{}, err
			}
		}
		all = append(all, h)
	}
	stats := execution.SumHours(all)
	stats.From, stats.To = from, to
	stats.Durations, err = s.durations(ctx, from, to)
	return stats, err
}

// hourCounts tells how many events each hour has, by its beginning; those
// without are left out.
func (s *Store) hourCounts(ctx context.Context, from, to time.Time) (map[int64]int64, error) {
	cursor, err := s.events.Aggregate(ctx, bson.A{
		bson.M{"$match": bson.M{"recorded_at": bson.M{"$gte": from, "$lt": to}}},
		bson.M{"$group": bson.M{"_id": bson.M{"$dateToString": bson.M{"format": "%Y-%m-%dT%H:00:00Z", "date": "$recorded_at"}}, "n": bson.M{"$sum": 1}}},
	})
	if err != nil {
		return nil, kinded(err)
	}
	var found []struct {
		ID string `bson:"_id"`
		N  int64  `bson:"n"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, kinded(err)
	}
	counts := make(map[int64]int64, len(found))
	for _, f := range found {
		at, err := time.Parse(time.RFC3339, f.ID)
		if err != nil {
			return nil, err
		}
		counts[at.Unix()] = f.N
	}
	return counts, nil
}

func (s *Store) knownHours(ctx context.Context, from, to time.Time) (map[int64]execution.HourStats, error) {
	cursor, err := s.hours.Find(ctx, bson.M{"hour": bson.M{"$gte": from, "$lt": to}})
	if err != nil {
		return nil, kinded(err)
	}
	var found []execution.HourStats
	if err := cursor.All(ctx, &found); err != nil {
		return nil, kinded(err)
	}
	known := make(map[int64]execution.HourStats, len(found))
	for _, h := range found {
		known[h.Hour.Unix()] = h
	}
	return known, nil
}

// countHour counts the events of the hour that begins at a time, and keeps the
// result.
func (s *Store) countHour(ctx context.Context, at time.Time) (execution.HourStats, error) {
	h := execution.HourStats{Hour: at}
	cursor, err := s.events.Aggregate(ctx, bson.A{
		bson.M{"$match": bson.M{"recorded_at": bson.M{"$gte": at, "$lt": at.Add(time.Hour)}}},
		bson.M{"$group": bson.M{"_id": bson.M{"type": "$type", "service": "$source", "user": "$user_id"}, "n": bson.M{"$sum": 1}}},
	})
	if err != nil {
		return h, kinded(err)
	}
	var found []struct {
		ID struct {
			Type    execution.EventType `bson:"type"`
			Service string              `bson:"service"`
			User    string              `bson:"user"`
		} `bson:"_id"`
		N int64 `bson:"n"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return h, kinded(err)
	}
	for _, f := range found {
		h.Add(f.ID.Type, f.ID.Service, f.ID.User, f.N)
	}
	_, err = s.hours.ReplaceOne(ctx, bson.M{"_id": at.Unix()}, h, options.Replace().SetUpsert(true))
	return h, kinded(err)
}

// durations are those of the newest executions that ended between two times.
func (s *Store) durations(ctx context.Context, from, to time.Time) (d execution.Durations, err error) {
	found, err := s.executions.Find(ctx, bson.M{"finished_at": bson.M{"$gte": from, "$lt": to}}, options.Find().
		SetSort(bson.D{{Key: "finished_at", Value: -1}}).SetLimit(execution.DurationSample).SetBatchSize(5000).
		SetProjection(bson.M{"created_at": 1, "not_before": 1, "scheduled_at": 1, "started_at": 1, "finished_at": 1, "usage": 1}))
	if err != nil {
		return d, kinded(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	var queue, start, run []float64
	for found.Next(ctx) {
		var x execution.Execution
		if err := found.Decode(&x); err != nil {
			return d, err
		}
		d.Executions++
		if n, ok := x.QueueSeconds(); ok {
			queue = append(queue, n)
		}
		if x.ScheduledAt != nil && x.StartedAt != nil {
			start = append(start, max(0, x.StartedAt.Sub(*x.ScheduledAt).Seconds()))
		}
		if x.Usage != nil {
			run = append(run, x.Usage.WallSeconds+x.Usage.CompileWall)
		}
	}
	d.Queue, d.Start, d.Run = execution.SpreadOf(queue), execution.SpreadOf(start), execution.SpreadOf(run)
	return d, kinded(found.Err())
}

// CountTypes counts the events that q chooses by their types.
func (s *Store) CountTypes(ctx context.Context, q execution.EventQuery) (execution.EventCounts, error) {
	counts := execution.EventCounts{ByType: map[execution.EventType]int64{}}
	cursor, err := s.events.Aggregate(ctx, bson.A{bson.M{"$match": eventQuery(q)}, bson.M{"$group": bson.M{"_id": "$type", "n": bson.M{"$sum": 1}}}})
	if err != nil {
		return counts, kinded(err)
	}
	var found []struct {
		Type execution.EventType `bson:"_id"`
		N    int64               `bson:"n"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return counts, kinded(err)
	}
	for _, f := range found {
		counts.ByType[f.Type] = f.N
		counts.Total += f.N
	}
	return counts, nil
}
