package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// CreateReplay stores r unless a session with its ID is there.
func (s *Store) CreateReplay(ctx context.Context, r execution.Replay) error {
	_, err := s.replays.InsertOne(ctx, r)
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return kinded(err)
}

// Replay returns the session id, or NotFound.
func (s *Store) Replay(ctx context.Context, id string) (r execution.Replay, err error) {
	err = s.replays.FindOne(ctx, bson.M{"_id": id}).Decode(&r)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return r, execution.Errorf(execution.NotFound, "no replay %s", id)
	}
	return r, kinded(err)
}

// Replays returns a page of the sessions with a status, or of all if that is
// empty, the newest first, and the cursor of the next page; it is empty after the
// last.
func (s *Store) Replays(ctx context.Context, status execution.ReplayStatus, cursor string, limit int) (page []execution.Replay, next string, err error) {
	query, err := queryOf(execution.Filter{Cursor: cursor})
	if err != nil {
		return nil, "", err
	}
	if status != "" {
		query["status"] = status
	}
	found, err := s.replays.Find(ctx, query, options.Find().SetSort(newestFirst).SetLimit(int64(limit)+1))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, limit, func(r execution.Replay) string { return cursorAfter(r.At, r.ID) })
}

// MoveReplay does what an operator asks of the session id, one of
// execution.ReplayMoves, and returns it as it was left. It is a Conflict if that
// cannot be asked of it now.
func (s *Store) MoveReplay(ctx context.Context, id, move string, now time.Time) (execution.Replay, error) {
	m := execution.ReplayMoves[move]
	for {
		r, err := s.Replay(ctx, id)
		if err != nil {
			return r, err
		}
		if !slices.Contains(m.From, r.Status) {
			return r, execution.Errorf(execution.Conflict, "cannot %s a replay that is %s", move, r.Status)
		}
		set, unset := bson.M{"status": m.To}, bson.M{"ended": "", "error": ""}
		switch {
		case move == "cancel":
			set["ended"], unset = now, bson.M{"error": ""}
		case move != "retry-failed":
		case r.Progress.Failed == 0:
			return r, execution.Errorf(execution.Conflict, "nothing failed in this replay")
		case r.Place.Round >= r.Attempts:
			return r, execution.Errorf(execution.Conflict, "what failed was tried %d times again, and may be %d times", r.Place.Round, r.Attempts)
		default:
			set["place.retrying"], set["place.round"] = true, r.Place.Round+1
		}
		done, err := s.replays.UpdateOne(ctx, bson.M{"_id": id, "status": r.Status, "place.round": r.Place.Round}, bson.M{"$set": set, "$unset": unset})
		if err != nil {
			return r, kinded(err)
		}
		if done.MatchedCount > 0 {
			return s.Replay(ctx, id)
		} // else it changed meanwhile
	}
}

// BeginReplay lets r, which is scheduled, run. It does nothing if something else
// was asked of it meanwhile.
func (s *Store) BeginReplay(ctx context.Context, r execution.Replay, now time.Time) error {
	set := bson.M{"status": execution.ReplayRunning, "place.since": now, "place.since_handled": r.Progress.Handled()}
	if r.Started == nil {
		set["started"] = now
	}
	_, err := s.replays.UpdateOne(ctx, bson.M{"_id": r.ID, "status": execution.ReplayScheduled}, bson.M{"$set": set})
	return kinded(err)
}

// ClaimReplay notes that whoever made claim is about to write the next batch of
// r, and where that begins in each partition of a topic. It is a Conflict if
// somebody else did since r was read.
func (s *Store) ClaimReplay(ctx context.Context, r execution.Replay, claim execution.ReplayClaim) error {
	query := bson.M{"_id": r.ID, "place.sequence": r.Place.Sequence, "place.round": r.Place.Round}
	if r.Place.Claim != nil {
		query["place.claim.token"] = r.Place.Claim.Token
	} else {
		query["place.claim"] = missing
	}
	done, err := s.replays.UpdateOne(ctx, query, bson.M{"$set": bson.M{"place.claim": claim, "place.offsets": r.Place.Offsets}})
	if err == nil && done.MatchedCount == 0 {
		return execution.Errorf(execution.Conflict, "another worker goes on with replay %s", r.ID)
	}
	return kinded(err)
}

// AdvanceReplay notes that the batch that was claimed under token is written,
// how far r is by that, and where it goes on. It is a Conflict if somebody else
// has claimed it since.
func (s *Store) AdvanceReplay(ctx context.Context, r execution.Replay, token string) error {
	place := r.Place
	place.Claim = nil
	set := bson.M{"progress": r.Progress}
	for field, value := range map[string]any{
		"cursor": place.Cursor, "sequence": place.Sequence, "done": place.Done, "retrying": place.Retrying, "round": place.Round, "gone": place.Gone, "tried": place.Tried, "offsets": place.Offsets,
	} {
		set["place."+field] = value
	}
	done, err := s.replays.UpdateOne(ctx, bson.M{"_id": r.ID, "place.claim.token": token}, bson.M{"$set": set, "$unset": bson.M{"place.claim": ""}})
	if err == nil && done.MatchedCount == 0 {
		return execution.Errorf(execution.Conflict, "another worker goes on with replay %s", r.ID)
	}
	return kinded(err)
}

// EndReplay ends the session id if it goes: completed, cancelled or, because of
// why, failed.
func (s *Store) EndReplay(ctx context.Context, id string, status execution.ReplayStatus, why string, now time.Time) error {
	query := bson.M{"_id": id, "status": bson.M{"$in": bson.A{execution.ReplayScheduled, execution.ReplayRunning}}}
	set := bson.M{"status": status, "ended": now}
	if why != "" {
		set["error"] = why
	}
	_, err := s.replays.UpdateOne(ctx, query, bson.M{"$set": set})
	return kinded(err)
}

// EventCursor is the cursor of the page of Browse that follows e.
func (s *Store) EventCursor(e execution.Recorded) string { return eventCursor(e) }

// replayFailure is one as it is stored.
type replayFailure struct {
	ID                      string `bson:"_id"`
	Session                 string `bson:"session"`
	execution.ReplayFailure `bson:",inline"`
}

func failureID(session, event string) string { return session + " " + event }

// AddReplayFailures notes events of the session id that could not be written.
// Done again, it changes nothing.
func (s *Store) AddReplayFailures(ctx context.Context, id string, failures []execution.ReplayFailure) error {
	for _, f := range failures {
		one := replayFailure{failureID(id, f.EventID), id, f}
		if _, err := s.replayFailures.ReplaceOne(ctx, bson.M{"_id": one.ID}, one, options.Replace().SetUpsert(true)); err != nil {
			return kinded(err)
		}
	}
	return nil
}

// ClearReplayFailures forgets those of some events, because they were written.
func (s *Store) ClearReplayFailures(ctx context.Context, id string, events []string) error {
	if len(events) == 0 {
		return nil
	}
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = failureID(id, e)
	}
	_, err := s.replayFailures.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": ids}})
	return kinded(err)
}

// ReplayFailures returns the first events of the session id, in its order, that
// could not be written and were not tried again in the round before, or in any
// if that is 0.
func (s *Store) ReplayFailures(ctx context.Context, id string, before, limit int) (all []execution.ReplayFailure, err error) {
	query := bson.M{"session": id}
	if before > 0 {
		query["round"] = bson.M{"$lt": before}
	}
	found, err := s.replayFailures.Find(ctx, query, options.Find().SetSort(bson.D{{Key: "sequence", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, kinded(err)
	}
	err = found.All(ctx, &all)
	return all, kinded(err)
}

// CountReplayFailures returns how many events of the session id could not be
// written.
func (s *Store) CountReplayFailures(ctx context.Context, id string) (int64, error) {
	n, err := s.replayFailures.CountDocuments(ctx, bson.M{"session": id})
	return n, kinded(err)
}

// CleanReplays removes the sessions that ended before a time, with all that
// there is of them here, and returns how many those were.
func (s *Store) CleanReplays(ctx context.Context, before time.Time) (n int, err error) {
	found, err := s.replays.Find(ctx, bson.M{"ended": bson.M{"$lt": before}}, options.Find().SetProjection(bson.M{"_id": 1}))
	if err != nil {
		return 0, kinded(err)
	}
	var ended []struct {
		ID string `bson:"_id"`
	}
	if err := found.All(ctx, &ended); err != nil {
		return 0, kinded(err)
	}
	for _, r := range ended {
		if err := s.removeReplay(ctx, r.ID, before); err != nil {
			return n, fmt.Errorf("replay %s: %w", r.ID, kinded(err))
		}
		n++
	}
	return n, nil
}

// removeReplay removes the session last: what is left of one that is not is
// removed the next time.
func (s *Store) removeReplay(ctx context.Context, id string, before time.Time) error {
	for _, of := range []*mongo.Collection{s.replayParts, s.replayFailures} {
		if _, err := of.DeleteMany(ctx, bson.M{"session": id}); err != nil {
			return err
		}
	}
	events, executions := s.shadows(id)
	if err := errors.Join(events.Drop(ctx), executions.Drop(ctx)); err != nil {
		return err
	}
	_, err := s.replays.DeleteOne(ctx, bson.M{"_id": id, "ended": bson.M{"$lt": before}})
	return err
}
