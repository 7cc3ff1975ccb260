package bridge

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// Who handles a message is in its trace, and what is published meanwhile is a
// part of that; nothing of the message but its key is told to it.
func TestATraceGoesThroughAConsumer(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	defer otel.SetTracerProvider(sdktrace.NewTracerProvider())
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	b := holding("x1")
	b.in[0].Headers = append(b.in[0].Headers, header(tracing.Header, "00-"+trace+"-"+span+"-01"))
	w := new(topics)
	p := &Publisher{Writer: w, Codecs: codecs(stocked(), "")}
	synctest.Test(t, func(t *testing.T) {
		b.consume(t, func(ctx context.Context, _ string) error {
			if err := p.Publish(ctx, anEvent); err != nil {
				t.Error(err)
			}
			return execution.Errorf(execution.Invalid, "SECRET")
		}, time.Second)
	})
	all := spans.Ended()
	if len(all) != 1 || all[0].Name() != "process t" || all[0].Parent().SpanID().String() != span || all[0].SpanContext().TraceID().String() != trace || all[0].Status().Description != "invalid" {
		t.Fatalf("%+v", tracetest.SpanStubsFromReadOnlySpans(all))
	}
	if got := headersOf(w.written[0])[tracing.Header]; got != "00-"+trace+"-"+all[0].SpanContext().SpanID().String()+"-01" {
		t.Errorf("%s", got)
	}
	for _, a := range all[0].Attributes() {
		if strings.Contains(a.Value.String(), "SECRET") {
			t.Errorf("%+v", a)
		}
	}
	if got := headersOf(kafka.Message{Headers: p.headers(t.Context(), envelope{})})[tracing.Header]; got != "" {
		t.Errorf("of no trace: %s", got)
	}
}
