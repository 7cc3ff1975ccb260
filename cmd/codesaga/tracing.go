package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
)

// tracing lets spans of this process go where the settings say, and is over
// when a closes. Without an exporter none is recorded, but their IDs are made and
// passed on all the same: whoever reads the topics can join in.
func (a *app) tracing(ctx context.Context, role string, out io.Writer) error {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { a.log.Warn("tracing", "err", err) }))
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "codesaga"), attribute.String("service.version", version), attribute.String("codesaga.role", role)))
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(a.TraceRatio)))}
	var exporter sdktrace.SpanExporter
	switch a.TraceExporter { // what is not said here, such as headers, OTEL_EXPORTER_OTLP_* say
	case "none":
		options = append(options, sdktrace.WithSampler(sdktrace.NeverSample()))
	case "otlp-http":
		var to []otlptracehttp.Option
		if a.TraceEndpoint != "" {
			to = append(to, otlptracehttp.WithEndpointURL(strings.TrimSuffix(a.TraceEndpoint, "/")+"/v1/traces")) // as OTEL_EXPORTER_OTLP_ENDPOINT has it
		}
		exporter, err = otlptracehttp.New(ctx, to...)
	case "otlp-grpc":
		var to []otlptracegrpc.Option
		if a.TraceEndpoint != "" {
			to = append(to, otlptracegrpc.WithEndpointURL(a.TraceEndpoint))
		}
		exporter, err = otlptracegrpc.New(ctx, to...)
	case "stdout":
		exporter, err = stdouttrace.New(stdouttrace.WithWriter(out))
	}
	if err != nil {
		return fmt.Errorf("trace-endpoint: %w", err)
	}
	if exporter != nil {
		options = append(options, sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Second)))
	}
	provider := sdktrace.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	a.atClose(func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer stop()
		_ = provider.Shutdown(ctx) // sends what is left, or gives it up
	})
	return nil
}

// interceptors carry spans through Temporal: from who starts a workflow to its
// activities, in headers of the history, which are IDs.
func interceptors() ([]interceptor.ClientInterceptor, error) {
	i, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: otel.Tracer("go.temporal.io/sdk"), DisableQueryTracing: true, DisableBaggage: true, AllowInvalidParentSpans: true,
		SpanStarter: func(ctx context.Context, t trace.Tracer, name string, options ...trace.SpanStartOption) trace.Span {
			_, span := t.Start(ctx, name, options...)
			return &discreet{Span: span}
		},
	})
	if err != nil {
		return nil, err
	}
	return []interceptor.ClientInterceptor{i}, nil
}

// discreet is a span that says the kind of an error and never its text, which may
// be a user's. Temporal's interceptor hands it the error, and then its text.
type discreet struct {
	trace.Span
	kind string
}

// RecordError remembers the kind of err: ours, or the type that it has in
// Temporal.
func (s *discreet) RecordError(err error, _ ...trace.EventOption) {
	s.kind = string(execution.KindOf(err))
	if in, ok := errors.AsType[*temporal.ApplicationError](err); ok && s.kind == string(execution.Internal) {
		s.kind = in.Type()
	}
}

// SetStatus says the kind in place of the text.
func (s *discreet) SetStatus(code codes.Code, _ string) { s.Span.SetStatus(code, s.kind) }

// spanned adds to each line of a log which trace it belongs to.
type spanned struct{ slog.Handler }

// Handle adds the ID of the trace that ctx is in.
func (h spanned) Handle(ctx context.Context, r slog.Record) error {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		r.AddAttrs(slog.String("trace_id", id.String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps doing so.
func (h spanned) WithAttrs(attrs []slog.Attr) slog.Handler {
	return spanned{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps doing so.
func (h spanned) WithGroup(name string) slog.Handler { return spanned{h.Handler.WithGroup(name)} }

// traceURL reports whether a template leads to traces: one of http or https that
// has the place for an ID.
func traceURL(template string) bool {
	return template == "" || strings.Contains(template, "{trace_id}") && (strings.HasPrefix(template, "https://") || strings.HasPrefix(template, "http://"))
}
