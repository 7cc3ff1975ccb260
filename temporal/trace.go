package temporal

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// traced is ctx as a part of the trace that x is in, whoever starts its saga: a
// sweep, or a request that comes again, has one of its own.
func traced(ctx context.Context, x execution.Execution) context.Context {
	if id := trace.SpanContextFromContext(ctx).TraceID(); x.Trace == "" || id.String() == x.TraceID() {
		return ctx
	}
	return tracing.Within(ctx, x.Trace)
}
