package execution

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Schedule makes an execution again and again, at its times. Whether it is
// paused, and what it did, is not in it: see ScheduleState.
type Schedule struct {
	ID             string    `bson:"_id"`
	UserID         string    `bson:"user_id"`
	Name           string    `bson:"name"`
	Cron           string    `bson:"cron,omitempty"`          // five fields; empty if EverySeconds is not 0
	EverySeconds   int64     `bson:"every_seconds,omitempty"` // counted from 1970; 0 if Cron is not empty
	TimeZone       string    `bson:"time_zone"`               // of Cron, as the IANA has it
	Overlap        string    `bson:"overlap"`                 // skip, queue or cancel_previous
	CatchUpSeconds int64     `bson:"catch_up_seconds"`        // how late it may be made, if the platform was away
	Template       Execution `bson:"template"`                // what is made, but for ID, status and times
	CreatedAt      time.Time `bson:"created_at"`
}

// Overlaps are what may happen when it is time and the run before is still
// under way: this one is not made, waits until that has ended (one at most
// waits), or that one is cancelled.
var Overlaps = []string{"skip", "queue", "cancel_previous"}

// ScheduleState is where a schedule stands.
type ScheduleState struct {
	Paused     bool
	NextRuns   []time.Time    // up to ten, the soonest first
	RecentRuns []ScheduledRun // up to ten, the oldest first
}

// ScheduledRun is one that a schedule made.
type ScheduledRun struct {
	ExecutionID ID
	For         time.Time // when it was due
	At          time.Time // when it was made
}

var (
	cronFields = regexp.MustCompile(`^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$|^[0-9*/,-]+ [0-9*/,-]+ [0-9*/,?-]+ [0-9A-Za-z*/,-]+ [0-9A-Za-z*/,?-]+$`)
	zoneName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+/-]{0,63}$`)
)

// What a schedule may say (parity EX-31).
const (
	maxScheduleName = 100
	minEverySeconds = 60
	maxEverySeconds = 366 * 24 * 3600
	minCatchUp      = 10 // as Temporal has it
	maxCatchUp      = 7 * 24 * 3600
	maxCronBytes    = 200
)

// Validate reports all that is wrong with when s is to run, as a FieldErrors, or
// nil. That a cron expression means anything, Temporal finds out.
func (s Schedule) Validate() error {
	var errs FieldErrors
	errs.add(s.Name != "" && len(s.Name) <= maxScheduleName && !strings.ContainsAny(s.Name, "\x00\r\n"), "name", "1 to %d bytes in one line", maxScheduleName)
	errs.add((s.Cron == "") != (s.EverySeconds == 0), "cron", "either cron or every_seconds")
	errs.add(s.Cron == "" || len(s.Cron) <= maxCronBytes && cronFields.MatchString(s.Cron), "cron", "five fields, such as 30 6 * * 1-5, or @hourly to @yearly")
	errs.add(s.EverySeconds == 0 || s.EverySeconds >= minEverySeconds && s.EverySeconds <= maxEverySeconds, "every_seconds", "%d..%d", minEverySeconds, maxEverySeconds)
	_, err := time.LoadLocation(s.TimeZone)
	errs.add(err == nil && zoneName.MatchString(s.TimeZone) && s.TimeZone != "Local", "time_zone", "a name of the IANA, such as Europe/Vienna")
	errs.add(slices.Contains(Overlaps, s.Overlap), "overlap", "one of %s", strings.Join(Overlaps, ", "))
	errs.add(s.CatchUpSeconds >= minCatchUp && s.CatchUpSeconds <= maxCatchUp, "catch_up_seconds", "%d..%d", minCatchUp, maxCatchUp)
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// Run is the execution id that s makes at a time.
func (s Schedule) Run(id ID, at time.Time) Execution {
	x := s.Template
	x.ID, x.UserID, x.ScheduleID = id, s.UserID, s.ID
	x.Status, x.Attempt, x.CreatedAt = Queued, 1, at.UTC().Truncate(time.Millisecond)
	return x
}

// ScheduledID returns the ID of the execution that a workflow of a schedule
// makes: the same one every time. Its name ends with the time that it is for,
// as in fire-…-2006-01-02T15:04:05Z, and this time is in the ID.
func ScheduledID(workflow string) ID {
	const layout = "2006-01-02T15:04:05Z"
	at, err := time.Parse(layout, workflow[max(0, len(workflow)-len(layout)):])
	if err != nil {
		at = time.Unix(0, 0) // somebody started it by hand, under another name
	}
	return DerivedID(ID(fmt.Sprintf("%012x", at.UnixMilli())), workflow)
}
