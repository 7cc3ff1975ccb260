package web

import (
	"time"
	"unicode/utf8"

	"github.com/codesaga/codesaga/execution"
)

// StatusFrame is the data of a frame of the event "status". The parts are
// those of the event that it tells of.
type StatusFrame struct {
	ExecutionID execution.ID        `json:"execution_id"`
	Status      execution.Status    `json:"status"` // after the event
	Type        execution.EventType `json:"type"`   // snapshot: none happened, so it stands; queue: likewise, the place is another
	At          time.Time           `json:"occurred_at"`
	Queue       *execution.Queue    `json:"queue,omitempty"`
	Pod         *execution.Pod      `json:"pod,omitempty"`
	Outcome     *execution.Outcome  `json:"outcome,omitempty"`
	Usage       *execution.Usage    `json:"usage,omitempty"`
}

// OutputFrame is the data of a frame of the event "output": one of text and
// bytes.
type OutputFrame struct {
	Stream   execution.Stream `json:"stream"`
	Position int64            `json:"position"` // of the first byte, in its stream
	Text     *string          `json:"text,omitempty"`
	Bytes    []byte           `json:"data_base64,omitempty"` // what is not UTF-8, perhaps for a character that is cut in two
}

// GapFrame is the data of a frame of the event "gap": what lies between two
// positions does not come.
type GapFrame struct {
	Reason string `json:"reason"` // missing: it is not kept; unknown_id: the last ID is none of this stream
	After  string `json:"after"`  // what the client has, as the last ID
	Before string `json:"before"` // where the stream goes on: behind this
}

func outputFrame(c execution.Chunk) OutputFrame {
	if utf8.Valid(c.Bytes) {
		return OutputFrame{Stream: c.Stream, Position: c.Position, Text: new(string(c.Bytes))}
	}
	return OutputFrame{Stream: c.Stream, Position: c.Position, Bytes: c.Bytes}
}

// floor is the least that is true after an event that is no ending.
var floor = map[execution.EventType]execution.Status{
	execution.ExecutionScheduled: execution.Scheduled,
	execution.PodCreated:         execution.Scheduled,
	execution.PodScheduled:       execution.Scheduled,
	execution.PodRunning:         execution.Running,
}

// statusAfter is the status of an execution after e, which was was.
func statusAfter(was execution.Status, e execution.Event) execution.Status {
	next := floor[e.Type]
	if e.Outcome != nil {
		next = e.Outcome.Status
	}
	if next != "" && was.CanBecome(next) {
		return next
	}
	return was
}
