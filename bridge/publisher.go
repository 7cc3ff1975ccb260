package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// Publisher writes events, tasks, output and results to Kafka. What it has
// written when it returns nil is acknowledged by all replicas; after an error,
// which is Unavailable if another try can help, it may still arrive.
type Publisher struct {
	Writer      Writer
	Codecs      *Codecs
	Version     string // of this program, for the headers; may be empty
	Environment string // such as production, for the headers; may be empty
}

// Publish writes events in one call, in order.
func (p *Publisher) Publish(ctx context.Context, events ...execution.Event) error {
	messages, err := p.events(ctx, events...)
	if err != nil {
		return err
	}
	return p.write(ctx, messages...)
}

func (p *Publisher) events(ctx context.Context, events ...execution.Event) ([]kafka.Message, error) {
	messages := make([]kafka.Message, 0, len(events))
	for _, e := range events {
		value, err := p.Codecs.Events.Encode(e)
		if err != nil {
			return nil, err
		}
		messages = append(messages, kafka.Message{Topic: EventsTopic, Key: []byte(e.ExecutionID), Value: value, Headers: p.headers(ctx, envelopeOf(e))})
	}
	return messages, nil
}

// Send writes a task to the topic of its pool.
func (p *Publisher) Send(ctx context.Context, t execution.Task) error {
	value, err := p.Codecs.Tasks.Encode(t)
	if err != nil {
		return err
	}
	e := envelope{ // a task is told anew each time it is sent, so its ID says when
		id:   fmt.Sprintf("%s/task/%s/%d", t.ExecutionID, t.Action, time.Now().UnixNano()),
		kind: "execution_task." + string(t.Action), source: execution.SourceSaga, subject: string(t.ExecutionID),
		correlation: t.CorrelationID, at: time.Now().UTC(),
	}
	return p.write(ctx, kafka.Message{Topic: TasksOf(t.Pool), Key: []byte(t.ExecutionID), Value: value, Headers: p.headers(ctx, e)})
}

// Output writes chunks in one call, in order.
func (p *Publisher) Output(ctx context.Context, chunks ...execution.Chunk) error {
	messages := make([]kafka.Message, 0, len(chunks))
	for _, c := range chunks {
		value, err := p.Codecs.Chunks.Encode(c)
		if err != nil {
			return err
		}
		e := envelope{
			id:   fmt.Sprintf("%s/output/%d", c.ExecutionID, c.Number),
			kind: "execution_output", source: execution.SourceKube, subject: string(c.ExecutionID), at: c.At,
		}
		messages = append(messages, kafka.Message{Topic: OutputTopic, Key: []byte(c.ExecutionID), Value: value, Headers: p.headers(ctx, e)})
	}
	return p.write(ctx, messages...)
}

// Stored writes r to the topic of results, and then that there is one to the
// log of events: who hears of it finds it. Notices of it go with that. All
// again, if one of them fails.
func (p *Publisher) Stored(ctx context.Context, r execution.Result, notices ...execution.Notice) error {
	value, err := p.Codecs.Results.Encode(r)
	if err != nil {
		return err
	}
	light := r.Event()
	payload := kafka.Message{Topic: ResultsTopic, Key: []byte(r.ExecutionID), Value: value, Headers: p.headers(ctx, envelopeOf(light))}
	if err := p.write(ctx, payload); err != nil {
		return err
	}
	event, err := p.events(ctx, light)
	if err != nil {
		return err
	}
	told, err := p.notices(ctx, notices)
	if err != nil {
		return err
	}
	return p.write(ctx, append(event, told...)...)
}

// Notify writes notices in one call.
func (p *Publisher) Notify(ctx context.Context, notices ...execution.Notice) error {
	messages, err := p.notices(ctx, notices)
	if err != nil {
		return err
	}
	return p.write(ctx, messages...)
}

// Tell writes events of the platform in one call, in order.
func (p *Publisher) Tell(ctx context.Context, events ...execution.PlatformEvent) error {
	messages := make([]kafka.Message, 0, len(events))
	for _, e := range events {
		value, err := p.Codecs.Platform.Encode(e)
		if err != nil {
			return err
		}
		head := envelope{id: e.ID, kind: string(e.Type), source: e.Source, subject: cmp.Or(e.UserID, e.Source), at: e.At}
		messages = append(messages, kafka.Message{Topic: PlatformTopic, Key: []byte(head.subject), Value: value, Headers: p.headers(ctx, head)})
	}
	return p.write(ctx, messages...)
}

func (p *Publisher) notices(ctx context.Context, notices []execution.Notice) ([]kafka.Message, error) {
	messages := make([]kafka.Message, 0, len(notices))
	for _, n := range notices {
		value, err := p.Codecs.Notices.Encode(n)
		if err != nil {
			return nil, err
		}
		e := envelope{id: n.ID, kind: "notification_created", source: execution.SourceResults, subject: n.UserID, at: n.At}
		messages = append(messages, kafka.Message{Topic: NotificationsTopic, Key: []byte(n.UserID), Value: value, Headers: p.headers(ctx, e)})
	}
	return messages, nil
}

func (p *Publisher) write(ctx context.Context, messages ...kafka.Message) error {
	if len(messages) == 0 {
		return nil
	}
	return unavailable(p.Writer.WriteMessages(ctx, messages...))
}

// envelope is what the headers of a message say.
type envelope struct {
	id, kind, source, subject, correlation string
	at                                     time.Time
}

func envelopeOf(e execution.Event) envelope {
	return envelope{e.ID, string(e.Type), e.Source, string(e.ExecutionID), e.CorrelationID, e.At}
}

// headers are e as CloudEvents 1.0, Kafka binding, binary mode, with extensions
// for what the standard has no name for, and W3C Trace Context.
func (p *Publisher) headers(ctx context.Context, e envelope) []kafka.Header {
	var headers []kafka.Header
	add := func(key, value string) {
		if value != "" {
			headers = append(headers, kafka.Header{Key: key, Value: []byte(value)})
		}
	}
	add("ce_specversion", "1.0")
	add(idHeader, e.id)
	add(typeHeader, e.kind)
	add("ce_source", "codesaga/"+e.source)
	add("ce_subject", e.subject)
	add("ce_time", e.at.Format(time.RFC3339Nano))
	add("content-type", "application/avro")
	add("ce_correlationid", e.correlation)
	add("ce_sourceversion", p.Version)
	add("ce_environment", p.Environment)
	add(tracing.Header, tracing.Parent(ctx))
	return headers
}

const (
	typeHeader = "ce_type"
	idHeader   = "ce_id"
)

// unavailable gives an error of Kafka its kind. The same will work soon, unless
// it is too large.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	if tooLarge(err) {
		return execution.Errorf(execution.TooLarge, "kafka: %w", err)
	}
	return execution.Errorf(execution.Unavailable, "kafka: %w", err)
}

// tooLarge reports whether a message was refused for its size, by the writer or
// by the broker.
func tooLarge(err error) bool {
	if _, ok := errors.AsType[kafka.MessageTooLargeError](err); ok {
		return true
	}
	several, ok := errors.AsType[kafka.WriteErrors](err)
	for _, one := range several {
		ok = ok && (one == nil || errors.Is(one, kafka.MessageSizeTooLarge))
	}
	return ok && several.Count() > 0 || errors.Is(err, kafka.MessageSizeTooLarge)
}
