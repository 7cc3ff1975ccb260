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
	created, refused, reopened, relists, reconciled, asked prometheus.Counter

	endings *prometheus.CounterVec // by status
	stuck   *prometheus.CounterVec // by reason
	held    *prometheus.CounterVec // by reason
	feeds   *prometheus.CounterVec // by result
	keepers prometheus.Gauge
	leads   prometheus.Gauge
	open    prometheus.Gauge
	start   prometheus.Histogram
}

// NewMetrics returns metrics that are registered with r, or, if that is nil,
// with nobody.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "codesaga", Subsystem: "kube", Name: name, Help: help})
	}
	by := func(name, help, label string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "codesaga", Subsystem: "kube", Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Namespace: "codesaga", Subsystem: "kube", Name: name, Help: help})
	}
	return &Metrics{
		created:    counter("pods_created_total", "Pods that were made."),
		refused:    counter("pods_refused_total", "Pods that the cluster refused for good."),
		reopened:   counter("log_follows_reopened_total", "Logs that ended, or could not be opened, before the run ended."),
		relists:    counter("watch_errors_total", "Watches of pods that ended with an error."),
		reconciled: counter("reconciled_total", "Objects that were left behind and then mended or removed."),
		asked:      counter("leader_asked_total", "Tasks whose answer was asked of the leader."),
		endings:    by("endings_total", "Runs that ended, by status.", "status"),
		stuck:      by("pods_stuck_total", "Pods that did not start, by reason.", "reason"),
		held:       by("tasks_held_total", "Tries of a task that the cluster did not take, by reason.", "reason"),
		feeds:      by("feeds_total", "Input for running scripts, by what became of it: passed, dropped, failed.", "result"),
		keepers:    gauge("keepers", "Pods whose story is being told."),
		leads:      gauge("leader", "1 while this worker is the one of its pool that tells."),
		open:       gauge("cluster_open", "1 while the cluster is known not to isolate pods; none are made then."),
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
