// Package tracing writes the context of a trace as text and reads it again: as
// W3C Trace Context, which is what messages, pods and rows carry.
package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Header is the name under which it is carried.
const Header = "traceparent"

// Parent is the span of ctx, empty if there is none.
func Parent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[Header]
}

// Within is ctx as a part of the trace that parent says; of one that says none,
// ctx itself.
func Within(ctx context.Context, parent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: parent})
}
