package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// ReplayFile is what sessions of the kind file have written.
type ReplayFile interface {
	ReplayFile(ctx context.Context, id string, w io.Writer) error
}

// replayFrame is between two frames of a stream, at least (parity SS-11).
const replayFrame = 500 * time.Millisecond

// ReplayProgressView is how far a session is, as clients get it.
type ReplayProgressView struct {
	execution.ReplayProgress
	ID         string                 `json:"id"`
	Status     execution.ReplayStatus `json:"status"`
	Percentage float64                `json:"progress_percentage"` // 0 to 100
	Rate       *float64               `json:"events_per_second"`   // nil: not known, or it does not go
	ETA        *float64               `json:"eta_seconds"`         // likewise
	Completion *time.Time             `json:"estimated_completion"`
}

// ReplayView is a session as clients get it.
type ReplayView struct {
	execution.Replay
	Progress ReplayProgressView `json:"progress"`
	Duration *float64           `json:"duration_seconds"` // from its start to its end, or to now; nil: it did not start
}

func progressOf(r execution.Replay) ReplayProgressView {
	v := ReplayProgressView{ReplayProgress: r.Progress, ID: r.ID, Status: r.Status, Percentage: r.Progress.Percentage()}
	if rate := r.Rate(); rate > 0 {
		v.Rate, v.ETA = &rate, new(r.ETA().Seconds())
		v.Completion = new(r.Progress.UpdatedAt.Add(r.ETA()))
	}
	return v
}

func viewOfReplay(r execution.Replay) ReplayView {
	v := ReplayView{Replay: r, Progress: progressOf(r)}
	if r.Started != nil {
		end := time.Now()
		if r.Ended != nil {
			end = *r.Ended
		}
		v.Duration = new(end.Sub(*r.Started).Seconds())
	}
	return v
}

// aReplay returns the session that c is about, with the first that failed in it.
func (s *Server) aReplay(ctx context.Context, id string) (execution.Replay, error) {
	r, err := s.Replays.Replay(ctx, id)
	if err == nil && r.Progress.Failed > 0 {
		r.Progress.Errors, err = s.ReplayShelf.ReplayFailures(ctx, id, 0, 100)
	}
	return r, err
}

// replay returns one session.
func (s *Server) replay(c *gin.Context) error {
	r, err := s.aReplay(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, viewOfReplay(r))
	return nil
}

// replayProgress tells how far a session is.
func (s *Server) replayProgress(c *gin.Context) error {
	r, err := s.aReplay(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, progressOf(r))
	return nil
}

// listReplays returns sessions, the newest first.
func (s *Server) listReplays(c *gin.Context) error {
	q := query{c: c}
	status := execution.ReplayStatus(c.Query("status"))
	if status != "" && !slices.Contains(execution.ReplayStatuses, status) {
		q.refuse("status", fmt.Sprintf("one of %v", execution.ReplayStatuses))
	}
	limit := q.number("limit", 1, 1000, 100)
	if err := q.err(); err != nil {
		return err
	}
	page, next, err := s.Replays.Replays(c.Request.Context(), status, c.Query("cursor"), limit)
	if err != nil {
		return err
	}
	items := make([]ReplayView, len(page))
	for i, r := range page {
		items[i] = viewOfReplay(r)
	}
	c.JSON(http.StatusOK, gin.H{"items": items, "next_cursor": Text(next)})
	return nil
}

// downloadReplay gives the file of a session: an event a line. While the session
// goes on, it is what there is so far.
func (s *Server) downloadReplay(c *gin.Context) error {
	ctx := c.Request.Context()
	r, err := s.Replays.Replay(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	if r.Target.Kind != "file" {
		return execution.Errorf(execution.Conflict, "replay %s has no file: its target is %s", r.ID, r.Target.Kind)
	}
	c.Header("Content-Type", "application/x-ndjson")
	c.Header("Content-Disposition", attachment("replay-"+r.ID+".ndjson"))
	c.Status(http.StatusOK)
	w := paced{c.Writer, http.NewResponseController(c.Writer)}
	defer func() { _ = w.ctl.SetWriteDeadline(time.Time{}) }()
	return s.ReplayShelf.ReplayFile(ctx, r.ID, w)
}

// replayStream sends how far a session is, until it has ended.
func (s *Server) replayStream(c *gin.Context) error {
	r, err := s.aReplay(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	last, leave, err := s.enter(c)
	if err != nil || last == theEnd {
		return err
	}
	defer leave()
	f := s.openFeed(c)
	s.serveFeed(f, "replay", func() (string, error) { return s.followReplay(f, r) })
	return nil
}

// followReplay sends what changes of r until its end, and says why it ended.
func (s *Server) followReplay(f *feed, r execution.Replay) (why string, err error) {
	f.tellReplay(r)
	return s.poll(f, replayFrame, func() (time.Duration, error) {
		next, err := s.aReplay(f.ctx, r.ID)
		if err == nil && (next.Status != r.Status || !next.Progress.UpdatedAt.Equal(r.Progress.UpdatedAt)) {
			r = next
			f.tellReplay(r)
		}
		return replayFrame, err
	})
}

// tellReplay sends how far r is: the last frame, if it has ended.
func (f *feed) tellReplay(r execution.Replay) {
	if !r.Status.Ended() {
		f.control("progress", progressOf(r))
		return
	}
	f.frame(theEnd, "progress", progressOf(r))
	f.over = true
}
