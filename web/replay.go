package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Replays keeps sessions of replays.
type Replays interface {
	CreateReplay(context.Context, execution.Replay) error // nothing if the ID exists
	Replay(ctx context.Context, id string) (execution.Replay, error)
	Replays(ctx context.Context, status execution.ReplayStatus, cursor string, limit int) (page []execution.Replay, next string, err error)
	// MoveReplay asks one of execution.ReplayMoves of a session: a Conflict if
	// that cannot be asked of it now.
	MoveReplay(ctx context.Context, id, move string, now time.Time) (execution.Replay, error)
}

// ReplayShelf is what there is of sessions beside themselves.
type ReplayShelf interface {
	ReplayFailures(ctx context.Context, id string, before, limit int) ([]execution.ReplayFailure, error)
	ReplayFile
	CleanReplays(ctx context.Context, before time.Time) (int, error)
}

// ReplayHands tell those who do the work that something is asked of a session.
// What, is in the store.
type ReplayHands interface {
	GoReplay(ctx context.Context, id string) error   // there is something to do
	TellReplay(ctx context.Context, id string) error // there may be less to do; nothing if nobody does
}

const replayTimeout = 30 * time.Second // of all that a creation reads and writes

// ReplayRequest is a session that is asked for: the body of a POST.
type ReplayRequest struct {
	Name     string               `json:"name"`
	Type     string               `json:"type,omitempty"` // what the filter says if empty
	Filter   execution.EventQuery `json:"filter"`
	Target   ReplayTarget         `json:"target"`
	Speed    *float64             `json:"speed_multiplier,omitempty"` // 1 if left out
	Preserve bool                 `json:"preserve_timestamps,omitempty"`
	Batch    *int                 `json:"batch_size,omitempty"` // 100 if left out
	Max      *int64               `json:"max_events,omitempty"` // all if left out
	Skip     *bool                `json:"skip_errors,omitempty"`
	Retry    bool                 `json:"retry_failed,omitempty"`
	Attempts *int                 `json:"retry_attempts,omitempty"` // 3 if left out
	Start    bool                 `json:"start,omitempty"`
}

// ReplayTarget is where a session that is asked for replays to. The last two are
// refused, whatever they say: nothing is replayed to where the platform listens,
// nor to a path.
type ReplayTarget struct {
	execution.ReplayTarget
	AllowLive json.RawMessage `json:"allow_live,omitempty"`
	Path      json.RawMessage `json:"path,omitempty"`
}

// or is what p points to, or otherwise if it points to nothing.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// replayOf returns the session that user asks for with b. What is wrong is a
// FieldErrors, all of it.
func (s *Server) replayOf(b ReplayRequest, user string) (execution.Replay, error) {
	now := now()
	r := execution.Replay{
		ID: string(execution.NewID()), Name: b.Name, Type: cmp.Or(b.Type, execution.ReplayTypeOf(b.Filter)), Status: execution.ReplayCreated,
		Filter: b.Filter, Target: b.Target.ReplayTarget, Speed: or(b.Speed, 1), Preserve: b.Preserve, Batch: or(b.Batch, 100), Max: or(b.Max, 0),
		Skip: or(b.Skip, true), Retry: b.Retry, Attempts: or(b.Attempts, 3), By: user, At: now,
	}
	if r.Target.Kind == "kafka" && r.Target.Partitions == 0 {
		r.Target.Partitions = 3
	}
	var wrong execution.FieldErrors
	for field, given := range map[string]json.RawMessage{"target.allow_live": b.Target.AllowLive, "target.path": b.Target.Path} {
		if given != nil {
			wrong = append(wrong, execution.FieldError{Field: field, Rule: "is never allowed"})
		}
	}
	if b.Max != nil && *b.Max < 1 {
		wrong = append(wrong, execution.FieldError{Field: "max_events", Rule: "at least 1"})
		r.Max = 0
	}
	if wrong = add(wrong, r.Validate(s.ReplayRules)); len(wrong) > 0 {
		return r, wrong
	}
	if r.Filter.To.IsZero() || r.Filter.To.After(now) {
		r.Filter.To = now // so that what it chooses does not grow
	}
	return r, nil
}

// countReplay returns how many events r is to write.
func (s *Server) countReplay(ctx context.Context, r execution.Replay) (matched, total int64, err error) {
	matched, err = s.EventFigures.CountEvents(ctx, r.Filter)
	if total = matched; r.Max > 0 {
		total = min(total, r.Max)
	}
	return matched, total, err
}

// createReplay accepts a session, and starts it if that is asked for.
func (s *Server) createReplay(c *gin.Context) error {
	var b ReplayRequest
	if err := decode(c, &b, false); err != nil {
		return err
	}
	canonical, err := json.Marshal(b)
	if err != nil {
		return err
	}
	user := c.GetString("user")
	r, err := s.replayOf(b, user)
	key, keyErr := idempotencyKey(c.Request.Header)
	if err != nil || keyErr != nil {
		return refusal(keyErr, err)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), replayTimeout)
	defer stop()
	replayed, back, err := s.takeKey(ctx, user, key, sha256.Sum256(append([]byte("replay\n"), canonical...)), &r.ID)
	if err != nil {
		return err
	}
	if r, err = s.beginReplay(ctx, r, b.Start, replayed); err != nil {
		if execution.KindOf(err) != execution.Unavailable { // else it may be kept
			back()
		}
		return err
	}
	if replayed {
		c.Header("Idempotency-Replayed", "true")
	}
	s.Log.InfoContext(c.Request.Context(), "replay accepted", "replay", r.ID, "user", user, "target", r.Target.Kind, "events", r.Progress.Total, "replayed", replayed, "correlation_id", correlation(c))
	c.Header("Location", "/api/v1/admin/replays/"+r.ID)
	c.JSON(http.StatusCreated, viewOfReplay(r))
	return nil
}

// beginReplay makes r durable and starts it, if that is asked for and was not
// done. It returns what is kept.
func (s *Server) beginReplay(ctx context.Context, r execution.Replay, start, replayed bool) (execution.Replay, error) {
	was, err := s.Replays.Replay(ctx, r.ID)
	switch {
	case replayed && err == nil:
		r = was
	case replayed && execution.KindOf(err) != execution.NotFound:
		return r, err
	default:
		if _, r.Progress.Total, err = s.countReplay(ctx, r); err != nil {
			return r, notDurable(err)
		}
		if r.Progress.Total == 0 {
			return r, execution.Errorf(execution.NotFound, "no event matches the filter")
		}
		if err := s.Replays.CreateReplay(ctx, r); err != nil {
			return r, notDurable(err)
		}
	}
	if start && (r.Status == execution.ReplayCreated || r.Status == execution.ReplayScheduled) {
		return s.askReplay(ctx, r.ID, "start")
	}
	return r, nil
}

// askReplay asks something of a session. If only the word of it gets lost, that
// can be asked again, or is found by whoever does the work.
func (s *Server) askReplay(ctx context.Context, id, move string) (execution.Replay, error) {
	r, err := s.Replays.MoveReplay(ctx, id, move, now())
	switch {
	case err != nil:
		return r, err
	case r.Status.Goes():
		return r, s.ReplayHands.GoReplay(ctx, id)
	}
	if err := s.ReplayHands.TellReplay(ctx, id); err != nil {
		s.Log.Warn("the workflow of a replay was not told, and will look by itself", "replay", id, "err", err)
	}
	return r, nil
}

// moveReplay returns the handler that asks a move of a session.
func (s *Server) moveReplay(move string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		r, err := s.askReplay(c.Request.Context(), c.Param("id"), move)
		if err != nil {
			return err
		}
		s.Log.InfoContext(c.Request.Context(), "replay: "+move, "replay", r.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
		c.JSON(http.StatusAccepted, viewOfReplay(r))
		return nil
	}
}

// previewReplay tells what a session would do, and does nothing.
func (s *Server) previewReplay(c *gin.Context) error {
	var b ReplayRequest
	if err := decode(c, &b, false); err != nil {
		return err
	}
	b.Name = cmp.Or(b.Name, "preview")
	r, err := s.replayOf(b, c.GetString("user"))
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	matched, total, err := s.countReplay(ctx, r)
	if err != nil {
		return err
	}
	events, _, err := s.EventBook.Browse(ctx, r.Filter, execution.EventPage{Limit: int(min(max(total, 1), 100)), OldestFirst: true})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"matched": matched, "count": total, "batches": (total + int64(r.Batch) - 1) / int64(r.Batch), "target": r.Target, "filter": r.Filter, "events": append([]execution.Recorded{}, events...)})
	return nil
}

// cleanReplays removes sessions that ended long enough ago.
func (s *Server) cleanReplays(c *gin.Context) error {
	q := query{c: c}
	hours := q.number("older_than_hours", 1, 24*365, 24)
	if err := q.err(); err != nil {
		return err
	}
	n, err := s.ReplayShelf.CleanReplays(c.Request.Context(), time.Now().Add(-time.Duration(hours)*time.Hour))
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "replays removed", "count", n, "hours", hours, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusOK, gin.H{"removed": n})
	return nil
}
