package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// I11, SS-05: what is another's does not exist, on every route, in the same
// words as what does not exist.
func TestWhatIsAnothersDoesNotExist(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("import time\nopen('/out/a', 'w').write('secret')\nprint('secret', flush=True)\ntime.sleep(2)")
	sub.Interactive, sub.Labels = true, map[string]string{"mine": s.word()}
	running := s.submit(sub)
	ended := s.run(sub)
	bob := s.as("bob")
	for _, route := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/executions/ID", nil}, {"GET", "/executions/ID?wait=1", nil}, {"POST", "/executions/ID/cancel", nil}, {"POST", "/executions/ID/retry", nil},
		{"POST", "/executions/ID/input", data{Data: "a"}}, {"GET", "/executions/ID/events", nil}, {"GET", "/executions/ID/output", nil},
		{"GET", "/executions/ID/output?stream=compile&format=text", nil}, {"GET", "/executions/ID/stream", nil}, {"GET", "/executions/ID/stream?last_event_id=end", nil},
		{"GET", "/executions/ID/artifacts", nil}, {"GET", "/executions/ID/artifacts/a", nil}, {"POST", "/executions/ID/artifacts/links", `{"path":"a"}`},
		{"GET", "/executions/ID/saga", nil}, {"GET", "/sagas/ID", nil}, {"POST", "/sagas/ID/cancel", nil},
	} {
		for _, id := range []string{running.ID, ended.ID} {
			at := func(id string) answer {
				return bob.do(route.method, "/api/v1"+strings.Replace(route.path, "ID", id, 1), route.body)
			}
			theirs, none := at(id), at("0197f0a0-6c1e-7a4e-9d0e-3f7a2b1c4d5e")
			if theirs.status != http.StatusNotFound || none.status != http.StatusNotFound || strings.Contains(string(theirs.body), "secret") {
				t.Errorf("%s %s: %d %.300s; of what is not there: %d", route.method, route.path, theirs.status, theirs.body, none.status)
			}
		}
	}
	if items, _ := bob.list("label", "mine="+sub.Labels["mine"]); len(items) != 0 {
		t.Errorf("in the list: %s", jsonOf(items))
	}
	if items, _ := bob.list("parent_id", ended.ID); len(items) != 0 {
		t.Errorf("in the list: %s", jsonOf(items))
	}
	for _, path := range []string{"/executions?all=true", "/executions?user_id=" + somebody, "/sagas?user_id=" + somebody, "/admin/queue"} {
		bob.refuse(bob.do("GET", "/api/v1"+path, nil), http.StatusForbidden, "")
	}
	for _, order := range []struct{ method, path string }{
		{"PUT", "/admin/pools/default"}, {"PATCH", "/admin/pools/default"}, {"POST", "/admin/pools/default/pause"}, {"POST", "/admin/queue/pause"},
		{"PUT", "/admin/executions/" + running.ID + "/priority"}, {"POST", "/admin/executions/" + running.ID + "/drop"}, {"POST", "/sagas/" + running.ID + "/retry-step"},
	} {
		s.refuse(s.do(order.method, "/api/v1"+order.path, `{}`), http.StatusForbidden, "")
	}
	if x := s.ended(running.ID); x.verdict() != "completed 0" || x.CancelledBy != nil {
		t.Errorf("bob got at it: %s", jsonOf(x))
	}
}

// EX-19, EX-24, SA-04: operators see it all.
func TestOperatorsSeeWhatIsAnothers(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("print('seen')")
	sub.Labels = map[string]string{"seen": s.word()}
	x := s.run(sub)
	op := s.as(operator)
	if got := op.get(x.ID); got.UserID != somebody || got.stdout() != "seen\n" {
		t.Errorf("%s", jsonOf(got))
	}
	r := op.follow(s.base, x.ID)
	op.checkEnd(r, x)
	label := "seen=" + sub.Labels["seen"]
	if items, _ := op.list("label", label); len(items) != 0 {
		t.Errorf("not asked for: %s", jsonOf(items))
	}
	for _, query := range [][]string{{"all", "true"}, {"user_id", somebody}} {
		if items, _ := op.list(append(query, "label", label)...); len(items) != 1 || items[0].ID != x.ID {
			t.Errorf("%v: %s", query, jsonOf(items))
		}
	}
	var saga struct {
		ExecutionID string `json:"execution_id"`
		UserID      string `json:"user_id"`
		State       string
	}
	for _, who := range []*story{s, op} {
		who.into(who.do("GET", "/api/v1/sagas/"+x.ID, nil), http.StatusOK, &saga)
		if saga.ExecutionID != x.ID || saga.UserID != somebody || saga.State != "completed" {
			t.Errorf("%s", jsonOf(saga))
		}
	}
}

// Nobody is nobody, and a header that was sent twice is not believed.
func TestWhoDoesNotSayWhoAsksIsRefused(t *testing.T) {
	s := beside(t, time.Minute)
	for _, name := range []string{"", "a b", strings.Repeat("a", 129)} {
		s.refuse(s.do("GET", "/api/v1/executions", nil, userHeader, name), http.StatusUnauthorized, "")
	}
	for _, path := range []string{"/api/v1/languages", "/api/v1/limits", "/api/v1/about", "/healthz"} {
		if a := s.do("GET", path, nil, userHeader, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
