package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refuse wants a problem with status and, if field is not empty, an entry for
// that field.
func (s *story) refuse(a answer, status int, field string) problem {
	s.Helper()
	var p problem
	s.into(a, status, &p)
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
		s.Errorf("Content-Type: %s", kind)
	}
	if p.Status != status || p.Type == "" || p.Title == "" || p.Instance == "" || p.CorrelationID == "" || p.CorrelationID != a.header.Get("X-Correlation-ID") {
		s.Errorf("an incomplete problem: %s", a.body)
	}
	for _, e := range p.Errors {
		if e.Field == field && e.Rule != "" {
			return p
		}
	}
	if field != "" {
		s.Errorf("no entry for %s: %s", field, a.body)
	}
	return p
}

// AP-01, EX-01, EX-02, EX-03.
func TestWhatIsWrongWithASubmissionIsNamed(t *testing.T) {
	s := beside(t, time.Minute)
	const ok = `"language":"python","script":"print(1)"`
	long := strings.Repeat("x", 50_001)
	for _, c := range []struct {
		name, body string
		status     int
		field      string
	}{
		{"no JSON", `{`, 400, ""},
		{"nothing", ``, 400, ""},
		{"an array", `[]`, 400, ""},
		{"two documents", `{` + ok + `}{}`, 400, ""},
		{"wrong type", `{` + ok + `,"limits":{"timeout_seconds":"10"}}`, 400, "limits.timeout_seconds"},
		{"wrong type of args", `{` + ok + `,"args":"a"}`, 400, "args"},
		{"unknown field", `{` + ok + `,"skript":"x"}`, 400, "skript"},
		{"unknown limit", `{` + ok + `,"limits":{"gpus":1}}`, 400, "limits.gpus"},
		{"no language", `{"script":"print(1)"}`, 422, "language"},
		{"unknown language", `{"language":"klingon","script":"x"}`, 422, "language"},
		{"unknown version", `{` + ok + `,"version":"2.7"}`, 422, "version"},
		{"no script", `{"language":"python"}`, 422, "script"},
		{"empty script", `{"language":"python","script":""}`, 422, "script"},
		{"oversized script", `{"language":"python","script":"` + long + `"}`, 422, "script"},
		{"timeout beyond the bound", `{` + ok + `,"limits":{"timeout_seconds":100000}}`, 422, "limits.timeout_seconds"},
		{"negative timeout", `{` + ok + `,"limits":{"timeout_seconds":-1}}`, 422, "limits.timeout_seconds"},
		{"too little memory", `{` + ok + `,"limits":{"memory_bytes":1024}}`, 422, "limits.memory_bytes"},
		{"too much output", `{` + ok + `,"limits":{"output_bytes":17000000}}`, 422, "limits.output_bytes"},
		{"too many processes", `{` + ok + `,"limits":{"processes":513}}`, 422, "limits.processes"},
		{"65 args", `{` + ok + `,"args":["a"` + strings.Repeat(`,"a"`, 64) + `]}`, 422, "args"},
		{"a name of env", `{` + ok + `,"env":{"A-B":"x"}}`, 422, "env"},
		{"a reserved name", `{` + ok + `,"env":{"LD_PRELOAD":"x"}}`, 422, "env.LD_PRELOAD"},
		{"a path that leaves", `{` + ok + `,"files":[{"path":"../x","content":"x"}]}`, 422, "files.path"},
		{"unknown priority", `{` + ok + `,"priority":"urgent"}`, 422, "priority"},
		{"unknown pool", `{` + ok + `,"pool":"moon"}`, 422, "pool"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sub := &story{T: t, ctx: s.ctx, base: s.base}
			sub.refuse(sub.do(http.MethodPost, "/api/v1/executions", c.body), c.status, c.field)
		})
	}
	two := s.refuse(s.do(http.MethodPost, "/api/v1/executions", `{"language":"klingon","script":"","limits":{"timeout_seconds":0,"processes":999}}`), 422, "")
	if len(two.Errors) < 1 {
		t.Errorf("errors: %v", two.Errors)
	}
}

// EX-01: no error leaves a row.
func TestARefusedSubmissionLeavesNothing(t *testing.T) {
	s := beside(t, time.Minute)
	s.refuse(s.do(http.MethodPost, "/api/v1/executions", `{"language":"klingon","script":"x","labels":{"test":"refused"}}`), 422, "language")
	if items, _ := s.list("label", "test=refused"); len(items) != 0 {
		t.Errorf("%s", jsonOf(items))
	}
}

// AP-01, AP-02.
func TestWhatCannotBeAnsweredIsAProblem(t *testing.T) {
	s := beside(t, time.Minute)
	const none = "/api/v1/executions/0197f0a0-6c1e-7a4e-9d0e-3f7a2b1c4d5e"
	huge := `{"language":"python","script":"` + strings.Repeat("x", 2<<20) + `"}`
	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
		field              string
	}{
		{"too large", "POST", "/api/v1/executions", huge, 413, ""},
		{"unknown execution", "GET", none, nil, 404, ""},
		{"an ID that is none", "GET", "/api/v1/executions/x%20y", nil, 404, ""},
		{"its output", "GET", none + "/output", nil, 404, ""},
		{"its stream", "GET", none + "/stream", nil, 404, ""},
		{"its events", "GET", none + "/events", nil, 404, ""},
		{"its cancel", "POST", none + "/cancel", nil, 404, ""},
		{"unknown route", "GET", "/api/v1/nothing", nil, 404, ""},
		{"method", "DELETE", "/api/v1/executions", nil, 405, ""},
		{"method of one", "PUT", none, `{}`, 405, ""},
		{"limit 0", "GET", "/api/v1/executions?limit=0", nil, 422, "limit"},
		{"limit 201", "GET", "/api/v1/executions?limit=201", nil, 422, "limit"},
		{"unknown status", "GET", "/api/v1/executions?status=done", nil, 422, "status"},
		{"unknown cursor", "GET", "/api/v1/executions?cursor=x", nil, 422, "cursor"},
		{"created_from", "GET", "/api/v1/executions?created_from=yesterday", nil, 422, "created_from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sub := &story{T: t, ctx: s.ctx, base: s.base}
			a := sub.do(c.method, c.path, c.body)
			sub.refuse(a, c.status, c.field)
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	a := s.do(http.MethodPost, "/api/v1/executions", `{}`, "Content-Type", "text/plain")
	s.refuse(a, http.StatusUnsupportedMediaType, "")
	x := s.run(python("print(1)"))
	s.refuse(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"?wait=31", nil), 422, "wait")
	s.refuse(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/output?stream=stdin", nil), 422, "stream")
	s.refuse(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/events?after=x", nil), 422, "after")
	s.refuse(s.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/cancel", `{"why":1}`), 400, "why")
}

// AP-02: also of a body that does not say how long it is.
func TestABodyWithoutALengthIsCountedToo(t *testing.T) {
	s := beside(t, time.Minute)
	huge := io.MultiReader(strings.NewReader(`{"language":"python","script":"`), strings.NewReader(strings.Repeat("x", 3<<20)))
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.base+"/api/v1/executions", huge)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s", resp.Status)
	}
}
