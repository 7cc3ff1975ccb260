package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

const executions = "/api/v1/executions"

func TestErrorsBecomeProblems(t *testing.T) {
	tests := []struct {
		err    error
		status int
		kind   string
		detail string
		after  string
	}{
		{execution.Errorf(execution.Malformed, "cut"), 400, "malformed", "cut", ""},
		{execution.Errorf(execution.Anonymous, "sign in"), 401, "anonymous", "sign in", ""},
		{execution.Errorf(execution.Forbidden, "not yours"), 403, "forbidden", "not yours", ""},
		{execution.Errorf(execution.NotFound, "nothing"), 404, "not_found", `no execution "x1"`, ""},
		{execution.Errorf(execution.Conflict, "not now"), 409, "conflict", "not now", ""},
		{execution.Errorf(execution.TooLarge, "less"), 413, "too_large", "less", ""},
		{execution.FieldErrors{{Field: "a.b", Rule: "1..2"}}, 422, "invalid", "a.b: 1..2", ""},
		{execution.Errorf(execution.Exhausted, "the queue is full"), 429, "exhausted", "the queue is full", "5"},
		{execution.Errorf(execution.Unavailable, "mongodb://secret"), 503, "unavailable", "", "2"},
		{errSecret, 500, "internal", "", ""}, // its text is for the log
		{fmt.Errorf("get: %w", context.DeadlineExceeded), 500, "internal", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			s, m, _ := serve(nil)
			m.err = tt.err
			w := ask(s, "GET", executions+"/x1", "", "X-Correlation-ID", "c-1")
			p := read[Problem](t, w)
			if w.Code != tt.status || p.Status != tt.status || p.Type != "/problems/"+tt.kind || p.Detail != tt.detail ||
				p.Title != http.StatusText(tt.status) || p.Instance != executions+"/x1" || p.CorrelationID != "c-1" {
				t.Errorf("%d %+v", w.Code, p)
			}
			if h := w.Header(); h.Get("Content-Type") != "application/problem+json" || h.Get("Retry-After") != tt.after || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
			if (len(p.Errors) == 1) != (tt.status == 422) {
				t.Errorf("errors %v", p.Errors)
			}
		})
	}
}

func TestWhatNoRouteTakes(t *testing.T) {
	s, _, _ := serve(nil)
	tests := []struct {
		method, path string
		status       int
		kind, allow  string
	}{
		{"GET", "/api/v1/nothing", 404, "not_found", ""},
		{"GET", "/api/v1/executions/", 404, "not_found", ""},
		{"POST", "/", 404, "not_found", ""},
		{"GET", "/../server.go", 404, "not_found", ""},
		{"DELETE", executions, 405, "method_not_allowed", "GET, POST"},
		{"BREW", executions + "/x1", 405, "method_not_allowed", "GET"},
	}
	for _, tt := range tests {
		w := ask(s, tt.method, tt.path, "")
		if p := read[Problem](t, w); w.Code != tt.status || p.Type != "/problems/"+tt.kind || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %v %+v", tt.method, tt.path, w.Code, w.Header(), p)
		}
	}
}

func TestOtherSitesMayNotWrite(t *testing.T) {
	s, _, g := serve(nil)
	for _, path := range []string{executions, executions + "/x1/cancel"} {
		for _, h := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			if w := ask(s, "POST", path, small, h[0], h[1]); w.Code != 403 || g.calls != nil {
				t.Errorf("%s with %v: %d %s", path, h, w.Code, w.Body)
			}
		}
	}
	if w := ask(s, "POST", executions, small, "Sec-Fetch-Site", "same-origin"); w.Code != 202 {
		t.Errorf("our own: %d %s", w.Code, w.Body)
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	s, _, _ := serve(nil)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.User = func(*http.Request) (string, error) { panic("hunter2") }
	w := ask(s, "GET", executions+"/x1", "", "X-Correlation-ID", "c-1")
	if p := read[Problem](t, w); w.Code != 500 || p.Type != "/problems/internal" || p.Detail != "" {
		t.Errorf("%d %+v", w.Code, p)
	}
	if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "correlation_id=c-1") {
		t.Errorf("log: %s", &log)
	}
}

func TestCorrelationID(t *testing.T) {
	s, _, _ := serve(nil)
	for sent, kept := range map[string]bool{"a.B_9-": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false} {
		if got := ask(s, "GET", "/healthz", "", "X-Correlation-ID", sent).Header().Get("X-Correlation-ID"); (got == sent) != kept || got == "" {
			t.Errorf("%q became %q", sent, got)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	s, _, _ := serve(nil)
	for _, path := range []string{"/", "/nothing", executions + "/x1", "/api/v1/languages"} {
		h := ask(s, "GET", path, "").Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, h)
		}
		if private := strings.HasPrefix(path, executions); private != (h.Get("Cache-Control") == "no-store") && path != "/nothing" {
			t.Errorf("%s: Cache-Control %s", path, h.Get("Cache-Control"))
		}
	}
}
