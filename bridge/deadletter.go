package bridge

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// The headers of a dead letter. The names are those of Spring for Apache Kafka
// (org.springframework.kafka.support.KafkaHeaders, DLT_*), which tools know;
// what it has no name for is ours. All values are text: numbers in decimal,
// times in RFC 3339.
const (
	deadTopic     = "kafka_dlt-original-topic"
	deadPartition = "kafka_dlt-original-partition"
	deadOffset    = "kafka_dlt-original-offset"
	deadTime      = "kafka_dlt-original-timestamp"
	deadGroup     = "kafka_dlt-original-consumer-group"
	deadClass     = "kafka_dlt-exception-fqcn" // the kind of the error
	deadMessage   = "kafka_dlt-exception-message"
	deadAttempts  = "codesaga-attempts"
	deadFirst     = "codesaga-first-failure-at"
	deadOmitted   = "codesaga-value-omitted" // the length of a value that was too large to be written again
)

// maxReason is how much of an error a dead letter tells.
const maxReason = 1 << 10

// bury writes m to the dead letters.
func (c *Consumer) bury(ctx context.Context, m kafka.Message, f failure) error {
	return c.deliver(ctx, m, deadLetter(m, f))
}

// deliver writes what is to be said of m to the dead letters. It waits for Kafka
// as long as it takes: it is not to be lost. It returns an error only when ctx
// is done.
func (c *Consumer) deliver(ctx context.Context, m, letter kafka.Message) error {
	var down outage
	for {
		err := c.Dead.WriteMessages(ctx, letter)
		if err == nil {
			down.over(c.Log, "dead letters can be written again", "topic", m.Topic, "group", c.Group)
			return nil
		}
		if tooLarge(err) && letter.Value != nil { // the original stays where it is as long as its topic keeps it
			letter.Headers = append(letter.Headers, header(deadOmitted, strconv.Itoa(len(letter.Value))))
			letter.Value = nil
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		down.note(c.Log, "cannot write dead letter", "topic", m.Topic, "group", c.Group, "partition", m.Partition, "offset", m.Offset, "err", err)
		if err := down.wait(ctx); err != nil {
			return err
		}
	}
}

// deadLetter is m as it came, with headers that say from where, and why. Those
// of an earlier death are replaced, but for which letter it was redriven of.
func deadLetter(m kafka.Message, f failure) kafka.Message {
	var headers []kafka.Header
	for _, h := range m.Headers {
		if !strings.HasPrefix(h.Key, "kafka_dlt-") && !strings.HasPrefix(h.Key, "codesaga-") {
			headers = append(headers, h)
		}
	}
	if r, ok := redriven(m); ok {
		headers = append(headers, r.headers()...)
	}
	return kafka.Message{
		Topic: DeadTopic,
		Key:   m.Key,
		Value: m.Value,
		Headers: append(headers,
			header(deadTopic, m.Topic),
			header(deadPartition, strconv.Itoa(m.Partition)),
			header(deadOffset, strconv.FormatInt(m.Offset, 10)),
			header(deadTime, m.Time.UTC().Format(time.RFC3339Nano)),
			header(deadGroup, f.group),
			header(deadClass, string(execution.KindOf(f.err))),
			header(deadMessage, short(f.err, maxReason)),
			header(deadAttempts, strconv.Itoa(f.attempts)),
			header(deadFirst, f.first.UTC().Format(time.RFC3339Nano)),
		),
	}
}

// short is the beginning of what err says.
func short(err error, most int) string {
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

func header(key, value string) kafka.Header { return kafka.Header{Key: key, Value: []byte(value)} }
