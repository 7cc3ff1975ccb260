package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"go.opentelemetry.io/otel/propagation"
)

var w3c = propagation.TraceContext{}

// traceparent is the span of ctx as W3C Trace Context, empty if there is none.
func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// traced is ctx as a part of the trace in which pod was made. It is on the pod,
// so that a worker that starts anew goes on with it.
func traced(ctx context.Context, pod *corev1.Pod) context.Context {
	return w3c.Extract(ctx, propagation.MapCarrier{"traceparent": pod.Annotations[annotationTrace]})
}
