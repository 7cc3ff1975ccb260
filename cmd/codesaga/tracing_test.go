package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// recorded has all spans of a test kept.
func recorded(t *testing.T) *tracetest.SpanRecorder {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(sdktrace.NewTracerProvider()) })
	return spans
}

// ofWorkers is what interceptors returns, as workers have it.
func ofWorkers(t *testing.T) (all []interceptor.WorkerInterceptor) {
	of, err := interceptors()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range of {
		all = append(all, i.(interceptor.WorkerInterceptor))
	}
	return all
}

// I10: the text of an error may be a user's. Of what fails in Temporal, spans
// say the kind and nothing else.
func TestErrorsInTemporalAreOnlyKindsInSpans(t *testing.T) {
	spans := recorded(t)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: ofWorkers(t)})
	fail := func(context.Context) error { return execution.Errorf(execution.Invalid, "SECRET") }
	env.RegisterActivity(fail)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
		})
		return workflow.ExecuteActivity(ctx, fail).Get(ctx, nil)
	})
	if env.GetWorkflowError() == nil {
		t.Fatal("it did not fail")
	}
	var told []string
	traces := map[string]bool{}
	for _, s := range spans.Ended() {
		traces[s.SpanContext().TraceID().String()] = true
		said := s.Name() + " " + s.Status().Description
		told = append(told, said)
		for _, a := range s.Attributes() {
			said += a.Value.String()
		}
		for _, e := range s.Events() {
			for _, a := range e.Attributes {
				said += a.Value.String()
			}
		}
		if strings.Contains(said, "SECRET") {
			t.Errorf("the text of an error is in a span: %s", said)
		}
	}
	if len(traces) != 1 || !strings.Contains(strings.Join(told, "\n"), " invalid") {
		t.Errorf("%d traces, %q", len(traces), told)
	}
}

// Histories that were recorded without spans are replayed with them.
func TestHistoriesReplayWithSpans(t *testing.T) {
	recorded(t)
	histories, err := filepath.Glob("../../workflows/testdata/histories/*.json")
	if err != nil || len(histories) == 0 {
		t.Fatalf("no histories to replay: %v", err)
	}
	for _, history := range histories {
		r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: ofWorkers(t)})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []any{workflows.Execute, workflows.Batch, workflows.Fire, workflows.Deliver, workflows.Replay, workflows.Rebuild, workflows.Redrive, workflows.Sweep} {
			r.RegisterWorkflow(w)
		}
		if err := r.ReplayWorkflowHistoryFromJSONFile(nil, history); err != nil {
			t.Errorf("%s: %v", history, err)
		}
	}
}

// A line of the log says which trace it belongs to, if it belongs to one.
func TestLogsNameTheirTrace(t *testing.T) {
	recorded(t)
	var out bytes.Buffer
	log := slog.New(spanned{slog.NewTextHandler(&out, nil)}).With("role", "web")
	log.InfoContext(t.Context(), "of no trace")
	ctx, span := otel.Tracer("test").Start(t.Context(), "a")
	defer span.End()
	log.InfoContext(ctx, "of one")
	none, one, _ := strings.Cut(out.String(), "\n")
	if strings.Contains(none, "trace_id") || !strings.Contains(one, "role=web trace_id="+span.SpanContext().TraceID().String()) {
		t.Errorf("%s", &out)
	}
}

// Spans go where the settings say, and their IDs are there in any case.
func TestSpansGoWhereTheSettingsSay(t *testing.T) {
	t.Cleanup(func() { otel.SetTracerProvider(sdktrace.NewTracerProvider()) })
	for _, tt := range []struct {
		exporter string
		ratio    float64
		arrives  bool
	}{
		{"none", 1, false}, {"stdout", 1, true}, {"stdout", 0, false}, {"otlp-http", 1, true}, {"otlp-grpc", 1, true}, {"otlp-http", 0, false},
	} {
		t.Run(fmt.Sprint(tt.exporter, " ", tt.ratio), func(t *testing.T) {
			var arrived atomic.Bool
			var protocols http.Protocols
			protocols.SetHTTP1(true)
			protocols.SetUnencryptedHTTP2(true)
			collector := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				arrived.Store(r.URL.Path == "/v1/traces" || strings.HasSuffix(r.URL.Path, "TraceService/Export"))
			}))
			collector.Config.Protocols = &protocols
			collector.Start()
			defer collector.Close()
			a := newApp(Config{TraceExporter: tt.exporter, TraceEndpoint: collector.URL, TraceRatio: tt.ratio}, slog.New(slog.DiscardHandler))
			var out bytes.Buffer
			if err := a.tracing(t.Context(), "web", &out); err != nil {
				t.Fatal(err)
			}
			_, span := otel.GetTracerProvider().Tracer("test").Start(t.Context(), "a span")
			if span.End(); !span.SpanContext().IsValid() {
				t.Error("it has no ID")
			}
			a.close() // sends what is left
			if got := arrived.Load() || strings.Contains(out.String(), `"a span"`); got != tt.arrives {
				t.Errorf("arrived: %v, %s", got, out.String())
			}
		})
	}
}
