package execution

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Letter is a message that a consumer group could not handle: a dead letter.
// It is written back to its topic for that group until it takes effect there,
// or a person has to decide.
type Letter struct {
	ID     string       `json:"id" bson:"_id"` // LetterID of its origin
	Status LetterStatus `json:"status" bson:"status"`
	Origin LetterOrigin `json:"origin" bson:"origin"`

	EventID     string `json:"event_id,omitempty" bson:"event_id,omitempty"`         // header ce_id
	EventType   string `json:"event_type,omitempty" bson:"event_type,omitempty"`     // header ce_type
	ExecutionID string `json:"execution_id,omitempty" bson:"execution_id,omitempty"` // the key, if it is one

	Class        string    `json:"error_class" bson:"class"`                     // the kind of the last error, see Kind
	Error        string    `json:"error" bson:"error"`                           // what the last one said
	Attempts     int       `json:"attempts" bson:"attempts"`                     // in place, over all deaths
	Round        int       `json:"round" bson:"round"`                           // how often it was redriven
	Tries        int       `json:"retries" bson:"tries"`                         // redrives since a person last asked, which is what a policy counts
	FirstFailure time.Time `json:"first_failure_at" bson:"first_failure"`        //
	CapturedAt   time.Time `json:"captured_at" bson:"captured_at"`               // of the first death
	UpdatedAt    time.Time `json:"updated_at" bson:"updated_at"`                 //
	Due          time.Time `json:"next_retry_at,omitzero" bson:"due,omitempty"`  // of the next redrive; zero: none is planned
	Sent         time.Time `json:"sent_at,omitzero" bson:"sent,omitempty"`       // of the redrive that has no outcome yet; zero: there is none
	Behind       string    `json:"behind,omitempty" bson:"behind,omitempty"`     // the earlier letter of the same key it waits for
	By           string    `json:"decided_by,omitempty" bson:"by,omitempty"`     // who discarded or restored it
	Reason       string    `json:"reason,omitempty" bson:"reason,omitempty"`     // why it was parked, discarded or restored
	Expires      time.Time `json:"expires_at,omitzero" bson:"expires,omitempty"` // when it is forgotten; zero: never

	Headers []LetterHeader `json:"headers" bson:"headers"` // as they came, without those of the dead letter
	Key     []byte         `json:"-" bson:"key"`
	Value   []byte         `json:"-" bson:"value,omitempty"`                               // as it came
	Omitted int            `json:"value_omitted_bytes,omitempty" bson:"omitted,omitempty"` // its length, when it was too large to be kept

	History []LetterEntry `json:"history" bson:"history"`    // the last hundred things that happened to it
	Untold  []LetterEntry `json:"-" bson:"untold,omitempty"` // of those, what platform_events does not say yet
	Unheard bool          `json:"-" bson:"news,omitempty"`   // there is some
}

// LetterOrigin is where a letter was first.
type LetterOrigin struct {
	Topic     string    `json:"topic" bson:"topic"`
	Partition int       `json:"partition" bson:"partition"`
	Offset    int64     `json:"offset" bson:"offset"`
	Group     string    `json:"consumer_group" bson:"group"`
	At        time.Time `json:"timestamp" bson:"at"`
}

// LetterHeader is a header of a Kafka message; a value that is not UTF-8 is
// given with U+FFFD.
type LetterHeader struct {
	Key   string `json:"key" bson:"key"`
	Value string `json:"value" bson:"value"`
}

// LetterEntry is something that happened to a letter.
type LetterEntry struct {
	At    time.Time `json:"at" bson:"at"`
	What  string    `json:"what" bson:"what"` // died, redriven, retried, parked, asked, discarded, restored
	By    string    `json:"by,omitempty" bson:"by,omitempty"`
	Class string    `json:"error_class,omitempty" bson:"class,omitempty"`
	Note  string    `json:"note,omitempty" bson:"note,omitempty"` // the error, or the reason
	Round int       `json:"round" bson:"round"`
}

// LetterID is the same for each death of one message in one group.
func LetterID(o LetterOrigin) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", o.Group, o.Topic, o.Partition, o.Offset))
	return hex.EncodeToString(sum[:12])
}

// LetterStatus is where a letter is.
type LetterStatus string

// The statuses of a letter.
const (
	LetterPending   LetterStatus = "pending"   // nothing is planned: its policy is manual
	LetterScheduled LetterStatus = "scheduled" // it will be redriven, or is on its way
	LetterRetried   LetterStatus = "retried"   // it took effect
	LetterParked    LetterStatus = "parked"    // its policy gave up: a person decides
	LetterDiscarded LetterStatus = "discarded" // a person gave it up, and may restore it until it expires
	LetterArchived  LetterStatus = "archived"  // a person has put it aside as it is, and may restore it until it expires
)

// LetterStatuses are all of them.
var LetterStatuses = []LetterStatus{LetterPending, LetterScheduled, LetterRetried, LetterParked, LetterDiscarded, LetterArchived}

// WaitingLetters are the statuses in which something is still to be done or
// decided about a letter.
var WaitingLetters = []LetterStatus{LetterPending, LetterScheduled, LetterParked}

// Waits reports whether s is one of those.
func (s LetterStatus) Waits() bool { return slices.Contains(WaitingLetters, s) }

// RedriveStep is what is next with a letter.
type RedriveStep struct {
	Over bool          // nothing, unless a person asks
	Wait time.Duration // until it is looked at again, if nobody says that something happened
}

// RedriveStrategy says when a letter is redriven.
type RedriveStrategy string

// The strategies (parity DL-03).
const (
	RedriveImmediate   RedriveStrategy = "immediate"
	RedriveFixed       RedriveStrategy = "fixed_interval"
	RedriveExponential RedriveStrategy = "exponential_backoff" // with 10 % jitter
	RedriveScheduled   RedriveStrategy = "scheduled"           // each day at a time
	RedriveManual      RedriveStrategy = "manual"
)

// RedrivePolicy says how letters are redriven that it matches: the most
// special one counts, class before type before topic before the rest.
type RedrivePolicy struct {
	ID         string          `json:"id" bson:"_id"`                                // of what it matches, see RedrivePolicyID
	Topic      string          `json:"topic,omitempty" bson:"topic,omitempty"`       // empty: any
	Type       string          `json:"event_type,omitempty" bson:"type,omitempty"`   // of events; a trailing * matches what begins so; empty: any
	Class      string          `json:"error_class,omitempty" bson:"class,omitempty"` // empty: any
	Strategy   RedriveStrategy `json:"strategy" bson:"strategy"`
	MaxRetries int             `json:"max_retries" bson:"max_retries"` // 0 to 20; then the letter is parked
	Initial    float64         `json:"initial_delay_seconds" bson:"initial"`
	Max        float64         `json:"max_delay_seconds" bson:"max"`
	Multiplier float64         `json:"multiplier" bson:"multiplier"`
	At         string          `json:"at,omitempty" bson:"at,omitempty"`         // of scheduled: 15:04, in UTC
	By         string          `json:"updated_by,omitempty" bson:"by,omitempty"` // empty: it is the default
	UpdatedAt  time.Time       `json:"updated_at,omitzero" bson:"updated_at,omitempty"`
}

// LetterFilter chooses letters; what is empty matches all.
type LetterFilter struct {
	Statuses  []LetterStatus
	Topic     string
	Type      string
	Group     string
	Class     string
	Execution string
	OlderThan time.Duration // captured longer ago than this
	Limit     int           // 1 to 1000
	Cursor    string
}

// LetterFigures are the statistics of letters (parity DL-09).
type LetterFigures struct {
	ByStatus map[LetterStatus]int64 `json:"by_status"`
	ByTopic  map[string]int64       `json:"by_topic"` // those that wait, as the next three
	ByType   map[string]int64       `json:"by_event_type"`
	ByGroup  map[string]int64       `json:"by_consumer_group"`
	ByClass  map[string]int64       `json:"by_error_class"`
	Waiting  int64                  `json:"waiting"`
	Oldest   time.Time              `json:"oldest_at,omitzero"` // captured, of those that wait
	Redriven int64                  `json:"redriven"`           // letters that were redriven at least once and have ended: retried, parked, discarded
	Retried  int64                  `json:"retried"`            // of those, that took effect
}

// AlarmLevel is how bad something is that is watched.
type AlarmLevel string

// The levels of an alarm.
const (
	AlarmOK       AlarmLevel = "ok"
	AlarmWarning  AlarmLevel = "warning"
	AlarmCritical AlarmLevel = "critical"
)

// RedriveReport says what a redrive of many letters did (parity DL-05).
type RedriveReport struct {
	Total      int              `json:"total"`
	Successful int              `json:"successful"`
	Failed     int              `json:"failed"`
	More       bool             `json:"more"` // there are others that match: ask for those behind Next
	Details    []RedriveOutcome `json:"details"`
	Next       string           `json:"next_cursor,omitempty"`
}

// RedriveOutcome is that of one of them.
type RedriveOutcome struct {
	ID     string       `json:"id"`
	Status LetterStatus `json:"status,omitempty"` // after it
	Error  string       `json:"error,omitempty"`
}
