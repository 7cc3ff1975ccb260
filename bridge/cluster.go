package bridge

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/riferrei/srclient"
	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// maxMessage is how large a message may be: a task carries up to 900 KiB of
// input, and a batch of output is written as one.
const maxMessage = 2 << 20

// Cluster is where Kafka and the schema registry are. Opening what it offers
// connects to nothing; the first use does.
type Cluster struct {
	Brokers     []string
	RegistryURL string // with the Confluent API below it
	Prefix      string // of the names of topics, subjects and groups, so that several platforms can share one Kafka
	Log         *slog.Logger
}

// Writer returns a Writer to all topics. A write returns when all replicas that
// are in sync have it, and fails after at most 20 s; a message may still arrive
// after that, which does no harm, because what it says has an ID of its own.
func (c Cluster) Writer() Writer {
	return prefixed{c.Prefix, &kafka.Writer{
		Addr:         kafka.TCP(c.Brokers...),
		Balancer:     kafka.Murmur2Balancer{}, // as Java clients do it
		RequiredAcks: kafka.RequireAll,        // the default is none
		BatchTimeout: 2 * time.Millisecond,    // the default is 1 s
		BatchBytes:   maxMessage - 64<<10,     // the frame around a batch counts, too
		MaxAttempts:  3,
		ReadTimeout:  5 * time.Second,
		WriteTimeout: 5 * time.Second,
		Compression:  kafka.Zstd,
		Transport:    transport(),
		ErrorLogger:  c.errors("kafka writer"),
	}}
}

// Reader returns the reader of topic for one member of group, which starts with
// the first message that the group has not done. It takes part once it is
// fetched from. Close it, or let a Consumer do that.
func (c Cluster) Reader(group, topic string) Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers:                c.Brokers,
		GroupID:                c.Prefix + group,
		Topic:                  c.Prefix + topic,
		StartOffset:            kafka.FirstOffset,
		QueueCapacity:          64, // messages may be of 1 MiB
		MaxBytes:               2 * maxMessage,
		MaxWait:                time.Second, // Close waits for it; new messages do not
		ReadBackoffMin:         5 * time.Millisecond,
		ReadBackoffMax:         time.Second,
		CommitInterval:         250 * time.Millisecond, // a crash repeats that much, which does no harm
		JoinGroupBackoff:       500 * time.Millisecond, // the default is 5 s
		HeartbeatInterval:      2 * time.Second,
		SessionTimeout:         10 * time.Second, // after this a dead member's partitions are another's
		RebalanceTimeout:       10 * time.Second,
		WatchPartitionChanges:  true, // also brings a topic that setup makes later
		PartitionWatchInterval: 30 * time.Second,
		ErrorLogger:            c.errors("kafka reader"),
	})
}

// Codecs are the codecs of the topics that have a schema.
type Codecs struct {
	Events   *Codec[execution.Event]
	Tasks    *Codec[execution.Task]
	Chunks   *Codec[execution.Chunk]
	Results  *Codec[execution.Result]
	Notices  *Codec[execution.Notice]
	Platform *Codec[execution.PlatformEvent]
}

// Codecs returns codecs over the registry, which need not be up yet. Share them:
// they remember what the registry said.
func (c Cluster) Codecs() *Codecs {
	client := c.registry()
	return codecs(client, c.Prefix)
}

func codecs(r registry, prefix string) *Codecs {
	return &Codecs{
		Events:   newCodec[execution.Event](r, subject(prefix, EventsTopic), schemaOf(EventsTopic)),
		Tasks:    newCodec[execution.Task](r, subject(prefix, TasksTopic), schemaOf(TasksTopic)),
		Chunks:   newCodec[execution.Chunk](r, subject(prefix, OutputTopic), schemaOf(OutputTopic)),
		Results:  newCodec[execution.Result](r, subject(prefix, ResultsTopic), schemaOf(ResultsTopic)),
		Notices:  newCodec[execution.Notice](r, subject(prefix, NotificationsTopic), schemaOf(NotificationsTopic)),
		Platform: newCodec[execution.PlatformEvent](r, subject(prefix, PlatformTopic), schemaOf(PlatformTopic)),
	}
}

// subject is where the registry keeps the schema of topic. The topics of other
// pools carry the same tasks under the same schema.
func subject(prefix, topic string) string { return prefix + topic + "-value" }

// registry has short timeouts, because srclient knows no contexts.
func (c Cluster) registry() *srclient.SchemaRegistryClient {
	return srclient.NewSchemaRegistryClient(strings.TrimSuffix(c.RegistryURL, "/"),
		srclient.WithClient(&http.Client{Timeout: 5 * time.Second}))
}

// client talks to the brokers about topics. Its transport is new, because a
// transport answers questions about topics from a cache.
func (c Cluster) client() (*kafka.Client, func()) {
	t := transport()
	return &kafka.Client{Addr: kafka.TCP(c.Brokers...), Transport: t, Timeout: 10 * time.Second}, t.CloseIdleConnections
}

func transport() *kafka.Transport {
	return &kafka.Transport{ClientID: "codesaga", DialTimeout: 3 * time.Second, IdleTimeout: time.Minute}
}

// Ping reports whether Kafka and the registry answer, as Unavailable if not.
func (c Cluster) Ping(ctx context.Context) error {
	client, done := c.client()
	defer done()
	if _, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{}); err != nil {
		return unavailable(err)
	}
	return c.pingRegistry(ctx)
}

func (c Cluster) pingRegistry(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.RegistryURL, "/")+"/config", nil)
	if err != nil {
		return fmt.Errorf("schema registry: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return execution.Errorf(execution.Unavailable, "schema registry: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	if answer.StatusCode != http.StatusOK {
		return execution.Errorf(execution.Unavailable, "schema registry: %s", answer.Status)
	}
	return nil
}

// errors passes on what kafka-go tells nobody but its log. It retries most of
// it by itself, so it is no more than a warning.
func (c Cluster) errors(part string) kafka.Logger {
	if c.Log == nil {
		return nil
	}
	return kafka.LoggerFunc(func(format string, args ...any) {
		c.Log.Warn(part, "err", strings.TrimSpace(fmt.Sprintf(format, args...)))
	})
}

// prefixed writes to topics whose names it begins with prefix.
type prefixed struct {
	prefix string
	*kafka.Writer
}

// WriteMessages writes to the prefixed topics; the messages stay as they are.
func (w prefixed) WriteMessages(ctx context.Context, messages ...kafka.Message) error {
	out := make([]kafka.Message, len(messages))
	for i, m := range messages {
		m.Topic = w.prefix + m.Topic
		out[i] = m
	}
	return w.Writer.WriteMessages(ctx, out...)
}
