package web

import (
	"context"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

const (
	maxReason = 500 // characters
	maxWait   = 30  // seconds
)

// get returns one execution, if asked for when it has ended.
func (s *Server) get(c *gin.Context) error {
	q := query{c: c}
	wait := time.Duration(q.number("wait", 0, maxWait, 0)) * time.Second
	if err := q.err(); err != nil {
		return err
	}
	x, err := s.mine(c)
	if err == nil && wait > 0 && !x.Status.Terminal() {
		x, err = s.await(c, x, wait)
	}
	if err != nil {
		return err
	}
	v, err := s.view(c.Request.Context(), x)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// await returns x when it has ended, or as it is after wait.
func (s *Server) await(c *gin.Context, x execution.Execution, wait time.Duration) (execution.Execution, error) {
	ctl := http.NewResponseController(c.Writer)
	_ = ctl.SetReadDeadline(time.Time{}) // one for the request would end its context
	_ = ctl.SetWriteDeadline(time.Time{})
	live, stop := s.Live.Subscribe(x.ID)
	defer stop()
	over := time.NewTimer(wait)
	defer over.Stop()
	look := newLook(2 * time.Second)
	defer look.timer.Stop()
	look.soon() // it may have ended before we listened
	for {
		select {
		case <-c.Request.Context().Done():
			return x, c.Request.Context().Err()
		case <-s.Closing:
			return x, nil
		case <-over.C:
			return s.Executions.Get(c.Request.Context(), x.ID)
		case u, ok := <-live:
			if !ok {
				live = nil // too slow; looking is enough
			} else if u.Event != nil {
				look.soon()
			}
		case <-look.timer.C:
			y, err := s.Executions.Get(c.Request.Context(), x.ID)
			if err != nil || y.Status.Terminal() {
				return y, err
			}
			x = y
			look.later()
		}
	}
}

// list returns the user's executions, the newest first; to operators, if they
// ask for them, those of others.
func (s *Server) list(c *gin.Context) error {
	q := query{c: c}
	f := execution.Filter{
		Status: q.status("status"), Language: c.Query("language"), Label: q.pair("label"), Pool: c.Query("pool"), Priority: q.priority("priority"),
		ParentID: execution.ID(c.Query("parent_id")), BatchID: c.Query("batch_id"), ScheduleID: c.Query("schedule_id"),
		CreatedFrom: q.time("created_from"), CreatedTo: q.time("created_to"),
		Limit: q.number("limit", 1, 200, 50), Cursor: c.Query("cursor"),
	}
	var err error
	if f.UserID, err = s.whose(c, &q); err != nil {
		return err
	}
	if l, _, err := s.Languages.Find(f.Language, ""); err == nil {
		f.Language = l.ID // by an alias; others may have been removed and have results
	}
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.History.List(c.Request.Context(), f)
	if err != nil {
		return err
	}
	rows := make([]View, len(items))
	for i, x := range items {
		rows[i] = row(x)
	}
	c.JSON(http.StatusOK, gin.H{"items": rows, "next_cursor": Text(next)})
	return nil
}

// whose is the user whose executions c is to list, nobody for those of all.
func (s *Server) whose(c *gin.Context, q *query) (string, error) {
	me, other, all := c.GetString("user"), c.Query("user_id"), q.flag("all")
	if !s.operator(c) && (all || other != "" && other != me) {
		return "", execution.Errorf(execution.Forbidden, "only operators see what belongs to others")
	}
	switch {
	case other != "":
		return other, nil
	case all:
		return "", nil
	default:
		return me, nil
	}
}

// cancel asks for the end; the stream tells when it has come. Who asked, and
// why, is written first: a saga that ends at once finds it.
func (s *Server) cancel(c *gin.Context) error {
	ctx := c.Request.Context()
	var b struct {
		Reason string `json:"reason"`
	}
	if err := decode(c, &b, true); err != nil {
		return err
	}
	if utf8.RuneCountInString(b.Reason) > maxReason {
		return execution.FieldErrors{{Field: "reason", Rule: "at most 500 characters"}}
	}
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	if x.Status.Terminal() {
		return ended(x)
	}
	if x.CancelledBy == "" {
		x.CancelledBy, x.CancelReason = c.GetString("user"), b.Reason
		err = s.Marks.SetCancel(ctx, x.ID, x.CancelledBy, x.CancelReason)
	}
	if err == nil {
		err = s.cancelSaga(ctx, x.ID)
	}
	if execution.KindOf(err) == execution.Conflict { // it ended meanwhile
		if x, err = s.Executions.Get(ctx, x.ID); err == nil {
			err = ended(x)
		}
	}
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "cancel accepted", "execution", x.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, row(x))
	return nil
}

// cancelSaga cancels the saga of id. One that is not to be found is over, or is
// still about to be started: then it is started, so that the cancel wins.
func (s *Server) cancelSaga(ctx context.Context, id execution.ID) error {
	err := s.Sagas.Cancel(ctx, id)
	if execution.KindOf(err) != execution.NotFound {
		return err
	}
	x, err := s.Executions.Get(ctx, id)
	if err != nil {
		return err
	}
	if x.Status.Terminal() {
		return ended(x)
	}
	if err := s.Sagas.Start(ctx, x); err != nil {
		return err
	}
	if err := s.Sagas.Cancel(ctx, id); execution.KindOf(err) != execution.NotFound {
		return err
	}
	return nil // it is over, and its result is under way
}

func ended(x execution.Execution) error {
	return execution.Errorf(execution.Conflict, "execution %s has ended: %s", x.ID, x.Status)
}

// events returns what happened, the oldest first.
func (s *Server) events(c *gin.Context) error {
	q := query{c: c}
	f := execution.EventFilter{Type: execution.EventType(c.Query("type")), After: c.Query("after"), Limit: q.number("limit", 1, 1000, 100)}
	if err := q.err(); err != nil {
		return err
	}
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	items, next, err := s.History.Events(c.Request.Context(), x.ID, f)
	if err != nil {
		return err
	}
	told := make([]execution.Event, len(items))
	for i, e := range items {
		if told[i] = e; !s.operator(c) {
			told[i] = forUsers(e)
		}
	}
	c.JSON(http.StatusOK, gin.H{"items": told, "next_cursor": Text(next)})
	return nil
}

// forUsers is e without the errors of the platform, which are for operators.
func forUsers(e execution.Event) execution.Event {
	if e.Saga != nil && e.Type != execution.ExecutionRetried { // there the cause is the other execution
		e.Saga = &execution.Saga{Step: e.Saga.Step}
	}
	return e
}
