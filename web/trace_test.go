package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// A request is a span, by its route; the run that it asks for is in its trace. A
// client's own trace is linked, or continued where clients are trusted.
func TestARequestBeginsATrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	defer otel.SetTracerProvider(sdktrace.NewTracerProvider())
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	for _, trusted := range []bool{false, true} {
		spans.Reset()
		s, _, _ := serve(nil)
		s.ContinueTraces, s.TraceURL = trusted, "https://traces/{trace_id}"
		w := ask(s, "POST", executions, `{"language":"python","script":"SECRET","env":{"A":"SECRET"}}`, "traceparent", "00-"+theirs+"-b7ad6b7169203331-01", "X-Correlation-ID", "c7")
		v := read[View](t, w)
		all := spans.Ended()
		if w.Code != 202 || len(all) != 1 || all[0].Name() != "POST "+executions {
			t.Fatalf("%d %s %+v", w.Code, w.Body, tracetest.SpanStubsFromReadOnlySpans(all))
		}
		ours := all[0].SpanContext().TraceID().String()
		if (ours == theirs) != trusted || (len(all[0].Links()) == 1) == trusted || w.Header().Get(traceHeader) != ours || string(v.TraceID) != ours || string(v.TraceURL) != "https://traces/"+ours {
			t.Errorf("trusted %v: %s, links %+v, header %q, %s %s", trusted, ours, all[0].Links(), w.Header().Get(traceHeader), v.TraceID, v.TraceURL)
		}
		said := ""
		for _, a := range all[0].Attributes() {
			said += string(a.Key) + "=" + a.Value.String() + " "
		}
		for _, part := range []string{"http.route=" + executions, "http.response.status_code=202", "codesaga.correlation_id=c7", "codesaga.execution_id=" + string(v.ID)} {
			if !strings.Contains(said, part) {
				t.Errorf("no %s in %s", part, said)
			}
		}
		if strings.Contains(said, "SECRET") {
			t.Errorf("%s", said)
		}
		spans.Reset()
		ask(s, "GET", "/healthz", "")
		if len(spans.Ended()) != 0 {
			t.Errorf("a probe is a span")
		}
		ask(s, "GET", executions+"/nobody", "")
		if all := spans.Ended(); len(all) != 1 || all[0].Name() != "GET "+executions+"/:id" {
			t.Errorf("%+v", tracetest.SpanStubsFromReadOnlySpans(all))
		}
	}
}

// Who reads a problem, or the log, finds the trace of it.
func TestProblemsAndLogsNameTheirTrace(t *testing.T) {
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))) // as without an exporter
	defer otel.SetTracerProvider(sdktrace.NewTracerProvider())
	s, _, _ := serve(nil)
	var log bytes.Buffer
	s.Log = slog.New(traces{slog.NewTextHandler(&log, nil)})
	s.User = func(*http.Request) (string, error) { panic("no") }
	w := ask(s, "GET", executions+"/x1", "")
	id := w.Header().Get(traceHeader)
	if p := read[Problem](t, w); len(id) != 32 || p.TraceID != id {
		t.Errorf("%q, %+v", id, p)
	}
	if !strings.Contains(log.String(), "handler panicked") || !strings.Contains(log.String(), "trace="+id) {
		t.Errorf("log: %s", &log)
	}
}

// traces is a handler that tells the trace of a context.
type traces struct{ slog.Handler }

func (h traces) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("trace", trace.SpanContextFromContext(ctx).TraceID().String()))
	return h.Handler.Handle(ctx, r)
}
