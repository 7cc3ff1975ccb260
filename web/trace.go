package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// traceHeader of an answer names its trace, for whoever asks what went wrong.
const traceHeader = "X-Trace-ID"

var tracer = otel.Tracer("github.com/codesaga/codesaga/web")

// trace begins the span of a request, as the semantic conventions for HTTP name
// it: by its route, without what its path or query say. A trace that the client
// is in is continued if clients are trusted with that, and else only linked.
func (s *Server) trace(c *gin.Context) {
	route := c.FullPath()
	if !strings.HasPrefix(route, "/api/") { // probes, metrics and the page
		return
	}
	ctx, theirs := c.Request.Context(), propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(c.Request.Header))
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", c.Request.Method), attribute.String("http.route", route),
		attribute.String("codesaga.correlation_id", correlation(c)),
	)}
	switch remote := trace.SpanContextFromContext(theirs); {
	case remote.IsValid() && s.ContinueTraces:
		ctx = trace.ContextWithRemoteSpanContext(ctx, remote)
	case remote.IsValid():
		options = append(options, trace.WithLinks(trace.Link{SpanContext: remote}))
	}
	ctx, span := tracer.Start(ctx, c.Request.Method+" "+route, options...)
	if id := span.SpanContext().TraceID(); id.IsValid() {
		c.Header(traceHeader, id.String())
	}
	c.Request = c.Request.WithContext(ctx)
	defer func() { // also when a handler breaks off
		span.SetAttributes(attribute.Int("http.response.status_code", c.Writer.Status()))
		if c.Writer.Status() >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}()
	c.Next()
}

// concerns links the span of a request to the trace of the execution that it is
// about: that of a stream, which is no part of the run, can be found from it.
func concerns(ctx context.Context, x execution.Execution) {
	of := trace.SpanContextFromContext(tracing.Within(context.Background(), x.Trace))
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("codesaga.execution_id", string(x.ID)))
	if of.IsValid() && of.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: of})
	}
}

// traceURL is where the trace of x is shown, if that is known.
func (s *Server) traceURL(x execution.Execution) Text {
	if s.TraceURL == "" || x.TraceID() == "" {
		return ""
	}
	return Text(strings.ReplaceAll(s.TraceURL, "{trace_id}", x.TraceID()))
}
