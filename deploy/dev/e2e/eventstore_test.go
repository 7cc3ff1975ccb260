package e2e

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// eventPage is a part of what the event store has.
type eventPage struct {
	Items []event `json:"items"`
	Next  *string `json:"next_cursor"`
}

// browsed are all events that query chooses, the oldest first, in small pages.
func (s *story) browsed(query url.Values) (ids []string) {
	s.Helper()
	query.Set("order", "oldest")
	query.Set("limit", "7")
	for {
		var page eventPage
		s.into(s.do(http.MethodGet, "/api/v1/admin/events?"+query.Encode(), nil), http.StatusOK, &page)
		for _, e := range page.Items {
			ids = append(ids, e.ID)
		}
		if page.Next == nil {
			query.Del("cursor")
			query.Del("limit")
			return ids
		}
		query.Set("cursor", *page.Next)
	}
}

// told waits until the timeline of an execution has its last event.
func (s *story) told(id string) []event {
	s.Helper()
	var all []event
	eventually(s, 20*time.Second, func() (bool, string) {
		all = s.timeline(id)
		return slices.ContainsFunc(all, func(e event) bool { return e.Type == "saga_completed" }), "no saga_completed"
	})
	return all
}

// EV-16, EV-18 to EV-23: what was published is found, counted, exported, deleted
// and restored.
func TestTheEventStoreIsOpenToOperators(t *testing.T) {
	s := beside(t, 4*time.Minute)
	me, op := s.as("teller-"+s.word()), s.as(operator)
	runs := me.runs(python("print(1)"), bash("exit 3"), bash("echo x"))
	var want []string
	for _, x := range runs {
		for _, e := range s.as(me.user).told(x.ID) {
			want = append(want, e.ID)
		}
	}
	mine := url.Values{"user_id": {me.user}}
	got := op.browsed(mine)
	for _, id := range want {
		if !slices.Contains(got, id) {
			t.Errorf("%s is not found", id)
		}
	}
	failed := op.browsed(url.Values{"user_id": {me.user}, "text": {"script_err"}, "event_type": {"execution_failed"}})
	if len(failed) != 1 || !strings.HasPrefix(failed[0], runs[1].ID) {
		t.Errorf("by text: %v", failed)
	}
	s.ownEvents(me, runs[0].ID)
	s.counted(op, me.user)
	s.exported(op, mine)
	s.archived(op, me, failed[0], runs[1].ID)
}

// ownEvents are seen by their user, and by no other.
func (s *story) ownEvents(me *story, id string) {
	s.Helper()
	var page eventPage
	me.into(me.do(http.MethodGet, "/api/v1/events?execution_id="+id+"&user_id=somebody", nil), http.StatusOK, &page)
	if len(page.Items) == 0 {
		s.Error("a user does not see their own events")
	}
	other := s.as("other-" + s.word())
	other.into(other.do(http.MethodGet, "/api/v1/events?execution_id="+id+"&user_id="+me.user, nil), http.StatusOK, &page)
	if len(page.Items) != 0 {
		s.Errorf("another user sees them: %s", jsonOf(page))
	}
	for _, path := range []string{"/api/v1/admin/events", "/api/v1/admin/events/export", "/api/v1/admin/projections"} {
		s.refuse(me.do(http.MethodGet, path, nil), http.StatusForbidden, "")
	}
}

// counted looks whether the figures agree with each other.
func (s *story) counted(op *story, user string) {
	s.Helper()
	var stats struct {
		Total     int            `json:"total"`
		ByType    map[string]int `json:"by_type"`
		Durations struct {
			Run struct{ Count int } `json:"run"`
		} `json:"durations"`
	}
	op.into(op.do(http.MethodGet, "/api/v1/admin/events/stats?hours=2", nil), http.StatusOK, &stats)
	sum := 0
	for _, n := range stats.ByType {
		sum += n
	}
	if stats.Total != sum || stats.ByType["execution_failed"] < 1 || stats.Durations.Run.Count < 3 {
		s.Errorf("%s", jsonOf(stats))
	}
	var groups struct {
		Total struct {
			Runs int     `json:"runs"`
			Rate float64 `json:"success_rate"`
		} `json:"total"`
	}
	op.into(op.do(http.MethodGet, "/api/v1/admin/statistics?by=language&user_id="+user, nil), http.StatusOK, &groups)
	if groups.Total.Runs != 3 || !near(groups.Total.Rate, 2.0/3) {
		s.Errorf("%s", jsonOf(groups))
	}
}

// exported looks whether files have what pages have. Late events, such as
// pod_deleted, may come between.
func (s *story) exported(op *story, query url.Values) {
	s.Helper()
	eventually(s, 30*time.Second, func() (bool, string) {
		want := op.browsed(query)
		asCSV, asLines := op.do(http.MethodGet, "/api/v1/admin/events/export?format=csv&"+query.Encode(), nil), op.do(http.MethodGet, "/api/v1/admin/events/export?format=ndjson&"+query.Encode(), nil)
		rows, err := csv.NewReader(bytes.NewReader(asCSV.body)).ReadAll()
		if err != nil || len(rows) == 0 {
			return false, "no table"
		}
		var inTable, inLines []string
		for _, row := range rows[1:] {
			inTable = append(inTable, row[0])
		}
		for lines := bufio.NewScanner(bytes.NewReader(asLines.body)); lines.Scan(); {
			var e event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				return false, err.Error()
			}
			inLines = append(inLines, e.ID)
		}
		return slices.Equal(want, inTable) && slices.Equal(want, inLines), "files and pages differ"
	})
	if said := op.cli("", "events", "export", "json", "--user", query.Get("user_id")); said.code != 0 || !json.Valid([]byte(said.out)) {
		s.Errorf("%+v", said)
	}
}

// archived deletes an event, and restores it.
func (s *story) archived(op, me *story, id, run string) {
	s.Helper()
	has := func() bool {
		return slices.ContainsFunc(me.timeline(run), func(e event) bool { return e.ID == id })
	}
	if said := op.cli("", "events", "delete", "--reason", "a test", id); said.code != 0 || has() {
		s.Fatalf("%+v", said)
	}
	var page struct {
		Items []struct {
			ID     string `json:"id"`
			By     string `json:"deleted_by"`
			Reason string `json:"deletion_reason"`
		}
	}
	op.into(op.do(http.MethodGet, "/api/v1/admin/events/archive?user_id="+me.user, nil), http.StatusOK, &page)
	if len(page.Items) != 1 || page.Items[0].ID != id || page.Items[0].By != operator || page.Items[0].Reason != "a test" {
		s.Errorf("%s", jsonOf(page))
	}
	op.into(op.do(http.MethodPost, "/api/v1/admin/events/archive/restore", map[string]string{"id": id}), http.StatusOK, &event{})
	if !has() {
		s.Error("it was not restored")
	}
}

// rebuilt is what a shell says of a rebuild that has ended.
type rebuilt struct {
	Status    string  `json:"status"`
	Done      int     `json:"done"`
	PerSecond float64 `json:"events_per_second"`
	Compared  int     `json:"compared"`
	Equal     *bool   `json:"equal"`
	Examples  []any   `json:"examples"`
}

func (s *story) rebuild(args ...string) (r rebuilt) {
	s.Helper()
	said := s.finish(the.command(s, append([]string{"projections", "rebuild", "-json"}, args...)...))
	if err := json.Unmarshal([]byte(said.out), &r); err != nil || said.code != 0 || r.Status != "completed" {
		s.Fatalf("%v: %+v", err, said)
	}
	s.Logf("projection rebuild %s: %d events, %.0f events/s, %d documents compared", strings.Join(args, " "), r.Done, r.PerSecond, r.Compared)
	if r.Equal == nil || !*r.Equal {
		s.Errorf("%s: the new one differs: %s", strings.Join(args, " "), jsonOf(r))
	}
	return r
}

// EV-17: what is made anew of the events, from either source and while runs go
// on, is what the live writers made.
func TestProjectionsAreRebuiltWhileRunsGoOn(t *testing.T) {
	s := beside(t, 10*time.Minute)
	me := s.as("builder-" + s.word())
	done := me.run(bash("echo before"))
	before := me.get(done.ID)
	me.told(done.ID)
	slow := me.submit(bash("sleep 5; echo after"))
	for _, source := range []string{"store", "kafka"} {
		if r := s.rebuild("executions", "-from", source); r.Compared == 0 || r.Done == 0 {
			t.Errorf("from %s: %s", source, jsonOf(r))
		}
	}
	s.rebuild("events", "-dry-run")
	if after := me.ended(slow.ID); after.stdout() != "after\n" {
		t.Errorf("%s", jsonOf(after))
	}
	if now := me.get(done.ID); jsonOf(now) != jsonOf(before) {
		t.Errorf("it was changed: %s\n%s", jsonOf(before), jsonOf(now))
	}
}

// The event store is replaced by one from Kafka, and has all that it had.
func TestTheEventStoreIsReplaced(t *testing.T) {
	s := begin(t, 5*time.Minute)
	me := s.as("mover-" + s.word())
	x := me.run(bash("echo x"))
	want := me.told(x.ID)
	running := me.submit(bash("sleep 3; echo y"))
	s.rebuild("events")
	got := me.timeline(x.ID)
	for _, e := range want {
		if !slices.ContainsFunc(got, func(other event) bool { return other.ID == e.ID }) {
			t.Errorf("%s is lost", e.ID)
		}
	}
	if y := me.ended(running.ID); y.stdout() != "y\n" {
		t.Errorf("%s", jsonOf(y))
	}
	me.told(running.ID)
}
