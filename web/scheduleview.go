package web

import (
	"time"

	"github.com/codesaga/codesaga/execution"
)

// ScheduleView is a schedule as clients get it.
type ScheduleView struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	UserID     string         `json:"user_id"`
	Cron       Text           `json:"cron"`
	Every      *int64         `json:"every_seconds"` // nil with cron
	TimeZone   string         `json:"time_zone"`
	Overlap    string         `json:"overlap"`
	CatchUp    int64          `json:"catch_up_seconds"`
	Paused     bool           `json:"paused"`
	CreatedAt  time.Time      `json:"created_at"`
	NextRuns   []time.Time    `json:"next_runs"`
	RecentRuns []scheduledRun `json:"recent_runs"`
	Submission Submission     `json:"submission"` // without script, inputs and files in lists
}

// scheduledRun is an execution that a schedule made.
type scheduledRun struct {
	ExecutionID  execution.ID `json:"execution_id"`
	ScheduledFor time.Time    `json:"scheduled_for"`
	StartedAt    time.Time    `json:"started_at"`
}

// viewOfSchedule is sched for clients; light is without what may be large.
func viewOfSchedule(sched execution.Schedule, state execution.ScheduleState, light bool) ScheduleView {
	v := ScheduleView{
		ID: sched.ID, Name: sched.Name, UserID: sched.UserID, Cron: Text(sched.Cron), TimeZone: sched.TimeZone, Overlap: sched.Overlap,
		CatchUp: sched.CatchUpSeconds, Paused: state.Paused, CreatedAt: sched.CreatedAt,
		NextRuns: []time.Time{}, RecentRuns: []scheduledRun{}, Submission: submissionOf(sched.Template, light),
	}
	if sched.EverySeconds > 0 {
		v.Every = &sched.EverySeconds
	}
	for _, at := range state.NextRuns {
		v.NextRuns = append(v.NextRuns, at.UTC())
	}
	for _, r := range state.RecentRuns {
		v.RecentRuns = append(v.RecentRuns, scheduledRun{r.ExecutionID, r.For.UTC(), r.At.UTC()})
	}
	return v
}
