package temporal

import (
	"context"
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// Schedules is the clock of the platform: each execution.Schedule is one of
// Temporal's, which starts a workflow when it is time.
type Schedules struct{ Client client.Client }

const (
	schedulePrefix = "schedule-" // of the IDs of Temporal's schedules
	firePrefix     = "fire-"     // of the workflows that they start; Temporal appends the time
)

var overlaps = map[string]enumspb.ScheduleOverlapPolicy{
	"skip":            enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	"queue":           enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	"cancel_previous": enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
}

// Create starts the clock of c, which is valid, unless it was started before. A
// cron expression without a meaning is a FieldErrors.
func (s Schedules) Create(ctx context.Context, c execution.Schedule) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	user := temporal.NewSearchAttributes(workflows.UserAttribute.ValueSet(c.UserID))
	err := steadily(ctx, func() error {
		_, err := s.Client.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: schedulePrefix + c.ID, Spec: specOf(c), Overlap: overlaps[c.Overlap], TypedSearchAttributes: user,
			CatchupWindow: time.Duration(c.CatchUpSeconds) * time.Second,
			Action: &client.ScheduleWorkflowAction{
				ID: firePrefix + c.ID, Workflow: workflows.Fire, Args: []any{workflows.FireInput{ScheduleID: c.ID}},
				TaskQueue: workflows.TaskQueue, TypedSearchAttributes: user,
			},
		})
		return err
	})
	if invalid(err) {
		return execution.FieldErrors{{Field: "cron", Rule: err.Error()}}
	}
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil
	}
	return kinded(err)
}

func specOf(c execution.Schedule) client.ScheduleSpec {
	if c.EverySeconds > 0 {
		return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Duration(c.EverySeconds) * time.Second}}}
	}
	return client.ScheduleSpec{CronExpressions: []string{c.Cron}, TimeZoneName: c.TimeZone}
}

// State tells where the schedule id stands, or NotFound.
func (s Schedules) State(ctx context.Context, id string) (execution.ScheduleState, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d *client.ScheduleDescription
	err := steadily(ctx, func() (err error) {
		d, err = s.handle(ctx, id).Describe(ctx)
		return err
	})
	if err != nil {
		return execution.ScheduleState{}, kinded(err)
	}
	paused := d.Schedule.State != nil && d.Schedule.State.Paused
	return execution.ScheduleState{Paused: paused, NextRuns: d.Info.NextActionTimes, RecentRuns: recent(d.Info.RecentActions)}, nil
}

// States tells where all schedules of user stand, or of everybody if user is
// empty, by their IDs. It may be some seconds behind State, and has no more than
// five runs before and after now.
func (s Schedules) States(ctx context.Context, user string) (map[string]execution.ScheduleState, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var o client.ScheduleListOptions
	if user != "" {
		o.Query = workflows.UserAttribute.GetName() + " = " + quote(user)
	}
	found, err := s.Client.ScheduleClient().List(ctx, o)
	if err != nil {
		return nil, kinded(err)
	}
	states := map[string]execution.ScheduleState{}
	for found.HasNext() {
		e, err := found.Next()
		if err != nil {
			return nil, kinded(err)
		}
		if id, ours := strings.CutPrefix(e.ID, schedulePrefix); ours { // not the sweep's
			states[id] = execution.ScheduleState{Paused: e.Paused, NextRuns: e.NextActionTimes, RecentRuns: recent(e.RecentActions)}
		}
	}
	return states, nil
}

func recent(actions []client.ScheduleActionResult) (runs []execution.ScheduledRun) {
	for _, a := range actions {
		if a.StartWorkflowResult != nil {
			runs = append(runs, execution.ScheduledRun{
				ExecutionID: execution.ScheduledID(a.StartWorkflowResult.WorkflowID), For: a.ScheduleTime, At: a.ActualTime,
			})
		}
	}
	return runs
}

// Pause stops the clock of the schedule id until Resume; what it made goes on.
func (s Schedules) Pause(ctx context.Context, id string) error { return s.setPaused(ctx, id, true) }

// Resume lets the schedule id go on. What was due meanwhile is not made up for.
func (s Schedules) Resume(ctx context.Context, id string) error { return s.setPaused(ctx, id, false) }

// setPaused updates the schedule. Temporal has a patch for that, too, but of two
// patches that come together, such as a pause and a trigger, it forgets one.
func (s Schedules) setPaused(ctx context.Context, id string, paused bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kinded(steadily(ctx, func() error {
		return s.handle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				next := in.Description.Schedule
				next.State.Paused = paused
				return &client.ScheduleUpdate{Schedule: &next}, nil
			},
		})
	}))
}

// steadily repeats do, which may be done twice, until ctx ends, as long as the
// server says that it had no time: a schedule is a workflow of its own, which it
// asks.
func steadily(ctx context.Context, do func() error) error {
	for {
		err := do()
		if _, busy := errors.AsType[*serviceerror.DeadlineExceeded](err); !busy {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Trigger makes an execution now, also while the schedule id is paused; its
// overlap policy holds.
func (s Schedules) Trigger(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kinded(s.handle(ctx, id).Trigger(ctx, client.ScheduleTriggerOptions{}))
}

// Delete ends the schedule id; what it made goes on. One that is not there is
// deleted.
func (s Schedules) Delete(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := kinded(steadily(ctx, func() error { return s.handle(ctx, id).Delete(ctx) }))
	if execution.KindOf(err) == execution.NotFound {
		return nil
	}
	return err
}

func (s Schedules) handle(ctx context.Context, id string) client.ScheduleHandle {
	return s.Client.ScheduleClient().GetHandle(ctx, schedulePrefix+id)
}

// quote makes text a value in a query of Temporal's visibility.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
