package store

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// Move sets the status of id to next, which is not terminal, if that is a step
// forward. When that was is noted in any case, because events can overtake each
// other; what comes again changes nothing.
func (s *Store) Move(ctx context.Context, id execution.ID, next execution.Status, at time.Time) error {
	field := map[execution.Status]string{execution.Scheduled: "scheduled_at", execution.Running: "started_at"}[next]
	if field == "" {
		return execution.Errorf(execution.Internal, "nothing moves to %s", next)
	}
	done, err := s.executions.UpdateOne(ctx,
		bson.M{"_id": id, "status": bson.M{"$in": before(next)}},
		bson.M{"$set": bson.M{"status": next, field: at}, "$unset": gone(next)})
	if err != nil || done.MatchedCount > 0 {
		return kinded(err)
	}
	_, err = s.executions.UpdateOne(ctx, bson.M{"_id": id, field: missing}, bson.M{"$set": bson.M{field: at}})
	return kinded(err)
}

// SetQueue says where id waits, or with nil that it does not, as long as it is
// queued.
func (s *Store) SetQueue(ctx context.Context, id execution.ID, q *execution.Queue) error {
	change := bson.M{"$set": bson.M{"queue": q}}
	if q == nil {
		change = bson.M{"$unset": bson.M{"queue": ""}}
	}
	_, err := s.executions.UpdateOne(ctx, bson.M{"_id": id, "status": execution.Queued}, change)
	return kinded(err)
}

// gone is what is no longer true of an execution that has come to next.
func gone(next execution.Status) bson.M {
	if next == execution.Scheduled {
		return bson.M{"queue": ""}
	}
	return bson.M{"queue": "", "waiting": ""}
}

// setWaiting says why the pod of id does not start, as long as the script has
// not.
func (s *Store) setWaiting(ctx context.Context, id execution.ID, p *execution.Pod) error {
	_, err := s.executions.UpdateOne(ctx,
		bson.M{"_id": id, "status": bson.M{"$in": before(execution.Running)}},
		bson.M{"$set": bson.M{"waiting": p}})
	return kinded(err)
}

// SetPriority gives id another priority. It is a Conflict unless it is queued.
func (s *Store) SetPriority(ctx context.Context, id execution.ID, p execution.Priority) error {
	done, err := s.executions.UpdateOne(ctx, bson.M{"_id": id, "status": execution.Queued}, bson.M{"$set": bson.M{"priority": p}})
	if err != nil || done.MatchedCount > 0 {
		return kinded(err)
	}
	x, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return execution.Errorf(execution.Conflict, "the execution waits no more: %s", x.Status)
}
