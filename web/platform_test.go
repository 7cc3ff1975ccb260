package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

// keysOf returns the paths to all block keys of a YAML document that is
// indented by two, such as "paths /healthz get".
func keysOf(doc string) (keys []string) {
	key := regexp.MustCompile(`^((?:  )*)([A-Za-z_/{}0-9.-]+):( |$)`)
	var at []string
	for line := range strings.Lines(doc) {
		if m := key.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			depth := len(m[1]) / 2
			at = append(at[:min(depth, len(at))], m[2])
			keys = append(keys, strings.Join(at, " "))
		}
	}
	return keys
}

func TestDocumentHasEachRoute(t *testing.T) {
	s, _, _ := serve(nil)
	s.Handler()
	var routes, documented []string
	for _, r := range s.routes.Routes() {
		path := regexp.MustCompile(`[:*](\w+)`).ReplaceAllString(r.Path, "{$1}")
		routes = append(routes, path+" "+strings.ToLower(r.Method))
	}
	for _, k := range keysOf(string(document)) {
		if parts := strings.Fields(k); len(parts) == 3 && parts[0] == "paths" && parts[2] != "parameters" {
			documented = append(documented, parts[1]+" "+parts[2])
		}
	}
	slices.Sort(routes)
	slices.Sort(documented)
	if diff := cmp.Diff(documented, routes); diff != "" {
		t.Error(diff)
	}
	if w := ask(s, "GET", "/openapi.yaml", ""); w.Header().Get("Content-Type") != "application/yaml" || !strings.HasPrefix(w.Body.String(), "openapi: 3.1") {
		t.Errorf("%v", w.Header())
	}
	s.AsyncAPI = []byte(`{"asyncapi":"3.0.0"}`)
	if w := ask(s, "GET", "/asyncapi.json", ""); w.Header().Get("Content-Type") != "application/json" || w.Body.String() != string(s.AsyncAPI) {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}

func TestDocumentHasEachField(t *testing.T) {
	for schema, v := range map[string]any{
		"Execution": View{Retries: []execution.ID{}},
		"Result":    ViewResult{Stdout: new(""), Stderr: new(""), CompileOutput: new(""), Artifacts: []viewArtifact{}},
		"Limits":    execution.Limits{CPUSeconds: 1, OpenFiles: 1, FileBytes: 1},
		"Submission": Submission{
			Version: "x", Script: "x", Entry: "x", Args: []string{""}, Stdin: "x", Env: map[string]string{"": ""}, Files: []SubmittedFile{{}},
			Limits: SubmittedLimits{DiskBytes: new(int64)}, Priority: "x", Pool: "x", Labels: map[string]string{"": ""}, Interactive: true,
			Network: &Network{}, Retry: execution.RetryPolicy{MaxAttempts: 1}, CallbackURL: "x", ScheduledAt: "x", Expected: &SubmittedExpected{},
		},
		"Network": Network{}, "RetryPolicy": execution.RetryPolicy{}, "Artifact": viewArtifact{}, "PoolLimits": poolLimits{},
		"ExpectedOutput": SubmittedExpected{Comparison: "x", Tolerance: new(float64)}, "Input": input{new(""), new(""), true, "x"},
		"PoolPolicy": execution.PoolPolicy{PausedLanguages: []string{""}, Weights: []execution.Weight{{}}}, "PoolStatus": execution.PoolStatus{},
		"SagaSummary": execution.SagaSummary{}, "Saga": execution.SagaView{CurrentStep: "x", FailedStep: "x", Error: "x"},
		"StreamHealth": StreamHealth{}, "Delivery": deliveryView{}, "Batch": BatchView{}, "BatchAccepted": accepted{}, "Schedule": ScheduleView{}, "Usage": execution.UsageRow{},
		"Rebuild": execution.Rebuild{Error: "x", FinishedAt: new(time.Time)}, "Projection": execution.Projection{},
		"EventStats": execution.EventStats{}, "EventKind": execution.EventKind{}, "GroupStatistics": GroupStatistics{},
		"ScheduleSubmission": ScheduleRequest{Cron: "x", Every: 1, TimeZone: "x", Overlap: "x", CatchUp: new(int64)},
		"SubmittedFile":      SubmittedFile{Content: new(""), ContentBase64: new("")}, "Language": language{}, "Problem": Problem{TraceID: "x", Detail: "x", Errors: []execution.FieldError{{}}},
	} {
		var documented, sent []string
		for _, k := range keysOf(string(document)) {
			if name, ok := strings.CutPrefix(k, "components schemas "+schema+" properties "); ok && !strings.Contains(name, " ") {
				documented = append(documented, name)
			}
		}
		var fields map[string]any
		b, _ := json.Marshal(v)
		_ = json.Unmarshal(b, &fields)
		for name := range fields {
			sent = append(sent, name)
		}
		slices.Sort(documented)
		slices.Sort(sent)
		if diff := cmp.Diff(documented, sent); diff != "" {
			t.Errorf("%s: %s", schema, diff)
		}
	}
}

func TestReadiness(t *testing.T) {
	up := func(context.Context) error { return nil }
	down := func(context.Context) error { return errSecret }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name   string
		checks []Check
		status int
		want   string
		took   time.Duration
	}{
		{"all is well", []Check{{Name: "mongodb", Check: up}, {Name: "kafka", Check: up}}, 200, `"checks":[{"name":"mongodb","state":"up"},{"name":"kafka","state":"up"}]`, 0},
		{"one is down", []Check{{Name: "mongodb", Check: up}, {Name: "kafka", Check: down}}, 503, `"checks":[{"name":"mongodb","state":"up"},{"name":"kafka","state":"down"}]`, 0},
		{"two hang", []Check{{Name: "mongodb", Check: hangs}, {Name: "kafka", Check: hangs}}, 503, `"detail":"down: mongodb, kafka"`, 2 * time.Second},
		{"one says more", []Check{{Name: "kubernetes", Check: down, Detail: func() string { return "open" }}}, 503, `"checks":[{"name":"kubernetes","state":"down","detail":"open"}]`, 0},
		{"needs nothing", nil, 200, `"ready":true`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, _ := serve(nil)
				s.Checks = tt.checks
				start := time.Now()
				w := ask(s, "GET", "/readyz", "")
				if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || strings.Contains(w.Body.String(), "hunter2") || time.Since(start) != tt.took {
					t.Errorf("%d %s after %s", w.Code, w.Body, time.Since(start))
				}
				if w.Code == 503 && (w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Retry-After") == "") {
					t.Errorf("%v", w.Header())
				}
			})
		})
	}
	closing := make(chan struct{})
	close(closing)
	s, _, _ := serve(nil)
	s.Closing = closing
	if w := ask(s, "GET", "/readyz", ""); w.Code != 503 {
		t.Errorf("while shutting down: %d", w.Code)
	}
}

func TestServerOfAProcessThatServesNobody(t *testing.T) {
	registry := prometheus.NewRegistry()
	for range 2 { // beside another in one process
		s := &Server{Registry: registry, Log: slog.New(slog.DiscardHandler)}
		for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 404, "/openapi.yaml": 404, executions: 404} {
			if w := ask(s, "GET", path, ""); w.Code != want {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	}
}

func TestWhatIsPublic(t *testing.T) {
	s, _, _ := serve(nil)
	s.About = About{Version: "1", TemporalUIURL: "http://t", TemporalNamespace: "n"}
	for path, want := range map[string]string{
		"/api/v1/languages": `{"items":[{"id":"python","name":"Python","aliases":["py"],"versions":["3.11"],"default_version":"3.11","file_extension":"","example":""}]}`,
		"/api/v1/about":     `{"version":"1","temporal_ui_url":"http://t","temporal_namespace":"n"}`,
		"/api/v1/limits":    `"timeout_seconds":{"min":1,"max":300,"default":30}`,
		"/healthz":          `{"alive":true}`,
	} {
		w := ask(s, "GET", path, "", "User", "nobody")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if got := w.Header().Get("Cache-Control"); path != "/healthz" && got != "public, max-age=300" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

func TestLimitsFollowThePolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := serve(nil)
		s.EgressAllowed, _ = execution.ParseEgress("203.0.113.0/24:443")
		shown := func() string {
			w := ask(s, "GET", "/api/v1/limits", "")
			if w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			return w.Body.String()
		}
		for _, want := range []string{
			`"pools":["default"]`, `"pool_limits":[{"pool":"default",`, `"max_running_per_user":5`, `"paused":false`, `"egress_allowed":["203.0.113.0/24:443"]`,
			`"artifacts":{"files":32,"bytes":10485760}`, `"total_bytes":921600`, `"feed_bytes":65536`, `"callbacks":false`, `"cpu_seconds":{"min":1,"max":600,"default":0}`, `"operator_priorities":["critical","high"]`,
		} {
			if !strings.Contains(shown(), want) {
				t.Errorf("no %s in %s", want, shown())
			}
		}
		q := s.Policies.(*queue)
		q.policy.UserRunning = 7 // by another process
		q.err = errSecret
		if !strings.Contains(shown(), `"max_running_per_user":5`) {
			t.Error("the database is asked each time")
		}
		q.err = nil
		time.Sleep(policyLife)
		if !strings.Contains(shown(), `"max_running_per_user":7`) {
			t.Error("still old after 5 s")
		}
		if code, _ := order(s, "POST", "/pools/default/pause", ""); code != 200 || !strings.Contains(shown(), `"paused":true`) {
			t.Error("what was changed here is not seen at once")
		}
		q.err = errSecret
		time.Sleep(policyLife)
		if w := ask(s, "GET", "/api/v1/limits", ""); w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestPage(t *testing.T) {
	s, _, _ := serve(nil)
	for path, media := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css"} {
		w := ask(s, "GET", path, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), media) || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if w := ask(s, "GET", path, "", "If-None-Match", w.Header().Get("ETag")); w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("%s: %d when it is known", path, w.Code)
		}
	}
	inline := regexp.MustCompile(`<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=`)
	if page := ask(s, "GET", "/", "").Body.String(); inline.MatchString(page) {
		t.Errorf("the policy forbids what is inline: %s", inline.FindString(page))
	}
}

func TestMetrics(t *testing.T) {
	s, m, _ := serve(nil)
	m.add(output(1), stored(9))
	ask(s, "GET", executions+"/x1", "")
	ask(s, "BREW", executions+"/x1", "")
	ask(s, "GET", streamOf, "")
	got := ask(s, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`codesaga_http_requests_total{method="GET",route="/api/v1/executions/:id",status="200"} 1`,
		`codesaga_http_requests_total{method="other",route="none",status="405"} 1`,
		`codesaga_http_request_duration_seconds_count{method="GET",route="/api/v1/executions/:id"} 1`,
		`codesaga_streams_open 0`,
		`codesaga_stream_frames_total{event="output"} 1`,
		`codesaga_streams_ended_total{why="result"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

// Under another name asks a page whose name was made to lead here.
func TestServerAnswersToItsNamesOnly(t *testing.T) {
	tests := []struct {
		host string
		code int
	}{
		{"localhost:8080", 200}, {"LOCALHOST", 200}, {"127.0.0.1:8080", 200}, {"[::1]:8080", 200},
		{"evil.example:8080", 421}, {"localhost.evil.example", 421}, {"", 421},
	}
	for _, tt := range tests {
		s, _, _ := serve(nil)
		s.Hosts = []string{"localhost", "127.0.0.1", "::1"}
		r, w := httptest.NewRequest("GET", "/api/v1/executions/x1", nil), httptest.NewRecorder()
		r.Host = tt.host
		if s.Handler().ServeHTTP(w, r); w.Code != tt.code {
			t.Errorf("%q: %d %s", tt.host, w.Code, w.Body)
		}
	}
}
