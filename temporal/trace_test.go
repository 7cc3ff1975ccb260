package temporal

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/execution"
)

// starter keeps the span in which a workflow was started.
type starter struct {
	client.Client
	in trace.SpanContext
}

func (s *starter) ExecuteWorkflow(ctx context.Context, _ client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	s.in = trace.SpanContextFromContext(ctx)
	return nil, nil
}

// A saga is in the trace that its row names, whoever starts it.
func TestASagaIsInTheTraceOfItsRow(t *testing.T) {
	span := func(traceID, spanID byte) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{traceID}, SpanID: trace.SpanID{spanID}})
	}
	const row = "00-01000000000000000000000000000000-0900000000000000-00"
	tests := []struct {
		name, row string
		of, want  trace.SpanContext
	}{
		{"its own request", row, span(1, 2), span(1, 2)},
		{"a sweep", row, span(3, 4), span(1, 9)},
		{"nobody's", row, trace.SpanContext{}, span(1, 9)},
		{"an old row", "", span(3, 4), span(3, 4)},
		{"a broken row", "00-x-y-01", span(3, 4), span(3, 4)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s starter
			ctx := trace.ContextWithSpanContext(t.Context(), tt.of)
			if err := (Sagas{&s}).Start(ctx, execution.Execution{ID: "x1", Trace: tt.row}); err != nil {
				t.Fatal(err)
			}
			if s.in.TraceID() != tt.want.TraceID() || s.in.SpanID() != tt.want.SpanID() {
				t.Errorf("in %s %s", s.in.TraceID(), s.in.SpanID())
			}
		})
	}
}
