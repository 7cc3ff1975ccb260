package store

import (
	"context"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/codesaga/codesaga/execution"
)

const (
	comparePage = 500
	// mostSuspects is how many differences are looked at again. More than that
	// are not what events on their way make.
	mostSuspects = 1000
)

// comparing is one that is under way.
type comparing struct {
	execution.Comparison
	suspects []execution.Difference
	beat     func(compared int64)
}

func (c *comparing) suspect(id, why string) {
	if c.Differences++; len(c.suspects) < mostSuspects {
		c.suspects = append(c.suspects, execution.Difference{ID: id, Why: why})
	}
}

// Compare compares the shadow of r with the live one, as far as both go. beat
// is told how far it is. What differs may be on its way to one of them: the
// suspects are for Recheck. There are at most 1000 of them.
func (s *Store) Compare(ctx context.Context, r execution.Rebuild, beat func(int64)) (execution.Comparison, []execution.Difference, error) {
	c, shadow := &comparing{beat: beat}, s.db.Collection(r.Shadow)
	var err error
	if r.Projection == execution.ExecutionsProjection {
		err = batches(ctx, shadow, bson.M{}, nil, comparePage, func(some []execution.Derived) error { return s.compareRows(ctx, c, some) })
		return c.Comparison, c.suspects, err
	}
	oldest, err := s.oldest(ctx, shadow)
	if err == nil {
		err = batches(ctx, s.events, bson.M{}, nil, comparePage, func(live []execution.Recorded) error { return compareEvents(ctx, c, shadow, live, oldest) })
	}
	if err == nil {
		err = batches(ctx, shadow, bson.M{}, nil, comparePage, func(made []execution.Recorded) error { return s.missingLive(ctx, c, made) })
	}
	return c.Comparison, c.suspects, err
}

// oldest is the first event of a collection by its time of publication; the
// zero one if there is none.
func (s *Store) oldest(ctx context.Context, c *mongo.Collection) (first execution.Recorded, err error) {
	page, _, err := browse(ctx, c, execution.EventQuery{}, execution.EventPage{Limit: 1, OldestFirst: true}, func(e execution.Recorded) execution.Recorded { return e })
	if len(page) > 0 {
		first = page[0]
	}
	return first, err
}

// compareRows compares executions. One whose first event is gone, or which has
// no row, cannot be compared.
func (s *Store) compareRows(ctx context.Context, c *comparing, some []execution.Derived) error {
	live, err := s.rows(ctx, some)
	if err != nil {
		return err
	}
	for _, d := range some {
		row, there := live[string(d.ID)]
		if !there || !d.Whole {
			c.Skipped++
			continue
		}
		c.Compared++
		if why := d.Differs(row); why != "" {
			c.suspect(string(d.ID), why)
		}
	}
	c.beat(c.Compared)
	return nil
}

// rows are those of executions, what follows from events of them.
func (s *Store) rows(ctx context.Context, some []execution.Derived) (map[string]execution.Derived, error) {
	ids := make([]string, len(some))
	for i, d := range some {
		ids[i] = string(d.ID)
	}
	return byID(ctx, s.executions, ids, func(d execution.Derived) string { return string(d.ID) })
}

// compareEvents compares live events with those of the shadow, which has none
// that is older than its source goes back. Graves are skipped.
func compareEvents(ctx context.Context, c *comparing, shadow *mongo.Collection, live []execution.Recorded, oldest execution.Recorded) error {
	made, err := byID(ctx, shadow, idsOf(live), func(e execution.Recorded) string { return e.ID })
	if err != nil {
		return err
	}
	for _, e := range live {
		other, there := made[e.ID]
		switch {
		case e.RecordedAt.IsZero() || !there && (oldest.ID == "" || e.RecordedAt.Before(oldest.RecordedAt)):
			c.Skipped++
		case !there:
			c.suspect(e.ID, onlyLive)
		default:
			c.Compared++
			if why := differs(e, other); why != "" {
				c.suspect(e.ID, why)
			}
		}
	}
	c.beat(c.Compared)
	return nil
}

const (
	onlyLive   = "only the live one has it"
	onlyShadow = "the live one lacks it"
)

func differs(live, made execution.Recorded) string {
	switch {
	case reflect.DeepEqual(live, made):
		return ""
	case reflect.DeepEqual(live.Event, made.Event):
		return "its place in the log"
	default:
		return "what it says"
	}
}

func (s *Store) missingLive(ctx context.Context, c *comparing, made []execution.Recorded) error {
	have, err := present(ctx, s.events, idsOf(made))
	if err != nil {
		return err
	}
	for _, e := range made {
		if !have[e.ID] {
			c.suspect(e.ID, onlyShadow)
		}
	}
	c.beat(c.Compared)
	return nil
}

func idsOf(events []execution.Recorded) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

// Recheck returns those of suspects that are still different. Of executions
// whose events come from the store it derives them anew from all of their events
// there, since one may have come late.
func (s *Store) Recheck(ctx context.Context, r execution.Rebuild, suspects []execution.Difference) (left []execution.Difference, err error) {
	c := &comparing{beat: func(int64) {}}
	for len(suspects) > 0 {
		some := suspects[:min(len(suspects), comparePage)]
		suspects = suspects[len(some):]
		if r.Projection == execution.ExecutionsProjection {
			err = s.recheckRows(ctx, c, r, some)
		} else {
			err = s.recheckEvents(ctx, c, r, some)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.suspects, nil
}

func (s *Store) recheckRows(ctx context.Context, c *comparing, r execution.Rebuild, some []execution.Difference) error {
	shadow, ids := s.db.Collection(r.Shadow), suspected(some)
	if r.Source == execution.FromStore {
		if _, err := shadow.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": ids}}); err != nil {
			return kinded(err)
		}
		for _, id := range ids {
			events, err := s.tell(ctx, bson.M{"execution_id": id}, 0)
			if err != nil {
				return err
			}
			if err := s.Fill(ctx, r, events); err != nil {
				return err
			}
		}
	}
	made, err := byID(ctx, shadow, ids, func(d execution.Derived) string { return string(d.ID) })
	if err != nil {
		return err
	}
	var rows []execution.Derived
	for _, d := range made {
		rows = append(rows, d)
	}
	return s.compareRows(ctx, c, rows)
}

func (s *Store) recheckEvents(ctx context.Context, c *comparing, r execution.Rebuild, some []execution.Difference) error {
	id := func(e execution.Recorded) string { return e.ID }
	live, err := byID(ctx, s.events, suspected(some), id)
	if err != nil {
		return err
	}
	made, err := byID(ctx, s.db.Collection(r.Shadow), suspected(some), id)
	if err != nil {
		return err
	}
	for _, d := range some {
		a, here := live[d.ID]
		b, there := made[d.ID]
		switch {
		case here && there && (a.RecordedAt.IsZero() || differs(a, b) == ""):
		case here && there:
			c.suspect(d.ID, differs(a, b))
		case here:
			c.suspect(d.ID, onlyLive)
		case there:
			c.suspect(d.ID, onlyShadow)
		}
	}
	return nil
}

func suspected(some []execution.Difference) []string {
	ids := make([]string, len(some))
	for i, d := range some {
		ids[i] = d.ID
	}
	return ids
}
