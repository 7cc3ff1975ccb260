package web

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const replays = "/api/v1/admin/replays"

// asOperator asks as one.
func asOperator(s *Server, method, path, body string, header ...string) (int, string) {
	w := ask(s, method, path, body, append(header, "User", "op")...)
	return w.Code, w.Body.String()
}

func TestReplayIsAccepted(t *testing.T) {
	s, a := withReplays()
	w := ask(s, "POST", replays, `{"name":"again","filter":{"user_id":"ann"},"target":{"kind":"kafka","topic":"replay.a"},"max_events":100}`, "User", "op")
	v := read[ReplayView](t, w)
	if w.Code != 201 || w.Header().Get("Location") != replays+"/"+v.ID || v.Status != "created" || v.Type != "user" || v.Speed != 1 || v.Batch != 100 || !v.Skip || v.Attempts != 3 ||
		v.Target.Partitions != 3 || v.Progress.Total != 100 || v.By != "op" || v.Progress.Percentage != 0 || v.Duration != nil || len(a.told) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if a.query.To.IsZero() || time.Since(a.query.To) > time.Minute {
		t.Errorf("what it chooses grows: %+v", a.query)
	}
	body := `{"name":"now","filter":{"event_types":["of_the_future"]},"target":{"kind":"test"},"start":true}`
	first := read[ReplayView](t, ask(s, "POST", replays, body, "User", "op", "Idempotency-Key", "k1"))
	again := ask(s, "POST", replays, body, "User", "op", "Idempotency-Key", "k1")
	if first.Status != "scheduled" || read[ReplayView](t, again).ID != first.ID || again.Header().Get("Idempotency-Replayed") != "true" || len(a.sessions) != 2 {
		t.Errorf("%+v %s", first, again.Body)
	}
	if code, text := asOperator(s, "POST", replays, `{"name":"other","filter":{"user_id":"a"},"target":{"kind":"test"}}`, "Idempotency-Key", "k1"); code != 422 {
		t.Errorf("%d %s", code, text)
	}
}

func TestReplaysThatAreRefused(t *testing.T) {
	with := func(filter, target, more string) string {
		return `{"name":"n","filter":{` + filter + `},"target":{` + target + `}` + more + `}`
	}
	ann, test := `"user_id":"ann"`, `"kind":"test"`
	for _, tt := range []struct {
		body  string
		code  int
		field string
	}{
		{with("", test, ""), 422, "filter"},
		{with(ann, `"kind":"kafka","topic":"execution_tasks"`, ""), 422, "target.topic"},
		{with(ann, `"kind":"kafka","topic":"execution_events"`, ""), 422, "target.topic"},
		{with(ann, `"kind":"kafka","topic":"replay.a","allow_live":true`, ""), 422, "target.allow_live"},
		{with(ann, `"kind":"file","path":"/etc/passwd"`, ""), 422, "target.path"},
		{with(ann, `"kind":"/etc/passwd"`, ""), 422, "target.kind"},
		{with(ann, `"kind":"callback","url":"https://example.org"`, ""), 422, "target.url"},
		{with(ann, test, `,"max_events":0`), 422, "max_events"},
		{with(ann, test, `,"speed_multiplier":1000`), 422, "speed_multiplier"},
		{with(ann, test, `,"batch_size":"many"`), 400, "batch_size"},
		{with(ann, test, `,"allow_live":true`), 400, "allow_live"},
	} {
		for _, path := range []string{replays, replays + "/preview"} {
			s, a := withReplays()
			if code, text := asOperator(s, "POST", path, tt.body); code != tt.code || !strings.Contains(text, `"field":"`+tt.field+`"`) || len(a.sessions) > 0 {
				t.Errorf("%s: %d %s", tt.body, code, text)
			}
		}
	}
	s, a := withReplays()
	a.all = nil
	if code, text := asOperator(s, "POST", replays, with(ann, test, ""), "Idempotency-Key", "k"); code != 404 || len(a.sessions) > 0 {
		t.Errorf("nothing matches: %d %s", code, text)
	}
	if a.all = happened(1); ask(s, "POST", replays, with(ann, test, ""), "User", "op", "Idempotency-Key", "k").Code != 201 {
		t.Error("a request that failed holds its key")
	}
}

func TestPreviewOfAReplayDoesNothing(t *testing.T) {
	s, a := withReplays()
	code, text := asOperator(s, "POST", replays+"/preview", `{"filter":{"user_id":"ann"},"target":{"kind":"kafka","topic":"replay.a"},"max_events":230}`)
	if code != 200 || !strings.Contains(text, `"count":230`) || !strings.Contains(text, `"matched":250`) || !strings.Contains(text, `"batches":3`) || strings.Count(text, `"offset"`) != 100 ||
		!strings.Contains(text, `"topic":"replay.a"`) || len(a.sessions)+len(a.told) > 0 {
		t.Errorf("%d %.300s", code, text)
	}
}

func TestReplayIsMoved(t *testing.T) {
	s, a := withReplays()
	a.sessions["r1"] = execution.Replay{ID: "r1", Status: execution.ReplayCreated}
	for _, tt := range []struct {
		move string
		code int
		told string
	}{
		{"pause", 409, ""}, {"resume", 409, ""}, {"start", 202, "go"}, {"start", 202, "go"}, {"pause", 202, "tell"}, {"pause", 409, ""}, {"resume", 202, "go"},
		{"cancel", 202, "tell"}, {"cancel", 409, ""}, {"retry-failed", 409, ""},
	} {
		a.told = nil
		if code, text := asOperator(s, "POST", replays+"/r1/"+tt.move, ""); code != tt.code || strings.Join(a.told, " ") != tt.told {
			t.Errorf("%s: %d %s, told %v", tt.move, code, text, a.told)
		}
	}
	a.err = execution.Errorf(execution.Unavailable, "temporal")
	a.sessions["r2"] = execution.Replay{ID: "r2", Status: execution.ReplayRunning}
	if code, _ := asOperator(s, "POST", replays+"/r2/pause", ""); code != 202 { // it looks by itself
		t.Errorf("a pause that is not heard of: %d", code)
	}
	if code, _ := asOperator(s, "POST", replays+"/r2/resume", ""); code != 503 {
		t.Errorf("a resumption that is not heard of: %d", code)
	}
}

// ofReplays are the routes of sessions; r1 is one.
var ofReplays = []string{
	"POST ", "GET ", "POST /preview", "POST /cleanup", "GET /r1", "GET /r1/progress", "GET /r1/stream", "GET /r1/download",
	"POST /r1/start", "POST /r1/pause", "POST /r1/resume", "POST /r1/cancel", "POST /r1/retry-failed",
}

func TestReplaysAreForOperators(t *testing.T) {
	s, a := withReplays()
	a.sessions["r1"] = execution.Replay{ID: "r1", Status: execution.ReplayRunning, Target: execution.ReplayTarget{Kind: "file"}}
	for _, route := range ofReplays {
		method, path, _ := strings.Cut(route, " ")
		if w := ask(s, method, replays+path, ""); w.Code != 403 {
			t.Errorf("%s: %d", route, w.Code)
		}
		if w := ask(s, method, replays+path, "", "User", "nobody"); w.Code != 401 {
			t.Errorf("%s: %d to nobody", route, w.Code)
		}
		if strings.Contains(path, "r1") {
			if code, _ := asOperator(s, method, replays+strings.Replace(path, "r1", "r0", 1), ""); code != 404 {
				t.Errorf("of another: %s: %d", route, code)
			}
		}
	}
}

func TestReplayIsShown(t *testing.T) {
	s, a := withReplays()
	start := time.Now().Add(-10 * time.Second)
	r := execution.Replay{ID: "r1", Status: execution.ReplayRunning, Target: execution.ReplayTarget{Kind: "file"}, Started: &start}
	r.Progress = execution.ReplayProgress{Total: 1000, Replayed: 490, Failed: 10, UpdatedAt: start.Add(10 * time.Second)}
	r.Place = execution.ReplayPlace{Since: start, Cursor: "secret"}
	a.sessions["r1"] = r
	w := ask(s, "GET", replays+"/r1", "", "User", "op")
	v := read[ReplayView](t, w)
	if p := v.Progress; p.Percentage != 50 || *p.Rate != 50 || *p.ETA != 10 || !p.Completion.Equal(start.Add(20*time.Second)) || len(p.Errors) != 1 || *v.Duration < 10 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%s", w.Body)
	}
	if code, text := asOperator(s, "GET", replays+"/r1/progress", ""); code != 200 || !strings.Contains(text, `"progress_percentage":50`) || !strings.Contains(text, `"event_id":"e1"`) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := asOperator(s, "GET", replays+"?status=running&limit=7&cursor=c", ""); code != 200 || !strings.Contains(text, `"next_cursor":"c7"`) || !strings.Contains(text, `"id":"r1"`) {
		t.Errorf("%d %s", code, text)
	}
	for _, query := range []string{"status=odd", "limit=0", "limit=1001"} {
		if code, _ := asOperator(s, "GET", replays+"?"+query, ""); code != 422 {
			t.Errorf("%s: %d", query, code)
		}
	}
	d := ask(s, "GET", replays+"/r1/download", "", "User", "op")
	if d.Header().Get("Content-Type") != "application/x-ndjson" || !strings.HasPrefix(d.Header().Get("Content-Disposition"), "attachment") || !strings.Contains(d.Body.String(), `"replay_session_id":"r1"`) {
		t.Errorf("%v %s", d.Header(), d.Body)
	}
	a.sessions["r2"] = execution.Replay{ID: "r2", Target: execution.ReplayTarget{Kind: "test"}}
	if code, _ := asOperator(s, "GET", replays+"/r2/download", ""); code != 409 {
		t.Errorf("a file that is none: %d", code)
	}
	for query, want := range map[string]string{"": `"removed":24`, "?older_than_hours=1": `"removed":1`, "?older_than_hours=0": `"field":"older_than_hours"`} {
		if _, text := asOperator(s, "POST", replays+"/cleanup"+query, ""); !strings.Contains(text, want) {
			t.Errorf("%s: %s", query, text)
		}
	}
}

func TestStreamOfAReplayTellsItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := withReplays()
		a.sessions["r1"] = execution.Replay{ID: "r1", Status: execution.ReplayRunning, Progress: execution.ReplayProgress{Total: 100}}
		began := time.Now()
		go func() {
			for i := range 100 { // ten a second
				time.Sleep(100 * time.Millisecond)
				unlock := a.lock()
				r := a.sessions["r1"]
				r.Progress.Replayed, r.Progress.UpdatedAt = int64(i+1), time.Now()
				if i == 99 {
					r.Status = execution.ReplayCompleted
				}
				a.sessions["r1"] = r
				unlock()
			}
		}()
		w := ask(s, "GET", replays+"/r1/stream", "", "User", "op")
		text := w.Body.String()
		frames := strings.Count(text, "event: progress")
		last := text[strings.LastIndex(text, "id: end"):]
		if frames < 15 || float64(frames) > 2*time.Since(began).Seconds()+1 || !strings.Contains(last, `"status":"completed"`) || !strings.Contains(last, `"replayed":100`) {
			t.Errorf("%d frames in %v, at last %s", frames, time.Since(began), last)
		}
		if w := ask(s, "GET", replays+"/r1/stream", "", "User", "op", "Last-Event-ID", "end"); w.Code != 204 {
			t.Errorf("after the end: %d", w.Code)
		}
	})
}
