package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

const (
	schedules = "/api/v1/schedules"
	nightly   = `{"name":"nightly","cron":"30 3 * * *","time_zone":"Europe/Vienna","submission":{"language":"py","script":"print(1)","labels":{"a":"b"}}}`
)

func withSchedules() (*Server, *groups) {
	s, m, _ := serve(nil)
	return s, s.withGroups(m)
}

func TestScheduleIsAccepted(t *testing.T) {
	s, g := withSchedules()
	w := ask(s, "POST", schedules, nightly)
	v := read[ScheduleView](t, w)
	if w.Code != 201 || w.Header().Get("Location") != schedules+"/"+v.ID || v.Name != "nightly" || v.Cron != "30 3 * * *" || v.Every != nil || v.TimeZone != "Europe/Vienna" ||
		v.Overlap != "skip" || v.CatchUp != 3600 || v.Paused || len(v.NextRuns) != 1 || v.Submission.Script != "print(1)" || v.Submission.Language != "python" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := g.schedules[v.ID]
	if x := c.Template; c.UserID != "ann" || x.ID != "" || x.UserID != "ann" || x.Input.Script != "print(1)" || x.Program.Image != "python" || x.Limits.TimeoutSeconds != 30 || len(x.Labels) != 1 {
		t.Errorf("%+v", c)
	}
	every := read[ScheduleView](t, ask(s, "POST", schedules, `{"name":"often","every_seconds":60,"overlap":"queue","catch_up_seconds":10,"submission":{"language":"py","script":"1"}}`))
	if *every.Every != 60 || every.Overlap != "queue" || every.CatchUp != 10 || every.TimeZone != "UTC" {
		t.Errorf("%+v", every)
	}
}

func TestSchedulesThatAreRefused(t *testing.T) {
	with := func(more string) string {
		return `{"name":"n",` + more + `"submission":{"language":"py","script":"1"}}`
	}
	tests := []struct{ name, body, field string }{
		{"neither cron nor every", with(""), "cron"},
		{"both", with(`"cron":"* * * * *","every_seconds":60,`), "cron"},
		{"seconds", with(`"cron":"* * * * * *",`), "cron"},
		{"no cron at all", with(`"cron":"every day",`), "cron"},
		{"too often", with(`"every_seconds":59,`), "every_seconds"},
		{"a negative time", with(`"every_seconds":-60,`), "every_seconds"},
		{"a zone that is none", with(`"cron":"* * * * *","time_zone":"Mars/Olympus",`), "time_zone"},
		{"the zone of the server", with(`"cron":"* * * * *","time_zone":"Local",`), "time_zone"},
		{"a path as a zone", with(`"cron":"* * * * *","time_zone":"../../etc/passwd",`), "time_zone"},
		{"an overlap that is none", with(`"cron":"* * * * *","overlap":"both",`), "overlap"},
		{"too late", with(`"cron":"* * * * *","catch_up_seconds":9,`), "catch_up_seconds"},
		{"no name", `{"cron":"* * * * *","submission":{"language":"py","script":"1"}}`, "name"},
		{"no script", `{"name":"n","cron":"* * * * *","submission":{"language":"py"}}`, "submission.script"},
		{"a time of its own", `{"name":"n","cron":"* * * * *","submission":{"language":"py","script":"1","scheduled_at":"2026-01-01T00:00:00Z"}}`, "submission.scheduled_at"},
	}
	for _, tt := range tests {
		s, g := withSchedules()
		w := ask(s, "POST", schedules, tt.body)
		if p := read[Problem](t, w); w.Code != 422 || len(p.Errors) == 0 || p.Errors[0].Field != tt.field || len(g.schedules) != 0 {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
	s, g := withSchedules()
	if w := ask(s, "POST", schedules, strings.Replace(nightly, `"labels"`, `"priority":"high","labels"`, 1)); w.Code != 403 {
		t.Errorf("a priority of operators: %d %s", w.Code, w.Body)
	}
	g.err = execution.FieldErrors{{Field: "cron", Rule: "means nothing"}}
	if w := ask(s, "POST", schedules, nightly, "Idempotency-Key", "k"); w.Code != 422 || len(g.schedules) != 0 || len(g.keys) != 0 {
		t.Errorf("a cron that only the clock refuses: %d %s, %v", w.Code, w.Body, g.schedules)
	}
}

func TestScheduleFailsAsAWhole(t *testing.T) {
	s, g := withSchedules()
	g.err = errSecret
	if w := ask(s, "POST", schedules, nightly, "Idempotency-Key", "k"); w.Code != 503 || strings.Contains(w.Body.String(), "hunter2") || len(g.schedules) != 0 || len(g.clocks) != 0 || len(g.keys) != 0 {
		t.Errorf("%d %s, %v %v %v", w.Code, w.Body, g.schedules, g.clocks, g.keys)
	}
	g.err = nil
	first := ask(s, "POST", schedules, nightly, "Idempotency-Key", "k")
	again := ask(s, "POST", schedules, nightly, "Idempotency-Key", "k")
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" || len(g.schedules) != 1 {
		t.Errorf("%d %d, %s, %s", first.Code, again.Code, first.Body, again.Body)
	}
	if w := ask(s, "POST", schedules, strings.Replace(nightly, "nightly", "other", 1), "Idempotency-Key", "k"); w.Code != 422 {
		t.Errorf("another body: %d", w.Code)
	}
}

func TestAUserHasAHundredSchedules(t *testing.T) {
	s, g := withSchedules()
	for i := range 100 {
		id := fmt.Sprint("s", i)
		g.schedules[id] = execution.Schedule{ID: id, UserID: "ann"}
	}
	if w := ask(s, "POST", schedules, nightly); w.Code != 429 || read[Problem](t, w).Type != "/problems/too_many_schedules" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", schedules, nightly, "User", "bob"); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestScheduleIsMoved(t *testing.T) {
	s, g := withSchedules()
	id := read[ScheduleView](t, ask(s, "POST", schedules, nightly)).ID
	for _, step := range []struct {
		verb   string
		paused bool
		runs   int
	}{{"pause", true, 0}, {"trigger", true, 1}, {"resume", false, 0}} {
		if v := read[ScheduleView](t, ask(s, "POST", schedules+"/"+id+"/"+step.verb, "")); v.Paused != step.paused || len(v.RecentRuns) != step.runs {
			t.Errorf("%s: %+v", step.verb, v)
		}
	}
	list := read[struct{ Items []ScheduleView }](t, ask(s, "GET", schedules, ""))
	if len(list.Items) != 1 || list.Items[0].ID != id || list.Items[0].Submission.Script != "" {
		t.Errorf("%+v", list)
	}
	delete(g.clocks, id) // whoever made it died in between
	if v := read[ScheduleView](t, ask(s, "GET", schedules+"/"+id, "")); len(v.NextRuns) != 1 {
		t.Errorf("it was not started: %+v", v)
	}
	if w := ask(s, "DELETE", schedules+"/"+id, ""); w.Code != 204 || len(g.schedules) != 0 || len(g.clocks) != 0 {
		t.Errorf("%d, %v %v", w.Code, g.schedules, g.clocks)
	}
	if w := ask(s, "DELETE", schedules+"/"+id, ""); w.Code != 404 {
		t.Errorf("again: %d", w.Code)
	}
}
