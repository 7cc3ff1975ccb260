package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

// ofOne are the routes about one execution, with a body that each takes.
var ofOne = []struct{ method, path, body string }{
	{"GET", executions + "/ID", ""},
	{"POST", executions + "/ID/cancel", ""},
	{"POST", executions + "/ID/retry", ""},
	{"POST", executions + "/ID/input", `{"data":"a"}`},
	{"GET", executions + "/ID/events", ""},
	{"GET", executions + "/ID/output", ""},
	{"GET", executions + "/ID/stream", ""},
	{"GET", executions + "/ID/ws", ""},
	{"GET", executions + "/ID/artifacts", ""},
	{"GET", executions + "/ID/artifacts/a", ""},
	{"POST", executions + "/ID/artifacts/links", `{"path":"a"}`},
	{"GET", executions + "/ID/saga", ""},
	{"GET", "/api/v1/sagas/ID", ""},
	{"POST", "/api/v1/sagas/ID/cancel", ""},
	{"GET", executions + "/ID/callback", ""},
	{"POST", executions + "/ID/callback/redeliver", ""},
}

// forOperators are the routes that others may not ask for.
var forOperators = []struct{ method, path, body string }{
	{"GET", "/api/v1/streams/health", ""},
	{"GET", "/api/v1/admin/queue", ""},
	{"POST", "/api/v1/admin/queue/pause", ""},
	{"POST", "/api/v1/admin/queue/resume", ""},
	{"PUT", "/api/v1/admin/pools/default", `{"max_executions":1}`},
	{"PATCH", "/api/v1/admin/pools/default", `{"max_executions":1}`},
	{"POST", "/api/v1/admin/pools/default/pause", ""},
	{"POST", "/api/v1/admin/pools/default/resume", ""},
	{"GET", "/api/v1/admin/consumers", ""},
	{"POST", "/api/v1/admin/consumers/recorder/pause", `{"reason":"x"}`},
	{"POST", "/api/v1/admin/consumers/recorder/resume", ""},
	{"GET", letters, ""},
	{"GET", letters + "/l1", ""},
	{"GET", letters + "/statistics", ""},
	{"GET", letters + "/policies", ""},
	{"PUT", letters + "/policies", `{"strategy":"manual","max_retries":0}`},
	{"DELETE", letters + "/policies/p1", ""},
	{"POST", letters + "/retry", `{"filter":{}}`},
	{"POST", letters + "/l1/retry", ""},
	{"POST", letters + "/l1/discard", `{"reason":"x"}`},
	{"POST", letters + "/l1/archive", `{"reason":"x"}`},
	{"POST", letters + "/l1/restore", `{"reason":"x"}`},
	{"PUT", "/api/v1/admin/executions/x1/priority", `{"priority":"high"}`},
	{"POST", "/api/v1/admin/executions/x1/drop", ""},
	{"POST", "/api/v1/sagas/x1/retry-step", ""},
	{"GET", executions + "?all=true", ""},
	{"GET", executions + "?user_id=bob", ""},
	{"GET", "/api/v1/sagas?user_id=bob", ""},
	{"GET", "/api/v1/batches?all=true", ""},
	{"GET", "/api/v1/batches?user_id=bob", ""},
	{"GET", "/api/v1/schedules?all=true", ""},
	{"GET", "/api/v1/schedules?user_id=bob", ""},
	{"GET", "/api/v1/usage?from=2026-08-01T00:00:00Z&to=2026-08-02T00:00:00Z&user_id=bob", ""},
	{"GET", "/api/v1/usage?from=2026-08-01T00:00:00Z&to=2026-08-02T00:00:00Z&group_by=user", ""},
	{"GET", "/api/v1/admin/statistics?by=user", ""},
	{"GET", "/api/v1/admin/projections", ""},
	{"GET", "/api/v1/admin/projections/events", ""},
	{"POST", "/api/v1/admin/projections/events/rebuild", ""},
	{"POST", "/api/v1/admin/projections/events/cancel", ""},
	{"GET", "/api/v1/admin/events", ""},
	{"GET", "/api/v1/admin/platform-events", ""},
	{"DELETE", "/api/v1/admin/events?id=x1/kube/pod_created/0", `{"reason":"x"}`},
	{"GET", "/api/v1/admin/events/detail?id=x1/kube/pod_created/0", ""},
	{"GET", "/api/v1/admin/events/stats", ""},
	{"GET", "/api/v1/admin/events/export", ""},
	{"GET", "/api/v1/admin/events/archive", ""},
	{"POST", "/api/v1/admin/events/archive/restore", `{"id":"gone"}`},
}

// ofWhoAsks are the routes that have what is the user's own, whoever asks.
var ofWhoAsks = []string{
	"POST " + executions, "GET " + executions, "GET /api/v1/sagas", "POST /api/v1/batches", "POST /api/v1/schedules",
	"GET /api/v1/events", "GET /api/v1/events/stats", "GET /api/v1/events/types", "GET /api/v1/statistics",
	"GET /api/v1/notifications", "GET /api/v1/notifications/stream", "POST /api/v1/notifications/read-all", "POST /api/v1/notifications/:id/read", "DELETE /api/v1/notifications/:id",
}

// What is another's does not exist, in the words for what does not exist.
func TestOthersSeeNothing(t *testing.T) {
	for _, route := range ofOne {
		s, m, _ := serve(nil)
		m.rows["x2"] = execution.Execution{ID: "x2", UserID: "bob", Status: execution.Running, Output: &execution.Output{Artifacts: []execution.Artifact{{Path: "a"}}}}
		at := func(id string) string { return strings.Replace(route.path, "ID", id, 1) }
		theirs, none := ask(s, route.method, at("x2"), route.body), ask(s, route.method, at("x3"), route.body)
		if a, b := read[Problem](t, theirs), read[Problem](t, none); theirs.Code != 404 || a.Detail != `no execution "x2"` || b.Detail != `no execution "x3"` {
			t.Errorf("%s %s: %d, %+v differs from %+v", route.method, route.path, theirs.Code, a, b)
		}
		if w := ask(s, route.method, at("x1"), route.body, "User", "nobody"); w.Code != 401 {
			t.Errorf("%s %s: %d to nobody", route.method, route.path, w.Code)
		}
		m.set("x2", end)
		m.set("x2", func(x *execution.Execution) { x.Output.Artifacts = []execution.Artifact{{Path: "a"}} })
		m.outputs = map[execution.Stream]string{}
		m.add(stored(1))
		if w := ask(s, route.method, at("x2"), route.body, "User", "op"); w.Code == 404 || w.Code == 403 {
			t.Errorf("%s %s: %d to an operator", route.method, route.path, w.Code)
		}
	}
}

func TestOperatorsOnly(t *testing.T) {
	for _, route := range forOperators {
		s, m, _ := serve(nil)
		m.set("x1", func(x *execution.Execution) { x.Status = execution.Queued })
		s.Queue.(*queue).place = &execution.Queue{Position: 1}
		if w := ask(s, route.method, route.path, route.body); w.Code != 403 || read[Problem](t, w).Type != "/problems/forbidden" {
			t.Errorf("%s %s: %d to a user", route.method, route.path, w.Code)
		}
		if w := ask(s, route.method, route.path, route.body, "User", "nobody"); w.Code != 401 {
			t.Errorf("%s %s: %d to nobody", route.method, route.path, w.Code)
		}
		if w := ask(s, route.method, route.path, route.body, "User", "op"); w.Code >= 300 {
			t.Errorf("%s %s: %d %s to an operator", route.method, route.path, w.Code, w.Body)
		}
	}
}

// Each route of the document that is not public is in one of the lists above, or
// here.
func TestEachRouteIsGuarded(t *testing.T) {
	s, _, _ := serve(nil)
	s.Handler()
	known := map[string]bool{}
	for _, r := range ofWhoAsks {
		known[r] = true
	}
	for _, r := range ofAGroup {
		known[r.method+" "+strings.Replace(r.path, "ID", ":id", 1)] = true
	}
	for _, r := range ofOne {
		known[r.method+" "+strings.NewReplacer("ID", ":id", "/artifacts/a", "/artifacts/*path").Replace(r.path)] = true
	}
	for _, r := range forOperators {
		path, _, _ := strings.Cut(r.path, "?")
		known[r.method+" "+strings.NewReplacer("x1", ":id", "l1", ":id", "p1", ":id", "/pools/default", "/pools/:pool", "/consumers/recorder", "/consumers/:group", "/projections/events", "/projections/:name").Replace(path)] = true
	}
	known["PATCH "+letters+"/:id"] = true // it is refused to all, in TestLettersAreDecided
	for _, r := range ofReplays {
		known[strings.NewReplacer(" ", " "+replays, "r1", ":id").Replace(r)] = true
	}
	for _, r := range s.routes.Routes() {
		public := !strings.HasPrefix(r.Path, "/api/") || r.Path == "/api/v1/languages" || r.Path == "/api/v1/limits" || r.Path == "/api/v1/about"
		if !public && !known[r.Method+" "+r.Path] {
			t.Errorf("nobody looks whether %s %s is guarded", r.Method, r.Path)
		}
	}
}

func TestUserHeader(t *testing.T) {
	user := UserHeader("X-User")
	tests := []struct {
		values []string
		want   string // empty: refused
	}{
		{[]string{"ann"}, "ann"},
		{[]string{"ann.b-c_d@example.com"}, "ann.b-c_d@example.com"},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"ann", "bob"}, ""}, // one came from the client
		{[]string{"ann,bob"}, ""},
		{[]string{"ann b"}, ""},
		{[]string{"é"}, ""},
		{[]string{strings.Repeat("a", 128)}, strings.Repeat("a", 128)},
		{[]string{strings.Repeat("a", 129)}, ""},
	}
	for _, tt := range tests {
		got, err := user(&http.Request{Header: http.Header{"X-User": tt.values}})
		if got != tt.want || (execution.KindOf(err) == execution.Anonymous) != (tt.want == "") {
			t.Errorf("%q: %q, %v", tt.values, got, err)
		}
	}
}

func TestOperatorsListAll(t *testing.T) {
	for query, want := range map[string]string{"": "op", "?all=true": "", "?all=false": "op", "?user_id=bob": "bob", "?user_id=op": "op"} {
		s, m, _ := serve(nil)
		if w := ask(s, "GET", executions+query, "", "User", "op"); w.Code != 200 || m.filter.UserID != want {
			t.Errorf("%s: %d, of %q", query, w.Code, m.filter.UserID)
		}
	}
	s, m, _ := serve(nil)
	if w := ask(s, "GET", executions+"?user_id=ann", ""); w.Code != 200 || m.filter.UserID != "ann" {
		t.Errorf("of oneself: %d", w.Code)
	}
}

func TestOperatorsCancelWhatIsNotTheirs(t *testing.T) {
	s, m, _ := serve(nil)
	if w := ask(s, "POST", executions+"/x1/cancel", `{"reason":"too long"}`, "User", "op"); w.Code != 202 || m.rows["x1"].CancelledBy != "op" {
		t.Errorf("%d, by %q", w.Code, m.rows["x1"].CancelledBy)
	}
}
