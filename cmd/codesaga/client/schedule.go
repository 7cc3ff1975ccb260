package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// schedulePath is the path of a schedule, or of something of it.
func schedulePath(id, of string) string { return "/schedules/" + url.PathEscape(id) + of }

// schedule is the body of a schedule to make.
type schedule struct {
	Name       string     `json:"name"`
	Cron       string     `json:"cron,omitempty"`
	Every      int64      `json:"every_seconds,omitempty"`
	TimeZone   string     `json:"time_zone,omitempty"`
	Overlap    string     `json:"overlap,omitempty"`
	CatchUp    int64      `json:"catch_up_seconds,omitempty"`
	Submission submission `json:"submission"`
}

// scheduleView is a schedule as the API shows it: what the client needs of it.
type scheduleView struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	UserID     string         `json:"user_id"`
	Cron       string         `json:"cron"`
	Every      int64          `json:"every_seconds"`
	TimeZone   string         `json:"time_zone"`
	Overlap    string         `json:"overlap"`
	CatchUp    int64          `json:"catch_up_seconds"`
	Paused     bool           `json:"paused"`
	CreatedAt  time.Time      `json:"created_at"`
	NextRuns   []time.Time    `json:"next_runs"`
	RecentRuns []scheduledRun `json:"recent_runs"`
	Submission struct {
		Language string `json:"language"`
		Version  string `json:"version"`
	} `json:"submission"`
}

// scheduledRun is one that a schedule made.
type scheduledRun struct {
	ExecutionID  string     `json:"execution_id"`
	ScheduledFor *time.Time `json:"scheduled_for"`
}

// times says when it runs.
func (s scheduleView) times() string {
	if s.Cron != "" {
		return strings.TrimSpace(s.Cron + " " + s.TimeZone)
	}
	return "every " + (time.Duration(s.Every) * time.Second).String()
}

// next is the first time to come.
func (s scheduleView) next() string {
	switch {
	case s.Paused:
		return "paused"
	case len(s.NextRuns) == 0:
		return ""
	default:
		return stamp(&s.NextRuns[0])
	}
}

// doScheduleCreate makes a schedule.
func doScheduleCreate(ctx context.Context, c *call, args []string) error {
	var s schedule
	fs := c.flags()
	s.Submission.define(fs)
	fs.StringVar(&s.Cron, "cron", "", "`SPEC` of five fields, such as '30 6 * * 1-5'")
	fs.Func("every", "`TIME` from one run to the next, such as 10m", amount(&s.Every, parseSeconds, "whole seconds, such as 10m or 600"))
	fs.StringVar(&s.TimeZone, "time-zone", "", "`ZONE` that --cron is in, such as Europe/Vienna (default UTC)")
	fs.StringVar(&s.Overlap, "overlap", "", "`WHAT` happens while the run before goes on: skip, queue or cancel_previous")
	fs.Func("catch-up", "`TIME` by which a run that was missed may be late", amount(&s.CatchUp, parseSeconds, "whole seconds, such as 1h or 3600"))
	asJSON := fs.Bool("json", false, jsonHelp)
	rest, err := c.parseScript(fs, args, 1, 2)
	switch {
	case err != nil:
		return err
	case (s.Cron == "") == (s.Every == 0):
		return c.misused()
	}
	s.Name, rest = rest[0], rest[1:]
	if err := s.Submission.load(c.Stdin, rest); err != nil {
		return err
	}
	if s.Submission.Language == "" {
		if s.Submission.Language, err = c.languageOf(ctx, s.Submission.name(rest), func(error) {}); err != nil {
			return err
		}
	}
	var raw json.RawMessage
	if err := c.send(ctx, http.MethodPost, "/schedules", s, &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var v scheduleView
	if err := json.Unmarshal(raw, &v); err != nil || v.ID == "" {
		return fmt.Errorf("the answer names no schedule: %s", raw[:min(200, len(raw))])
	}
	return c.printf("%s\n", oneLine(v.ID))
}

// doScheduleList lists schedules.
func doScheduleList(ctx context.Context, c *call, args []string) error {
	fs, query := c.flags(), url.Values{}
	asJSON := fs.Bool("json", false, jsonHelp)
	whose(fs, query)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	var p page
	if err := c.api.get(ctx, "/schedules?"+query.Encode(), &p); err != nil {
		return err
	}
	if *asJSON {
		return c.printAny(p)
	}
	rows, err := each(p.Items, []string{"ID", "NAME", "TIMES", "OVERLAP", "NEXT"}, func(s scheduleView) []string {
		return []string{s.ID, s.Name, s.times(), s.Overlap, s.next()}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doScheduleGet shows one schedule.
func doScheduleGet(ctx context.Context, c *call, args []string) error {
	var s scheduleView
	show, err := c.one(ctx, args, func(id string) string { return schedulePath(id, "") }, &s)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("id", s.ID)
	f.add("name", s.Name)
	f.add("user", s.UserID)
	f.add("times", s.times())
	f.add("overlap", s.Overlap)
	f.add("catch up", (time.Duration(s.CatchUp) * time.Second).String())
	f.add("language", strings.TrimSpace(s.Submission.Language+" "+s.Submission.Version))
	if s.Paused {
		f.add("paused", "yes")
	}
	f.add("created", stamp(&s.CreatedAt))
	for _, at := range s.NextRuns {
		f.add("next run", stamp(&at))
	}
	for _, r := range s.RecentRuns {
		f.add("run", strings.TrimSpace(stamp(r.ScheduledFor)+" "+r.ExecutionID))
	}
	return c.printTable(f)
}

// doScheduleVerb pauses, resumes or triggers a schedule.
func doScheduleVerb(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, schedulePath(rest[0], "/"+strings.TrimPrefix(c.cmd.Name, "schedule ")), nil)
}

// doScheduleDelete deletes a schedule.
func doScheduleDelete(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodDelete, schedulePath(rest[0], ""), nil, nil)
}
