package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spans is a collector of OpenTelemetry: it keeps which roles have told of which
// spans of a trace, and all of what was said of those that are watched.
type spans struct {
	mu     sync.Mutex
	traces map[string][]string // ID → "role: name"
	said   map[string]string   // ID → all of it, as text
}

// collect serves one, and returns its URL.
func collect() (*spans, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &spans{traces: map[string][]string{}, said: map[string]string{}}
	go func() { _ = (&http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}).Serve(l) }()
	return s, "http://" + l.Addr().String(), nil
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var all collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &all) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range all.GetResourceSpans() {
		role := ""
		for _, a := range of.GetResource().GetAttributes() {
			if a.GetKey() == "codesaga.role" {
				role = a.GetValue().GetStringValue()
			}
		}
		for _, in := range of.GetScopeSpans() {
			for _, span := range in.GetSpans() {
				id := hex.EncodeToString(span.GetTraceId())
				s.traces[id] = append(s.traces[id], role+": "+span.GetName())
				s.said[id] += span.String() + "\n"
			}
		}
	}
}

// of is what was told of a trace, and what it says.
func (s *spans) of(id string) (names []string, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.traces[id]), s.said[id]
}

// EV-06, EV-24: one trace goes from the request through the saga, its
// activities, the kube worker and the result; nothing of what the user wrote is
// in it.
func TestOneTraceFromTheRequestToTheResult(t *testing.T) {
	s := beside(t, 2*time.Minute)
	const secret = "s3cr3t-of-a-user"
	sub := python("import os, sys; print(os.environ['A'], sys.argv[1], input())")
	sub.Env, sub.Args, sub.Stdin = map[string]string{"A": secret}, []string{secret}, secret
	var x struct {
		ID      string
		TraceID string `json:"trace_id"`
	}
	a := s.do(http.MethodPost, "/api/v1/executions", sub)
	s.into(a, http.StatusAccepted, &x)
	s.note(x.ID)
	if len(x.TraceID) != 32 || a.header.Get("X-Trace-ID") != x.TraceID {
		t.Fatalf("%q, %q", x.TraceID, a.header.Get("X-Trace-ID"))
	}
	if done := s.ended(x.ID); !strings.Contains(done.stdout(), secret) {
		t.Fatalf("%s", jsonOf(done))
	}
	wanted := []string{
		"web: POST /api/v1/executions", "web: StartWorkflow:Execute", "worker: RunWorkflow:Execute", "worker: RunActivity:Publish", "kube: process execution_tasks",
		"bridge: process execution_events", "bridge: process execution_output",
	}
	var names []string
	var text string
	eventually(s, 30*time.Second, func() (bool, string) {
		names, text = the.spans.of(x.TraceID)
		var missing []string
		for _, want := range wanted {
			if !slices.Contains(names, want) {
				missing = append(missing, want)
			}
		}
		return len(missing) == 0, fmt.Sprintf("missing %q of %q", missing, names)
	})
	if strings.Contains(text, secret) || strings.Contains(text, "sys.argv") {
		t.Errorf("what the user wrote is in the trace: %s", text)
	}
}
