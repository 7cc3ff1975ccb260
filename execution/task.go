package execution

import "time"

// Action is what a kube worker is told to do.
type Action string

// The actions.
const (
	Create Action = "create" // or, if done before, say how it stands
	Delete Action = "delete" // for good: no later Create makes a pod
	Pass   Action = "pass"   // Feed on to the script that runs; dropped if it does not
)

// MaxFeedBytes is how much one Feed carries at most.
const MaxFeedBytes = 64 << 10

// Feed is something for a script that runs: input, its end, or a signal. One
// that comes twice, by its ID, is passed on once.
type Feed struct {
	ID     string `avro:"id"`
	Data   []byte `avro:"data"`   // to its stdin, at most MaxFeedBytes
	Close  bool   `avro:"close"`  // end of its stdin, behind Data
	Signal string `avro:"signal"` // to its process group, such as SIGINT; empty: none
}

// Signals are those that a Feed may carry.
var Signals = []string{"SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"}

// Egress is a range of addresses that a run may connect to.
type Egress struct {
	CIDR  string  `json:"cidr" bson:"cidr" avro:"cidr"`
	Ports []int32 `json:"ports,omitempty" bson:"ports,omitempty" avro:"ports"` // TCP; empty: any
}

// TaskLife is how long a task may be under way and still make a pod. It is
// more than a saga waits before it sends the next one, and less than a delete is
// remembered.
const TaskLife = 10 * time.Minute

// Task tells a kube worker to do something, and carries all it needs for that.
// Doing it again is harmless.
type Task struct {
	Action        Action     `avro:"action"`
	ExecutionID   ID         `avro:"execution_id"`
	UserID        string     `avro:"user_id"`
	Pool          string     `avro:"pool"`
	Language      string     `avro:"language"`
	Attempt       int32      `avro:"attempt"`
	CorrelationID string     `avro:"correlation_id"`
	NotAfter      *time.Time `avro:"not_after"` // no pod is made later than this; nil in a Delete
	Program       *Program   `avro:"program"`   // nil unless Action is Create
	Input         *Input     `avro:"input"`     // nil unless Action is Create
	Limits        *Limits    `avro:"limits"`    // nil unless Action is Create
	Interactive   bool       `avro:"interactive"`
	Egress        []Egress   `avro:"egress"`
	Feed          *Feed      `avro:"feed"` // nil unless Action is Pass
}

// Capacity is what an execution takes of its pool.
type Capacity struct {
	ID          ID       `json:"id" bson:"id"`
	UserID      string   `json:"user_id" bson:"user_id"`
	Pool        string   `json:"pool" bson:"pool"`
	Language    string   `json:"language,omitempty" bson:"language,omitempty"`
	Priority    Priority `json:"priority" bson:"priority"`
	CPUMillis   int64    `json:"cpu_millis" bson:"cpu_millis"`
	MemoryBytes int64    `json:"memory_bytes" bson:"memory_bytes"`

	Due time.Time `json:"due,omitzero" bson:"due,omitempty"` // since when it may wait; zero: since it asks first
}

// CapacityOf is what x takes: of memory, what the larger of its steps does. It is
// due when it was submitted, or for when.
func CapacityOf(x Execution) Capacity {
	due := x.CreatedAt
	if x.NotBefore != nil && x.NotBefore.After(due) {
		due = *x.NotBefore
	}
	return Capacity{
		ID: x.ID, UserID: x.UserID, Pool: x.Pool, Language: x.Language, Priority: x.Priority,
		CPUMillis: x.Limits.CPUMillis, MemoryBytes: max(x.Limits.MemoryBytes, x.Program.CompileMemoryBytes), Due: due,
	}
}

// Admission is the answer to a request for capacity.
type Admission struct {
	Granted    bool
	Position   int64   // in the queue, from 1; 0 when granted, or if it cannot be told at once
	ETASeconds float64 // an estimate; 0: not known
	Patience   float64 // seconds that it may wait in all, as its pool has it now; 0: for ever
}

// TaskTerms is what holds for a task that was sent, or why it was not.
type TaskTerms struct {
	StartSeconds float64 `json:"start_seconds,omitempty"` // that a pod may take until its script starts; 0: not said
	Started      bool    `json:"started,omitempty"`       // the script was, as far as the store knows
	Ended        Status  `json:"ended,omitempty"`         // of an execution that has a result: nothing was sent
	Reason       string  `json:"reason,omitempty"`        // likewise, if it was the platform's fault
}
