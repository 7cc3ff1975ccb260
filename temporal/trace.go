package temporal

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/codesaga/codesaga/execution"
)

// traced is ctx as a part of the trace that x is in, whoever starts its saga: a
// sweep, or a request that comes again, has one of its own.
func traced(ctx context.Context, x execution.Execution) context.Context {
	if id := trace.SpanContextFromContext(ctx).TraceID(); x.Trace == "" || id.String() == x.TraceID() {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": x.Trace})
}
