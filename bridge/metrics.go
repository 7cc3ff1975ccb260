package bridge

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// Metrics counts what the bridge does. A nil *Metrics counts nothing.
type Metrics struct {
	messages    *prometheus.CounterVec
	unknown     *prometheus.CounterVec
	lag         *prometheus.GaugeVec
	waiting     *prometheus.GaugeVec
	members     *prometheus.GaugeVec
	paused      *prometheus.GaugeVec
	dead        *prometheus.GaugeVec
	oldest      prometheus.Gauge
	alarm       *prometheus.GaugeVec
	subscribers prometheus.Gauge
	dropped     prometheus.Counter
}

// NewMetrics returns metrics that are registered with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "codesaga_bridge_messages_total",
			Help: "Messages by what became of them: handled, failed (each try), dead, skipped (of a replay).",
		}, []string{"topic", "group", "result"}),
		unknown: f.NewCounterVec(prometheus.CounterOpts{
			Name: "codesaga_bridge_unknown_events_total",
			Help: "Handled events of a type that this version does not know.",
		}, []string{"topic", "group"}),
		lag: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "codesaga_bridge_lag_messages",
			Help: "Messages of a partition that the group has not done, as of the last message fetched or done by this process.",
		}, []string{"topic", "group", "partition"}),
		waiting: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "codesaga_consumer_group_lag_messages",
			Help: "Messages of all partitions that the group has not done, by its committed offsets; also of groups that do not move.",
		}, []string{"topic", "group"}),
		members: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "codesaga_consumer_group_members",
			Help: "Processes that take part in the group.",
		}, []string{"topic", "group"}),
		paused: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "codesaga_consumer_group_paused",
			Help: "1 while an operator has paused the group.",
		}, []string{"topic", "group"}),
		dead: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "codesaga_letters",
			Help: "Dead letters by status.",
		}, []string{"status"}),
		oldest: f.NewGauge(prometheus.GaugeOpts{
			Name: "codesaga_letters_oldest_seconds",
			Help: "Age of the oldest dead letter that waits.",
		}),
		alarm: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "codesaga_letters_alarm",
			Help: "1 for the level of the alarm about dead letters that wait: ok, warning, critical.",
		}, []string{"level"}),
		subscribers: f.NewGauge(prometheus.GaugeOpts{
			Name: "codesaga_bridge_subscribers",
			Help: "Streams that hear of updates from this process.",
		}),
		dropped: f.NewCounter(prometheus.CounterOpts{
			Name: "codesaga_bridge_subscribers_dropped_total",
			Help: "Streams that were cut off because they lagged or an update could not be read.",
		}),
	}
}

func (m *Metrics) count(c *Consumer, result string) {
	if m != nil {
		m.messages.WithLabelValues(c.Topic, c.Group, result).Inc()
	}
}

func (m *Metrics) behind(c *Consumer, partition int, lag int64) {
	if m != nil {
		m.lag.WithLabelValues(c.Topic, c.Group, strconv.Itoa(partition)).Set(float64(lag))
	}
}

// groups tells how far groups are, and which of them gate holds back.
func (m *Metrics) groups(all []execution.ConsumerGroup, gate *Gate) {
	if m == nil {
		return
	}
	for _, g := range all {
		m.waiting.WithLabelValues(g.Topic, g.Name).Set(float64(g.Lag))
		m.members.WithLabelValues(g.Topic, g.Name).Set(float64(g.Members))
		m.paused.WithLabelValues(g.Topic, g.Name).Set(oneIf(gate.holds(g.Name)))
	}
}

// oneIf is 1 if something holds, and else 0.
func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// letters tells how many dead letters there are.
func (m *Metrics) letters(f execution.LetterFigures, level execution.AlarmLevel, now time.Time) {
	if m == nil {
		return
	}
	for _, status := range execution.LetterStatuses {
		m.dead.WithLabelValues(string(status)).Set(float64(f.ByStatus[status]))
	}
	m.oldest.Set(0)
	if f.Waiting > 0 {
		m.oldest.Set(now.Sub(f.Oldest).Seconds())
	}
	for _, one := range []execution.AlarmLevel{execution.AlarmOK, execution.AlarmWarning, execution.AlarmCritical} {
		m.alarm.WithLabelValues(string(one)).Set(oneIf(one == level))
	}
}

func (m *Metrics) subscribed(n float64) {
	if m != nil {
		m.subscribers.Add(n)
	}
}

func (m *Metrics) drop() {
	if m != nil {
		m.dropped.Inc()
	}
}

// typed counts msg if it is an event of a type that we do not know.
func (m *Metrics) typed(c *Consumer, msg kafka.Message) {
	if m == nil || c.Topic != EventsTopic {
		return
	}
	for _, h := range msg.Headers {
		if h.Key == typeHeader && known[execution.EventType(h.Value)] {
			return
		}
	}
	m.unknown.WithLabelValues(c.Topic, c.Group).Inc()
}

// known has the types of events that this version knows.
var known = func() map[execution.EventType]bool {
	types := make(map[execution.EventType]bool)
	for _, k := range execution.EventKinds {
		types[k.Type] = true
	}
	return types
}()
