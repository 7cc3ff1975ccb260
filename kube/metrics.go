package kube

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/codesaga/codesaga/execution"
)

// Metrics is what a worker counts. After a start it counts anew what it tells
// anew.
type Metrics struct {
	created, refused, reopened, relists, reconciled prometheus.Counter

	endings *prometheus.CounterVec // by status
	keepers prometheus.Gauge
	start   prometheus.Histogram
}

// NewMetrics returns metrics that are registered with r, or, if that is nil,
// with nobody.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "codesaga", Subsystem: "kube", Name: name, Help: help})
	}
	return &Metrics{
		created:    counter("pods_created_total", "Pods that were made."),
		refused:    counter("pods_refused_total", "Pods that the cluster refused for good."),
		reopened:   counter("log_follows_reopened_total", "Logs that ended, or could not be opened, before the run ended."),
		relists:    counter("watch_errors_total", "Watches of pods that ended with an error."),
		reconciled: counter("reconciled_total", "Objects that were left behind and then mended or removed."),
		endings: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "codesaga", Subsystem: "kube", Name: "endings_total", Help: "Runs that ended, by status.",
		}, []string{"status"}),
		keepers: f.NewGauge(prometheus.GaugeOpts{
			Namespace: "codesaga", Subsystem: "kube", Name: "keepers", Help: "Pods whose story is being told.",
		}),
		start: f.NewHistogram(prometheus.HistogramOpts{
			Namespace: "codesaga", Subsystem: "kube", Name: "start_seconds", Help: "From asking for a pod to the start of its script.",
			Buckets: []float64{.1, .25, .5, .75, 1, 1.5, 2, 3, 5, 10, 20, 40, 60},
		}),
	}
}

func (w *Worker) metrics() *Metrics {
	w.counting.Do(func() {
		if w.Metrics == nil {
			w.Metrics = NewMetrics(nil)
		}
	})
	return w.Metrics
}

// told counts e, of a pod that was asked for at created.
func (m *Metrics) told(e execution.Event, created time.Time) {
	if e.Type == execution.PodRunning {
		m.start.Observe(e.At.Sub(created).Seconds())
	}
	m.ending(e)
}

func (m *Metrics) ending(e execution.Event) {
	if e.Outcome != nil {
		m.endings.WithLabelValues(string(e.Outcome.Status)).Inc()
	}
}
