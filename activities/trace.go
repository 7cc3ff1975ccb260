package activities

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// traceparent is the span of ctx as W3C Trace Context, empty if there is none.
func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}
