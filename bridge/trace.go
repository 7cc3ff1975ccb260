package bridge

import (
	"context"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

var tracer = otel.Tracer("github.com/codesaga/codesaga/bridge")

// traced is ctx as a part of the trace that m came with, if it came with one.
func traced(ctx context.Context, m kafka.Message) context.Context {
	return tracing.Within(ctx, headersOf(m)[tracing.Header])
}

// span begins that of handling m, as the semantic conventions for messaging name
// it. end ends it with the error that came of it, of which only the kind is
// told: its text may be a user's.
func (c *Consumer) span(ctx context.Context, m kafka.Message) (within context.Context, end func(error)) {
	within, span := tracer.Start(traced(ctx, m), "process "+c.Topic, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", c.Topic),
		attribute.String("messaging.consumer.group.name", c.Group),
		attribute.Int("messaging.destination.partition.id", m.Partition),
		attribute.Int64("messaging.kafka.offset", m.Offset),
		attribute.String("codesaga.key", text(string(m.Key[:min(len(m.Key), 64)]))),
	))
	return within, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, string(execution.KindOf(err)))
		}
		span.End()
	}
}
