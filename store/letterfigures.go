package store

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// LetterFigures counts letters.
func (s *Store) LetterFigures(ctx context.Context) (f execution.LetterFigures, err error) {
	f = execution.LetterFigures{
		ByStatus: map[execution.LetterStatus]int64{}, ByTopic: map[string]int64{}, ByType: map[string]int64{}, ByGroup: map[string]int64{}, ByClass: map[string]int64{},
	}
	found, err := s.letters.Aggregate(ctx, bson.A{
		bson.M{"$group": bson.M{
			"_id":    bson.M{"status": "$status", "topic": "$origin.topic", "type": "$event_type", "group": "$origin.group", "class": "$class", "redriven": bson.M{"$gt": bson.A{"$round", 0}}},
			"n":      bson.M{"$sum": 1},
			"oldest": bson.M{"$min": "$captured_at"},
		}},
	})
	if err != nil {
		return f, kinded(err)
	}
	defer found.Close(ctx)
	for found.Next(ctx) {
		var g struct {
			ID struct {
				Status                    execution.LetterStatus
				Topic, Type, Group, Class string
				Redriven                  bool
			} `bson:"_id"`
			N      int64
			Oldest time.Time
		}
		if err := found.Decode(&g); err != nil {
			return f, fmt.Errorf("figures of letters: %w", err)
		}
		f.ByStatus[g.ID.Status] += g.N
		if g.ID.Redriven && g.ID.Status != execution.LetterScheduled {
			f.Redriven += g.N
			if g.ID.Status == execution.LetterRetried {
				f.Retried += g.N
			}
		}
		if !g.ID.Status.Waits() {
			continue
		}
		f.Waiting += g.N
		f.ByTopic[g.ID.Topic] += g.N
		f.ByGroup[g.ID.Group] += g.N
		f.ByClass[g.ID.Class] += g.N
		if g.ID.Type != "" {
			f.ByType[g.ID.Type] += g.N
		}
		if f.Oldest.IsZero() || g.Oldest.Before(f.Oldest) {
			f.Oldest = g.Oldest.UTC()
		}
	}
	return f, kinded(found.Err())
}
