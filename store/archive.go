package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// An event that is deleted leaves a grave: a document with its ID and the time
// at which it happened, and nothing by which a query finds it. So the projector,
// who may see the event again, finds the place taken, and pays nothing for that
// otherwise; and the grave goes when the event would have gone.

// grave is what is left of an event.
type grave struct {
	ID string    `bson:"_id"`
	At time.Time `bson:"occurred_at"`
}

// Event returns the event with an ID, or NotFound.
func (s *Store) Event(ctx context.Context, id string) (e execution.Recorded, err error) {
	err = s.events.FindOne(ctx, bson.M{"_id": id, "recorded_at": bson.M{"$gte": time.Time{}}}).Decode(&e)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return e, execution.Errorf(execution.NotFound, "no event %q", id)
	}
	return e, kinded(err)
}

// Around returns at most n events on each side of e in the timeline of its
// execution, both in the order in which they happened.
func (s *Store) Around(ctx context.Context, e execution.Recorded, n int) (before, after []execution.Recorded, err error) {
	query := func(beyond string) bson.M {
		return bson.M{"execution_id": e.ExecutionID, "offset": bson.M{beyond: e.Offset}}
	}
	found, err := s.events.Find(ctx, query("$lt"), options.Find().SetSort(bson.D{{Key: "offset", Value: -1}}).SetLimit(int64(n)))
	if err != nil {
		return nil, nil, kinded(err)
	}
	if err := found.All(ctx, &before); err != nil {
		return nil, nil, kinded(err)
	}
	slices.Reverse(before)
	after, err = s.tell(ctx, query("$gt"), n)
	return before, after, err
}

// Archive takes an event out of the store, with who wants that, when
// and why; done again, it changes nothing. It is NotFound if there is no such
// event, and a Conflict while the store is rebuilt. The event is in the archive
// before it is gone.
func (s *Store) Archive(ctx context.Context, id, by, reason string) (execution.Archived, error) {
	if err := s.settled(ctx); err != nil {
		return execution.Archived{}, err
	}
	e, err := s.Event(ctx, id)
	if execution.KindOf(err) == execution.NotFound {
		return s.archived(ctx, id) // as somebody did before
	}
	if err != nil {
		return execution.Archived{}, err
	}
	a := execution.Archived{Recorded: e, DeletedBy: by, DeletedAt: moment(), Reason: reason}
	_, err = s.archive.InsertOne(ctx, struct {
		execution.Archived `bson:",inline"`
		Words              []string `bson:"words,omitempty"`
	}{a, execution.Words(e.Text())})
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		return a, kinded(err)
	}
	if _, err := s.events.ReplaceOne(ctx, bson.M{"_id": id}, grave{id, e.At}); err != nil {
		return a, kinded(err)
	}
	return s.archived(ctx, id)
}

func (s *Store) archived(ctx context.Context, id string) (a execution.Archived, err error) {
	err = s.archive.FindOne(ctx, bson.M{"_id": id}).Decode(&a)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return a, execution.Errorf(execution.NotFound, "no event %q", id)
	}
	return a, kinded(err)
}

// BrowseArchive is Browse among the events that were deleted.
func (s *Store) BrowseArchive(ctx context.Context, q execution.EventQuery, p execution.EventPage) (page []execution.Archived, next string, err error) {
	return browse(ctx, s.archive, q, p, func(a execution.Archived) execution.Recorded { return a.Recorded })
}

// Restore puts an event back that was deleted. Done again it is NotFound, as it
// is if there never was one; while the store is rebuilt it is a Conflict.
func (s *Store) Restore(ctx context.Context, id string) (execution.Recorded, error) {
	if err := s.settled(ctx); err != nil {
		return execution.Recorded{}, err
	}
	a, err := s.archived(ctx, id)
	if err != nil {
		return execution.Recorded{}, err
	}
	_, err = s.events.ReplaceOne(ctx, bson.M{"_id": id}, keep(a.Recorded), options.Replace().SetUpsert(true))
	if err != nil {
		return a.Recorded, kinded(err)
	}
	_, err = s.archive.DeleteOne(ctx, bson.M{"_id": id})
	return a.Recorded, kinded(err)
}

// settled refuses what a rebuild of the events that is under way would undo.
func (s *Store) settled(ctx context.Context) error {
	n, err := s.rebuilds.CountDocuments(ctx, bson.M{"projection": execution.EventsProjection, "status": execution.RebuildRunning, "dry_run": false})
	if err == nil && n > 0 {
		return execution.Errorf(execution.Conflict, "the event store is being rebuilt: wait for that, or cancel it")
	}
	return kinded(err)
}
