// Package execution is the language of the platform: what one run of a script
// is, the statuses it passes through, the events that tell of it, and the ways
// it can go wrong.
//
// Every other package imports it. It imports only the standard library.
package execution

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// ID names one execution everywhere: as the key in Kafka, the _id in MongoDB,
// the ID of the workflow and a part of the name of the pod. It is a UUIDv7
// (RFC 9562 § 5.7) in lower case; clients treat it as opaque.
type ID string

// NewID returns an ID that nobody can guess: 74 of its bits are random.
func NewID() ID {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli())<<16|uint64(b[6])<<8|uint64(b[7]))
	b[6] = b[6]&0x0f | 0x70 // version 7
	b[8] = b[8]&0x3f | 0x80 // variant of the RFC
	return format(hex.EncodeToString(b[:]))
}

// DerivedID returns the ID of what becomes of id for a reason, such as its retry:
// the same one every time, with the time in it that id has.
func DerivedID(id ID, reason string) ID {
	sum := sha256.Sum256([]byte(string(id) + "/" + reason))
	h := []byte(hex.EncodeToString(sum[:16]))
	copy(h, strings.ReplaceAll(string(id), "-", "")[:min(12, len(id))])
	h[12] = '7'                  // version 7
	h[16] = "89ab"[sum[15]&0x03] // variant of the RFC
	return format(string(h))
}

func format(h string) ID {
	return ID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}

// Execution is one run of one script, as the store keeps it.
type Execution struct {
	ID       ID       `bson:"_id"`
	UserID   string   `bson:"user_id"` // the owner
	Language string   `bson:"language"`
	Version  string   `bson:"version"`
	Program  Program  `bson:"program"` // how the language is run, as it was at the submission
	Input    Input    `bson:"input"`
	Limits   Limits   `bson:"limits"`
	Priority Priority `bson:"priority"`
	Pool     string   `bson:"pool"` // whose capacity it takes
	Labels   []Pair   `bson:"labels,omitempty"`
	Attempt  int32    `bson:"attempt"`             // from 1
	ParentID ID       `bson:"parent_id,omitempty"` // of a retry: what is retried

	Interactive bool        `bson:"interactive,omitempty"`  // it hears what is sent to it while it runs; see Feed
	Egress      []Egress    `bson:"egress,omitempty"`       // where it may connect to; empty: nowhere
	Retry       RetryPolicy `bson:"retry,omitempty"`        // by itself, when the platform failed
	CallbackURL string      `bson:"callback_url,omitempty"` // is told of the end
	NotBefore   *time.Time  `bson:"not_before,omitempty"`   // scheduled_at of the submission: it asks for capacity no earlier
	ScheduleID  string      `bson:"schedule_id,omitempty"`  // of the schedule that made it
	BatchID     string      `bson:"batch_id,omitempty"`     // of the batch that it belongs to
	BatchIndex  int32       `bson:"batch_index,omitempty"`  // in that batch, from 0
	BatchName   string      `bson:"batch_name,omitempty"`   // of the item there, as its user calls it
	Expected    *Expected   `bson:"expected,omitempty"`     // what it should print; nil: nobody compares

	CorrelationID string `bson:"correlation_id,omitempty"` // of the request that asked for it
	Trace         string `bson:"trace,omitempty"`          // W3C Trace Context of who asked for it; see TraceID

	Status      Status     `bson:"status"`
	Queue       *Queue     `bson:"queue,omitempty"`   // where it began to wait; nil unless it waits
	Waiting     *Pod       `bson:"waiting,omitempty"` // why its pod does not start, as NewWaiting says; nil: nothing is known to be wrong, or it runs
	CreatedAt   time.Time  `bson:"created_at"`
	ScheduledAt *time.Time `bson:"scheduled_at,omitempty"`
	StartedAt   *time.Time `bson:"started_at,omitempty"`
	FinishedAt  *time.Time `bson:"finished_at,omitempty"`

	CancelledBy  string `bson:"cancelled_by,omitempty"`  // who asked for the end first
	CancelReason string `bson:"cancel_reason,omitempty"` // as that user gave it

	Outcome  *Outcome  `bson:"outcome,omitempty"` // nil until Status is terminal
	Usage    *Usage    `bson:"usage,omitempty"`   // nil if it was not measured
	Output   *Output   `bson:"output,omitempty"`  // nil until Status is terminal
	Judge    *Judge    `bson:"judge,omitempty"`   // nil without Expected, and until Status is terminal
	StoredAt time.Time `bson:"stored_at"`         // of the outcome; zero until then
}

// Program is how scripts of one version of a language are run.
type Program struct {
	Image    string   `json:"image" bson:"image" avro:"image"`
	FileName string   `json:"file_name" bson:"file_name" avro:"file_name"`               // the script's, below the work folder
	Compile  []string `json:"compile,omitempty" bson:"compile,omitempty" avro:"compile"` // argv; empty: nothing is compiled
	Run      []string `json:"run" bson:"run" avro:"run"`                                 // argv; the script's arguments follow
	Env      []Pair   `json:"env,omitempty" bson:"env,omitempty" avro:"env"`

	// Of the compile step; 0: as the platform has it.
	CompileSeconds     int64 `json:"compile_seconds,omitempty" bson:"compile_seconds,omitempty" avro:"compile_seconds"`
	CompileMemoryBytes int64 `json:"compile_memory_bytes,omitempty" bson:"compile_memory_bytes,omitempty" avro:"compile_memory_bytes"`
}

// Input is what a user gives to a run, byte for byte. The script is empty if the
// entry point is one of the files.
type Input struct {
	Script string   `bson:"script" avro:"script"`
	Args   []string `bson:"args,omitempty" avro:"args"`
	Stdin  string   `bson:"stdin,omitempty" avro:"stdin"`
	Env    []Pair   `bson:"env,omitempty" avro:"env"`
	Files  []File   `bson:"files,omitempty" avro:"files"`
}

// Pair is a name and a value. The order of pairs is the order of their names.
type Pair struct {
	Name  string `json:"name" bson:"name" avro:"name"`
	Value string `json:"value" bson:"value" avro:"value"`
}

// File is a file that lies beside the script.
type File struct {
	Path    string `bson:"path" avro:"path"` // relative, no dots
	Content []byte `bson:"content" avro:"content"`
}

// Priority is how urgent an execution is.
type Priority string

// The priorities, the most urgent first.
const (
	Critical   Priority = "critical"
	High       Priority = "high"
	Normal     Priority = "normal"
	Low        Priority = "low"
	Background Priority = "background"
)

var priorities = []Priority{Critical, High, Normal, Low, Background}

// Level is 1 for Critical to 5 for Background, as Temporal's priority keys
// count; 0 if p is none of them.
func (p Priority) Level() int {
	for i, q := range priorities {
		if p == q {
			return i + 1
		}
	}
	return 0
}

// TraceID is the ID of the trace that x is in, 32 hexadecimal digits; empty if
// there is none.
func (x Execution) TraceID() string {
	parts := strings.Split(x.Trace, "-") // version, trace, span, flags
	if len(parts) < 4 {
		return ""
	}
	return parts[1]
}
