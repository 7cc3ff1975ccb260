package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const replays = "/api/v1/admin/replays"

// replay is a session as GET gives it.
type replay struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Error    string `json:"error"`
	Progress struct {
		Total      int64   `json:"total"`
		Replayed   int64   `json:"replayed"`
		Failed     int64   `json:"failed"`
		Skipped    int64   `json:"skipped"`
		Percentage float64 `json:"progress_percentage"`
	} `json:"progress"`
}

// replays makes a session.
func (s *story) replays(body map[string]any) (r replay) {
	s.Helper()
	s.into(s.as(operator).do(http.MethodPost, replays, body), http.StatusCreated, &r)
	return r
}

// replay is how a session stands now.
func (s *story) replay(id string) (r replay) {
	s.Helper()
	s.into(s.as(operator).do(http.MethodGet, replays+"/"+id, nil), http.StatusOK, &r)
	return r
}

// replayed waits until a session has ended, and checks that all went well.
func (s *story) replayed(id string) (r replay) {
	s.Helper()
	eventually(s, 2*time.Minute, func() (bool, string) { // after a death a batch waits 15 s for what is still on its way
		r = s.replay(id)
		return slices.Contains([]string{"completed", "failed", "cancelled"}, r.Status), jsonOf(r)
	})
	if p := r.Progress; r.Status != "completed" || p.Replayed != p.Total || p.Percentage != 100 {
		s.Errorf("%s", jsonOf(r))
	}
	return r
}

// recorded waits until all that happens to some runs is in the store, and returns
// the IDs of those events, sorted. A pod_deleted is the last of a run.
func (s *story) recorded(all []execution) (ids []string) {
	s.Helper()
	for _, x := range all {
		eventually(s, 30*time.Second, func() (bool, string) {
			events := s.timeline(x.ID)
			done := slices.ContainsFunc(events, func(e event) bool { return e.Type == "pod_deleted" }) &&
				slices.ContainsFunc(events, func(e event) bool { return e.Type == "saga_completed" })
			return done, jsonOf(events)
		})
		for _, e := range s.timeline(x.ID) {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// on are the IDs of the events on a topic, sorted.
func (s *story) on(topic string) (ids []string) {
	s.Helper()
	records, err := the.readTopic(s.ctx, topic)
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range records {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return ids
}

// tenRuns are done, each of the same user, who has no others.
func (s *story) tenRuns() (user string, all []execution) {
	s.Helper()
	user = "replay-" + s.word()[:8]
	mine := s.as(user)
	subs := make([]submission, 10)
	for i := range subs {
		subs[i] = bash("echo done")
	}
	return user, mine.runs(subs...)
}

// DF-33, RP-02, RP-05, RP-06, RP-07: what is replayed comes to its target once,
// and nothing happens by it.
func TestDF33AReplayRunsNothing(t *testing.T) {
	s := beside(t, 5*time.Minute)
	user, all := s.tenRuns()
	mine := s.as(user)
	events := mine.recorded(all)
	for name, target := range map[string]string{
		"topic": `{"kind":"kafka","topic":"execution_tasks"}`, "events": `{"kind":"kafka","topic":"execution_events"}`,
		"live": `{"kind":"kafka","topic":"replay.e2e","allow_live":true}`, "path": `{"kind":"file","path":"/tmp/x"}`, "kind": `{"kind":"/tmp/x"}`,
	} {
		body := `{"name":"` + name + `","filter":{"user_id":"` + user + `"},"target":` + target + `}`
		if a := s.as(operator).do(http.MethodPost, replays, body); a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), `"target.`) {
			t.Errorf("%s: %d %.500s", name, a.status, a.body)
		}
	}
	filter := map[string]any{"user_id": user, "event_types": []string{"execution_requested"}}
	topic := "replay.e2e-" + s.word()[:8]
	body := map[string]any{"name": "requests", "filter": filter, "target": map[string]any{"kind": "kafka", "topic": topic}, "speed_multiplier": 100, "start": true}
	var preview struct {
		Count  int64
		Events []event
	}
	s.into(s.as(operator).do(http.MethodPost, replays+"/preview", body), http.StatusOK, &preview)
	if preview.Count != 10 || len(preview.Events) != 10 {
		t.Errorf("%s", jsonOf(preview))
	}
	for range 2 { // twice changes nothing more
		s.replayed(s.replays(body).ID)
	}
	if got := s.on(topic); len(got) != 20 {
		t.Errorf("of two replays of 10 events %d are there", len(got))
	}
	s.run(bash("echo later")) // passes by all who might have heard
	for _, x := range all {
		if left, err := the.cluster.left(s.ctx, x.ID); err != nil || len(left) > 0 {
			t.Errorf("%s: there is %v, %v", x.ID, left, err)
		}
		if now := mine.get(x.ID); now.Status != "completed" {
			t.Errorf("%s", jsonOf(now))
		}
	}
	if now := mine.recorded(all); !slices.Equal(now, events) {
		t.Errorf("%d events, and %d after the replay", len(events), len(now))
	}
	s.fileOf(user, events)
}

// fileOf replays all of a user into a file and compares that with the events.
func (s *story) fileOf(user string, events []string) {
	s.Helper()
	r := s.replays(map[string]any{"name": "file", "filter": map[string]any{"user_id": user}, "target": map[string]any{"kind": "file"}, "speed_multiplier": 100, "batch_size": 7, "start": true})
	s.replayed(r.ID)
	a := s.as(operator).do(http.MethodGet, replays+"/"+r.ID+"/download", nil)
	var ids []string
	for line := range strings.Lines(string(a.body)) {
		var e struct {
			event
			Session string `json:"replay_session_id"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Session != r.ID {
			s.Fatalf("%v: %.300s", err, line)
		}
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	if a.status != http.StatusOK || !slices.Equal(ids, events) || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		s.Errorf("%d: the file has %d events of %d", a.status, len(ids), len(events))
	}
}

// DF-18, RP-03: a session is in no process. Asked of two in turn, of which one
// dies, and paused and resumed while a worker does, it goes on, and each event is
// on the topic once.
func TestDF18AReplaySurvives(t *testing.T) {
	atLast(t)
	the.crashing()
	s := begin(t, 5*time.Minute)
	user, all := s.tenRuns()
	events := s.as(user).recorded(all)
	topic := "replay.e2e-" + s.word()[:8]
	r := s.replays(map[string]any{
		"name": "slow", "filter": map[string]any{"user_id": user}, "target": map[string]any{"kind": "kafka", "topic": topic, "partitions": 2},
		"speed_multiplier": 100, "batch_size": 1, "start": true,
	})
	eventually(t, 30*time.Second, func() (bool, string) {
		now := s.replay(r.ID)
		return now.Progress.Replayed >= 10, jsonOf(now)
	})
	s.order(http.MethodPost, "/replays/"+r.ID+"/pause", nil, http.StatusAccepted)
	s.order(http.MethodPost, "/replays/"+r.ID+"/pause", nil, http.StatusConflict)
	s.order(http.MethodPost, "/replays/"+r.ID+"/resume", nil, http.StatusAccepted)
	worker, web := the.process("worker"), the.process("web-1")
	if err := worker.end(syscall.SIGKILL, 5*time.Second); err != nil {
		t.Error(err)
	}
	if err := worker.start(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if i == 50 {
			if err := web.end(syscall.SIGKILL, 5*time.Second); err != nil {
				t.Error(err)
			}
		}
		s.base = the.urls[i%2]
		if i >= 50 {
			s.base = the.urls[1]
		}
		if a := s.as(operator).do(http.MethodGet, replays+"/"+r.ID+"/progress", nil); a.status != http.StatusOK {
			t.Errorf("call %d: %d %.300s", i, a.status, a.body)
		}
	}
	if err := web.start(); err != nil {
		t.Fatal(err)
	}
	s.replayed(r.ID)
	if got := s.on(topic); !slices.Equal(got, events) {
		t.Errorf("%d on the topic, want %d, each once", len(got), len(events))
	}
	if err := web.awaitReady(s.ctx, time.Minute); err != nil {
		t.Error(err)
	}
}
