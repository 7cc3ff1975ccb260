package execution

import (
	"fmt"
	"time"
)

// PlatformEvent says that something happened to the platform, or to its people,
// and not to one execution (parity EV-10).
type PlatformEvent struct {
	ID     string       `json:"id" bson:"_id" avro:"id"` // a function of what happened, so that one that is told twice is recognised
	Type   PlatformType `json:"type" bson:"type" avro:"type"`
	Source string       `json:"source" bson:"source" avro:"source"`
	UserID string       `json:"user_id,omitempty" bson:"user_id,omitempty" avro:"user_id"` // who did it; empty: the platform
	At     time.Time    `json:"occurred_at" bson:"occurred_at" avro:"occurred_at"`         // to the millisecond, UTC
	Letter *LetterNews  `json:"letter,omitempty" bson:"letter,omitempty" avro:"letter"`
}

// PlatformEventsTopic is where they are told.
const PlatformEventsTopic = "platform_events"

// PlatformType names what happened. Consumers ignore types they do not know.
type PlatformType string

// The types of events of the platform.
const (
	LetterReceivedEvent  PlatformType = "dlq_message_received"  // a consumer group could not handle a message, or not again
	LetterRetriedEvent   PlatformType = "dlq_message_retried"   // it took effect after all
	LetterParkedEvent    PlatformType = "dlq_message_parked"    // it waits for a person
	LetterDiscardedEvent PlatformType = "dlq_message_discarded" // a person gave it up
	LetterArchivedEvent  PlatformType = "dlq_message_archived"  // a person has put it aside
	LetterRestoredEvent  PlatformType = "dlq_message_restored"  // and a person took it up again
)

// LetterNews is what is told of a dead letter: nothing of what it carries.
type LetterNews struct {
	ID          string `json:"id" bson:"id" avro:"id"`
	Topic       string `json:"topic" bson:"topic" avro:"topic"`
	Partition   int32  `json:"partition" bson:"partition" avro:"partition"`
	Offset      int64  `json:"offset" bson:"offset" avro:"offset"`
	Group       string `json:"consumer_group" bson:"group" avro:"consumer_group"`
	EventType   string `json:"event_type,omitempty" bson:"event_type,omitempty" avro:"event_type"`
	ExecutionID string `json:"execution_id,omitempty" bson:"execution_id,omitempty" avro:"execution_id"`
	Class       string `json:"error_class" bson:"class" avro:"error_class"`
	Round       int32  `json:"round" bson:"round" avro:"round"` // how often it had been redriven
	Note        string `json:"note,omitempty" bson:"note,omitempty" avro:"note"`
}

// letterEvents are the types of what happens to letters and is told, by
// LetterEntry.What.
var letterEvents = map[string]PlatformType{
	"died": LetterReceivedEvent, "retried": LetterRetriedEvent, "parked": LetterParkedEvent,
	"discarded": LetterDiscardedEvent, "archived": LetterArchivedEvent, "restored": LetterRestoredEvent,
}

// Told reports whether others are told of e.
func (e LetterEntry) Told() bool { return letterEvents[e.What] != "" }

// News are the events of what happened to l and nobody was told yet. Errors, which
// are in the words of programs and may quote a message, are not told: their class
// is. Of one that is itself such an event nothing is told, or there would be no end.
func (l Letter) News() (all []PlatformEvent) {
	if l.Origin.Topic == PlatformEventsTopic {
		return nil
	}
	for _, e := range l.Untold {
		class, note := e.Class, e.Note
		if e.What == "died" {
			note = ""
		}
		if class == "" {
			class = l.Class
		}
		all = append(all, PlatformEvent{
			ID: fmt.Sprintf("%s/%s/%d/%d", l.ID, e.What, e.Round, e.At.UnixMilli()), Type: letterEvents[e.What], Source: SourceLetters, UserID: e.By, At: e.At,
			Letter: &LetterNews{
				ID: l.ID, Topic: l.Origin.Topic, Partition: int32(l.Origin.Partition), Offset: l.Origin.Offset, Group: l.Origin.Group,
				EventType: l.EventType, ExecutionID: l.ExecutionID, Class: class, Round: int32(e.Round), Note: note,
			},
		})
	}
	return all
}

// PlatformQuery chooses among the events of the platform; what is zero matches
// all.
type PlatformQuery struct {
	Types    []PlatformType
	UserID   string
	From, To time.Time // From is in it, To is not
	Cursor   string
	Limit    int // 1 to 500
}
