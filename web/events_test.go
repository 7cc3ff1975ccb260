package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// events keeps events in their order; after so many pages it fails.
type events struct {
	all     []execution.Recorded
	archive map[string]execution.Archived
	query   execution.EventQuery
	page    execution.EventPage
	pages   int
	fail    int // of the pages the one that fails; 0: none
	hours   int
}

func (s *Server) withEvents(all ...execution.Recorded) *events {
	e := &events{all: slices.Clone(all), archive: map[string]execution.Archived{"gone": {}}}
	s.EventBook, s.EventFigures, s.EventArchive = e, e, e
	return e
}

func (e *events) Browse(_ context.Context, q execution.EventQuery, p execution.EventPage) (items []execution.Recorded, next string, err error) {
	e.query, e.page = q, p
	if e.pages++; e.pages == e.fail {
		return nil, "", errSecret
	}
	from := 0
	_, _ = fmt.Sscan(p.Cursor, &from)
	to := min(from+p.Limit, len(e.all))
	if to < len(e.all) {
		next = fmt.Sprint(to)
	}
	return slices.Clone(e.all[from:to]), next, nil
}

func (e *events) Event(_ context.Context, id string) (execution.Recorded, error) {
	i := slices.IndexFunc(e.all, func(r execution.Recorded) bool { return r.ID == id })
	if i < 0 {
		return execution.Recorded{}, execution.Errorf(execution.NotFound, "no event %q", id)
	}
	return e.all[i], nil
}

func (e *events) Around(_ context.Context, at execution.Recorded, n int) (before, after []execution.Recorded, err error) {
	i := slices.IndexFunc(e.all, func(r execution.Recorded) bool { return r.ID == at.ID })
	return e.all[max(0, i-n):i], e.all[i+1 : min(len(e.all), i+1+n)], nil
}

func (e *events) EventStats(_ context.Context, _ time.Time, hours int) (execution.EventStats, error) {
	e.hours = hours
	return execution.SumHours(nil), nil
}

func (e *events) CountTypes(_ context.Context, q execution.EventQuery) (execution.EventCounts, error) {
	e.query = q
	return execution.EventCounts{Total: 7, ByType: map[execution.EventType]int64{execution.PodRunning: 7}}, nil
}

func (e *events) CountEvents(_ context.Context, q execution.EventQuery) (int64, error) {
	e.query = q
	return int64(len(e.all)), nil
}

func (e *events) Archive(_ context.Context, id, by, reason string) (execution.Archived, error) {
	r, err := e.Event(context.Background(), id)
	if was, ok := e.archive[id]; ok {
		return was, nil
	}
	if err == nil {
		e.archive[id] = execution.Archived{Recorded: r, DeletedBy: by, Reason: reason}
		e.all = slices.DeleteFunc(e.all, func(r execution.Recorded) bool { return r.ID == id })
	}
	return e.archive[id], err
}

func (e *events) BrowseArchive(_ context.Context, q execution.EventQuery, _ execution.EventPage) (items []execution.Archived, next string, err error) {
	e.query = q
	for _, a := range e.archive {
		items = append(items, a)
	}
	return items, "", nil
}

func (e *events) Restore(_ context.Context, id string) (execution.Recorded, error) {
	a, ok := e.archive[id]
	if !ok {
		return a.Recorded, execution.Errorf(execution.NotFound, "no event %q", id)
	}
	delete(e.archive, id)
	return a.Recorded, nil
}

// happened are n events of x1.
func happened(n int) (all []execution.Recorded) {
	for i := range n {
		e := execution.NewEvent("x1", "ann", "kube", execution.PodCreated, time.Unix(int64(i), 0))
		e.ID += fmt.Sprint("/", i)
		all = append(all, execution.Recorded{Event: e, Offset: int64(i), RecordedAt: e.At})
	}
	return all
}

type eventList struct {
	Items []execution.Recorded
	Next  *string `json:"next_cursor"`
}

func TestEventsAreBrowsed(t *testing.T) {
	s, _, _ := serve(nil)
	e := s.withEvents(happened(60)...)
	w := ask(s, "GET", "/api/v1/admin/events?event_type=pod_created&event_type=pod_running&exclude_event_type=x&execution_id=x1&user_id=ann&service=kube"+
		"&correlation_id=c&from=2026-08-01T00:00:00Z&to=2026-08-02T00:00:00Z&text=node+n1&order=oldest&limit=7&cursor=3", "", "User", "op")
	got := read[eventList](t, w)
	if w.Code != 200 || len(got.Items) != 7 || got.Items[0].Offset != 3 || got.Next == nil || *got.Next != "10" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	q := e.query
	if len(q.Types) != 2 || q.ExcludeTypes[0] != "x" || q.ExecutionID != "x1" || q.UserID != "ann" || q.Service != "kube" || q.Correlation != "c" ||
		q.From.Day() != 1 || q.To.Day() != 2 || q.Text != "node n1" || !e.page.OldestFirst {
		t.Errorf("asked for %+v, %+v", q, e.page)
	}
	if got := read[eventList](t, ask(s, "GET", "/api/v1/admin/events", "", "User", "op")); len(got.Items) != 50 || e.page.OldestFirst {
		t.Errorf("%d by default", len(got.Items))
	}
	for query, field := range map[string]string{
		"limit=501": "limit", "limit=0": "limit", "order=x": "order", "event_type=A%24": "event_type", "text=" + strings.Repeat("x", 201): "text",
		"from=x": "from", "from=2026-08-02T00:00:00Z&to=2026-08-01T00:00:00Z": "to", "text=%21": "text", "hours=169": "hours", "format=xml": "format",
	} {
		path := map[string]string{"hours": "/stats", "format": "/export"}[field]
		if w := ask(s, "GET", "/api/v1/admin/events"+path+"?"+query, "", "User", "op"); w.Code != 422 || read[Problem](t, w).Errors[0].Field != field {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// Others than operators have their own events and nothing else, whatever they
// ask for.
func TestUsersHaveTheirOwnEvents(t *testing.T) {
	s, _, _ := serve(nil)
	failed := execution.Recorded{Event: execution.NewEvent("x1", "ann", "saga", execution.SagaFailed, time.Unix(0, 0))}
	failed.Saga = &execution.Saga{Step: "admit", Cause: "hunter2"}
	e := s.withEvents(failed)
	w := ask(s, "GET", "/api/v1/events?user_id=bob&event_type=saga_failed", "", "User", "ann")
	if w.Code != 200 || e.query.UserID != "ann" || strings.Contains(w.Body.String(), "hunter2") || !strings.Contains(w.Body.String(), "admit") {
		t.Errorf("%d, of %q: %s", w.Code, e.query.UserID, w.Body)
	}
	w = ask(s, "GET", "/api/v1/events/stats?user_id=bob", "", "User", "ann")
	if w.Code != 200 || e.query.UserID != "ann" || !strings.Contains(w.Body.String(), `{"total":7,"by_type":{"pod_running":7}}`) {
		t.Errorf("%d, of %q: %s", w.Code, e.query.UserID, w.Body)
	}
	w = ask(s, "GET", "/api/v1/events/types", "")
	if w.Code != 200 || strings.Count(w.Body.String(), `"schema":"codesaga.ExecutionEvent"`) != len(execution.EventKinds) {
		t.Errorf("%s", w.Body)
	}
	for _, r := range []struct{ method, path string }{
		{"GET", ""}, {"DELETE", "?id=x"}, {"GET", "/detail?id=x"}, {"GET", "/stats"}, {"GET", "/export"}, {"GET", "/archive"}, {"POST", "/archive/restore"},
	} {
		if w := ask(s, r.method, "/api/v1/admin/events"+r.path, `{"id":"x","reason":"x"}`, "User", "ann"); w.Code != 403 {
			t.Errorf("%s %s: %d", r.method, r.path, w.Code)
		}
		if w := ask(s, r.method, "/api/v1/admin/events"+r.path, `{"id":"x","reason":"x"}`, "User", "nobody"); w.Code != 401 {
			t.Errorf("%s %s: %d", r.method, r.path, w.Code)
		}
	}
}

func TestEventInDetail(t *testing.T) {
	s, _, _ := serve(nil)
	all := happened(20)
	e := s.withEvents(all...)
	w := ask(s, "GET", "/api/v1/admin/events/detail?id="+all[2].ID, "", "User", "op")
	got := read[struct {
		Event                  execution.Recorded
		Related, Before, After []execution.Recorded
	}](t, w)
	if got.Event.ID != all[2].ID || len(got.Related) != 10 || len(got.Before) != 2 || len(got.After) != 5 || e.query.ExecutionID != "x1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if slices.ContainsFunc(got.Related, func(r execution.Recorded) bool { return r.ID == all[2].ID }) {
		t.Error("it is related to itself")
	}
	e.all[2].CorrelationID = "c1"
	ask(s, "GET", "/api/v1/admin/events/detail?id="+all[2].ID, "", "User", "op")
	if e.query.Correlation != "c1" || e.query.ExecutionID != "" {
		t.Errorf("related: %+v", e.query)
	}
	for path, want := range map[string]int{"?id=other": 404, "": 422} {
		if w := ask(s, "GET", "/api/v1/admin/events/detail"+path, "", "User", "op"); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(s, "GET", "/api/v1/admin/events/stats?hours=168", "", "User", "op"); w.Code != 200 || e.hours != 168 {
		t.Errorf("%d, %d hours", w.Code, e.hours)
	}
}

func TestEventIsDeletedAndRestored(t *testing.T) {
	s, _, _ := serve(nil)
	all := happened(3)
	all[2].Type = execution.ResultStored
	e := s.withEvents(all...)
	clear(e.archive)
	do := func(method, path, body string) *httptest.ResponseRecorder {
		return ask(s, method, "/api/v1/admin/events"+path, body, "User", "op")
	}
	for range 2 {
		w := do("DELETE", "?id="+all[0].ID, `{"reason":"it has a name in it"}`)
		if a := read[execution.Archived](t, w); w.Code != 200 || a.DeletedBy != "op" || a.Reason != "it has a name in it" || len(e.all) != 2 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := do("GET", "/archive?user_id=ann", ""); !strings.Contains(w.Body.String(), `"deletion_reason":"it has a name in it"`) || e.query.UserID != "ann" {
		t.Errorf("%s", w.Body)
	}
	if w := do("POST", "/archive/restore", `{"id":"`+all[0].ID+`"}`); w.Code != 200 || read[execution.Recorded](t, w).ID != all[0].ID {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"DELETE", "?id=" + all[1].ID, `{"reason":" "}`, 422}, {"DELETE", "?id=" + all[1].ID, "", 400}, {"DELETE", "", `{"reason":"x"}`, 422},
		{"DELETE", "?id=" + all[1].ID, `{"reason":"` + strings.Repeat("x", 501) + `"}`, 422},
		{"DELETE", "?id=none", `{"reason":"x"}`, 404}, {"DELETE", "?id=" + all[2].ID, `{"reason":"x"}`, 409},
		{"POST", "/archive/restore", `{"id":"none"}`, 404}, {"POST", "/archive/restore", `{}`, 422},
	} {
		if w := do(tt.method, tt.path, tt.body); w.Code != tt.want {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
	}
}

func TestStatisticsOfGroups(t *testing.T) {
	s, m, _ := serve(nil)
	g := s.withGroups(m)
	g.usage = []execution.UsageRow{
		{Key: "go", Runs: 4, ByStatus: map[execution.Status]int64{execution.Completed: 3, execution.Failed: 1}, CPUSeconds: 2, WallSeconds: 8, QueueSeconds: 1},
		{Key: "python", Runs: 1, ByStatus: map[execution.Status]int64{execution.Failed: 1}},
	}
	w := ask(s, "GET", "/api/v1/admin/statistics?by=language&from=2026-08-01T00:00:00Z&to=2026-08-02T00:00:00Z", "", "User", "op")
	got := read[struct {
		Items []GroupStatistics
		Total GroupStatistics
	}](t, w)
	if len(got.Items) != 2 || got.Items[0].SuccessRate != 0.75 || got.Items[0].MeanQueue != 0.25 || got.Items[0].MeanWall != 2 || got.Total.Runs != 5 || got.Total.SuccessRate != 0.6 || g.asked.UserID != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, tt := range []struct {
		user, path string
		status     int
		of         string
	}{
		{"ann", "/statistics", 200, "ann"}, {"ann", "/statistics?by=user", 422, ""}, {"ann", "/statistics?user_id=bob", 200, "ann"},
		{"ann", "/admin/statistics", 403, ""}, {"op", "/admin/statistics?by=user", 200, ""}, {"op", "/admin/statistics?user_id=bob", 200, "bob"},
		{"op", "/admin/statistics?by=moon", 422, ""}, {"op", "/admin/statistics?from=2020-01-01T00:00:00Z", 422, ""},
	} {
		g.asked = execution.UsageFilter{}
		if w := ask(s, "GET", "/api/v1"+tt.path, "", "User", tt.user); w.Code != tt.status || g.asked.UserID != tt.of {
			t.Errorf("%s %s: %d, of %q", tt.user, tt.path, w.Code, g.asked.UserID)
		}
	}
}
