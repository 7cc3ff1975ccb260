// Package bridge carries events over Kafka: from sagas and clusters to the
// store, to browsers and back to sagas, or to the dead letters. Kafka, Avro and
// the schema registry stay inside of it.
package bridge

import (
	"context"
	"embed"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// The topics. Those of executions are keyed by execution, so that what concerns
// one execution is in order.
const (
	EventsTopic        = "execution_events"
	TasksTopic         = "execution_tasks" // of the pool default; see TasksOf
	OutputTopic        = "execution_output"
	ResultsTopic       = "result_stored"
	DeadTopic          = "dead_letters"
	NotificationsTopic = "notification_events"         // keyed by the user whom they are for
	PlatformTopic      = execution.PlatformEventsTopic // keyed by who did it, or who tells
)

// TasksOf is the topic whose consumers serve pool.
func TasksOf(pool string) string {
	if pool == "default" || pool == "" {
		return TasksTopic
	}
	return TasksTopic + "." + pool
}

// schemas holds the contract of each topic that has one, as <topic>.avsc. What
// was released under schema/past is never edited.
//
//go:embed schema/*.avsc
var schemas embed.FS

// schemaOf returns the contract of topic.
func schemaOf(topic string) string {
	text, err := schemas.ReadFile("schema/" + topic + ".avsc")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	return string(text)
}

// Reader is what a Consumer needs of a kafka.Reader with a group.
type Reader interface {
	FetchMessage(context.Context) (kafka.Message, error)
	CommitMessages(context.Context, ...kafka.Message) error
	Close() error
}

// Writer is what the bridge needs of a kafka.Writer without a topic.
type Writer interface {
	WriteMessages(context.Context, ...kafka.Message) error
	Close() error
}

// Handler handles one message. It may be given the same message again.
type Handler func(context.Context, kafka.Message) error
