package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are those of this room.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	streams  prometheus.Gauge
	ended    *prometheus.CounterVec
	frames   *prometheus.CounterVec
}

// newMetrics are known to r if they are to be shown.
func newMetrics(r prometheus.Registerer, show bool) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "codesaga_http_requests_total", Help: "Requests that were answered; 499: the client was gone.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "codesaga_http_request_duration_seconds", Help: "From headers to the end of the answer, without streams and waits.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "codesaga_streams_open", Help: "Streams of executions that are open.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "codesaga_streams_ended_total", Help: "Streams that ended: with the result, because the client left, was too slow (cut), at a shutdown, because its input could not be passed on (refused), or by an error.",
		}, []string{"why"}),
		frames: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "codesaga_stream_frames_total", Help: "Frames that were sent to streams.",
		}, []string{"event"}),
	}
	if show {
		r.MustRegister(m.requests, m.duration, m.streams, m.ended, m.frames)
	}
	return m
}

// methods are the only ones that become labels: clients invent others.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions}

// request counts one, by the template of its route.
func (m metrics) request(c *gin.Context, took time.Duration) {
	method, route := c.Request.Method, c.FullPath()
	if !slices.Contains(methods, method) {
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(c.Writer.Status())).Inc()
	if !strings.HasSuffix(route, "/stream") && !strings.HasSuffix(route, "/ws") && c.Query("wait") == "" {
		m.duration.WithLabelValues(method, route).Observe(took.Seconds())
	}
}

// exposition is for Prometheus.
func (s *Server) exposition(c *gin.Context) error {
	promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}).ServeHTTP(c.Writer, c.Request)
	return nil
}
