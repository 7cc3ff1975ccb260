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

const (
	maxSchedules = 100 // of a user
	usualCatchUp = 3600
)

// Schedules keeps schedules.
type Schedules interface {
	CreateSchedule(context.Context, execution.Schedule) error // nothing if the ID exists
	Schedule(ctx context.Context, id string) (execution.Schedule, error)
	Schedules(ctx context.Context, user string) ([]execution.Schedule, error) // the newest first; of all if user is empty
	DeleteSchedule(ctx context.Context, id string) error
}

// Clock runs schedules.
type Clock interface {
	Create(context.Context, execution.Schedule) error // nothing if it runs; FieldErrors if its times mean nothing
	Delete(ctx context.Context, id string) error      // nothing if there is none
	State(ctx context.Context, id string) (execution.ScheduleState, error)
	States(ctx context.Context, user string) (map[string]execution.ScheduleState, error) // by ID; a little late
}

// ClockHands move a schedule that runs.
type ClockHands interface {
	Pause(ctx context.Context, id string) error
	Resume(ctx context.Context, id string) error
	Trigger(ctx context.Context, id string) error
}

// ScheduleRequest is a schedule that is asked for: the body of a POST.
type ScheduleRequest struct {
	Name       string     `json:"name"`
	Cron       string     `json:"cron,omitempty"`
	Every      int64      `json:"every_seconds,omitempty"`
	TimeZone   string     `json:"time_zone,omitempty"`        // UTC if empty
	Overlap    string     `json:"overlap,omitempty"`          // skip if empty
	CatchUp    *int64     `json:"catch_up_seconds,omitempty"` // an hour if left out
	Submission Submission `json:"submission"`
}

// createSchedule accepts a schedule.
func (s *Server) createSchedule(c *gin.Context) error {
	var b ScheduleRequest
	if err := decode(c, &b, false); err != nil {
		return err
	}
	canonical, err := json.Marshal(b) // maps in the order of their keys
	if err != nil {
		return err
	}
	user := c.GetString("user")
	sched, err := s.scheduleOf(b, user)
	key, keyErr := idempotencyKey(c.Request.Header)
	if err != nil || keyErr != nil {
		return refusal(keyErr, err)
	}
	if err := s.mayAsk(user, sched.Template); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), submitTimeout)
	defer stop()
	replayed, back, err := s.takeKey(ctx, user, key, sha256.Sum256(append([]byte("schedule\n"), canonical...)), &sched.ID)
	if err != nil {
		return err
	}
	if sched, err = s.beginSchedule(ctx, sched, replayed); err != nil {
		back()
		return err
	}
	if replayed {
		c.Header("Idempotency-Replayed", "true")
	}
	s.Log.InfoContext(c.Request.Context(), "schedule accepted", "schedule", sched.ID, "user", user, "replayed", replayed, "correlation_id", correlation(c))
	state, err := s.scheduleState(ctx, sched)
	if err != nil {
		return err
	}
	c.Header("Location", "/api/v1/schedules/"+sched.ID)
	c.JSON(http.StatusCreated, viewOfSchedule(sched, state, false))
	return nil
}

// scheduleOf returns the schedule that user asks for with b. What is wrong is a
// FieldErrors, all of it.
func (s *Server) scheduleOf(b ScheduleRequest, user string) (execution.Schedule, error) {
	x, err := s.executionOf(b.Submission, user)
	var wrong execution.FieldErrors
	for _, f := range add(nil, err) {
		wrong = append(wrong, execution.FieldError{Field: "submission." + f.Field, Rule: f.Rule})
	}
	if b.Submission.ScheduledAt != "" {
		wrong = append(wrong, execution.FieldError{Field: "submission.scheduled_at", Rule: "not in a schedule, which has times of its own"})
	}
	sched := execution.Schedule{
		ID: string(x.ID), UserID: user, Name: b.Name, Cron: b.Cron, EverySeconds: b.Every, TimeZone: cmp.Or(b.TimeZone, "UTC"), Overlap: cmp.Or(b.Overlap, "skip"),
		CatchUpSeconds: usualCatchUp, Template: x, CreatedAt: x.CreatedAt,
	}
	if b.CatchUp != nil {
		sched.CatchUpSeconds = *b.CatchUp
	}
	sched.Template.ID, sched.Template.CreatedAt = "", time.Time{}
	if wrong = add(wrong, sched.Validate()); len(wrong) > 0 {
		return sched, wrong
	}
	return sched, nil
}

// beginSchedule makes sched durable and starts its clock, or leaves nothing of
// it. It returns what is kept: of a request that was accepted before, that.
func (s *Server) beginSchedule(ctx context.Context, sched execution.Schedule, replayed bool) (execution.Schedule, error) {
	if replayed {
		was, err := s.Schedules.Schedule(ctx, sched.ID)
		if err == nil { // its clock may not have been started
			return was, notDurable(s.Clock.Create(ctx, was))
		}
		if execution.KindOf(err) != execution.NotFound {
			return sched, err
		}
	}
	mine, err := s.Schedules.Schedules(ctx, sched.UserID)
	if err != nil {
		return sched, notDurable(err)
	}
	if len(mine) >= maxSchedules {
		return sched, execution.Coded(execution.Exhausted, "too_many_schedules", "you have %d schedules, and may have %d: delete one first", len(mine), maxSchedules)
	}
	if err = s.Schedules.CreateSchedule(ctx, sched); err == nil {
		err = s.Clock.Create(ctx, sched)
	}
	if err != nil && !replayed { // what is another's to answer for stays
		s.giveBack(ctx, sched.ID, func(ctx context.Context) error {
			if err := s.Clock.Delete(ctx, sched.ID); err != nil {
				return err
			}
			return s.Schedules.DeleteSchedule(ctx, sched.ID)
		})
	}
	return sched, notDurable(err)
}

// giveBack does its best to take back what a failed request wrote, also if it
// failed because time was up.
func (s *Server) giveBack(ctx context.Context, id string, do func(context.Context) error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer stop()
	if err := do(ctx); err != nil {
		s.Log.Error("a failed request was not taken back", "id", id, "err", err)
	}
}

// mySchedule returns the schedule that c is about. To others than its owner and
// the operators it does not exist, in the same words.
func (s *Server) mySchedule(c *gin.Context) (execution.Schedule, error) {
	id := c.Param("id")
	sched, err := s.Schedules.Schedule(c.Request.Context(), id)
	if execution.KindOf(err) == execution.NotFound || err == nil && sched.UserID != c.GetString("user") && !s.operator(c) {
		return execution.Schedule{}, execution.Errorf(execution.NotFound, "no schedule %q", id)
	}
	return sched, err
}

// scheduleState is where sched stands. If its clock is not there, because
// whoever made it did not come to that, it is started.
func (s *Server) scheduleState(ctx context.Context, sched execution.Schedule) (execution.ScheduleState, error) {
	state, err := s.Clock.State(ctx, sched.ID)
	if execution.KindOf(err) != execution.NotFound {
		return state, err
	}
	if err := s.Clock.Create(ctx, sched); err != nil {
		return state, err
	}
	return s.Clock.State(ctx, sched.ID)
}

// schedule returns one.
func (s *Server) schedule(c *gin.Context) error {
	sched, err := s.mySchedule(c)
	if err != nil {
		return err
	}
	state, err := s.scheduleState(c.Request.Context(), sched)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, viewOfSchedule(sched, state, false))
	return nil
}

// listSchedules returns the user's schedules, or an operator's choice, the
// newest first.
func (s *Server) listSchedules(c *gin.Context) error {
	q := query{c: c}
	user, err := s.whose(c, &q)
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	all, err := s.Schedules.Schedules(c.Request.Context(), user)
	if err != nil {
		return err
	}
	states, err := s.Clock.States(c.Request.Context(), user)
	if err != nil {
		return err
	}
	items := make([]ScheduleView, len(all))
	for i, sched := range all {
		items[i] = viewOfSchedule(sched, states[sched.ID], true)
	}
	c.JSON(http.StatusOK, gin.H{"items": items, "next_cursor": nil})
	return nil
}

// deleteSchedule ends a schedule; what it made goes on.
func (s *Server) deleteSchedule(c *gin.Context) error {
	sched, err := s.mySchedule(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err = s.Clock.Delete(ctx, sched.ID); err == nil {
		err = s.Schedules.DeleteSchedule(ctx, sched.ID)
	}
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "schedule deleted", "schedule", sched.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) pauseSchedule(c *gin.Context) error { return s.move(c, "paused", s.ClockHands.Pause) }
func (s *Server) resumeSchedule(c *gin.Context) error {
	return s.move(c, "resumed", s.ClockHands.Resume)
}
func (s *Server) triggerSchedule(c *gin.Context) error {
	return s.move(c, "triggered", s.ClockHands.Trigger)
}

// move does what was asked of a schedule, and answers how it stands then.
func (s *Server) move(c *gin.Context, done string, do func(ctx context.Context, id string) error) error {
	sched, err := s.mySchedule(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if _, err := s.scheduleState(ctx, sched); err != nil {
		return err
	}
	if err := do(ctx, sched.ID); err != nil {
		return err
	}
	state, err := s.scheduleState(ctx, sched)
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "schedule "+done, "schedule", sched.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusOK, viewOfSchedule(sched, state, false))
	return nil
}
