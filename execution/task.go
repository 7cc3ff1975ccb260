package execution

import "time"

// Action is what a kube worker is told to do.
type Action string

// The actions.
const (
	Create Action = "create" // or, if done before, say how it stands
	Delete Action = "delete" // for good: no later Create makes a pod
)

// TaskLife is how long a task may be under way and still make a pod. It is
// more than a saga waits for one, and less than a delete is remembered.
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
}

// Capacity is what an execution takes of its pool.
type Capacity struct {
	ID          ID       `json:"id" bson:"id"`
	UserID      string   `json:"user_id" bson:"user_id"`
	Pool        string   `json:"pool" bson:"-"`
	Priority    Priority `json:"priority" bson:"priority"`
	CPUMillis   int64    `json:"cpu_millis" bson:"cpu_millis"`
	MemoryBytes int64    `json:"memory_bytes" bson:"memory_bytes"`
}

// CapacityOf is what x takes.
func CapacityOf(x Execution) Capacity {
	return Capacity{
		ID: x.ID, UserID: x.UserID, Pool: x.Pool, Priority: x.Priority,
		CPUMillis: x.Limits.CPUMillis, MemoryBytes: x.Limits.MemoryBytes,
	}
}

// Admission is the answer to a request for capacity.
type Admission struct {
	Granted    bool
	Position   int64   // in the queue, from 1; 0 when granted
	ETASeconds float64 // an estimate; 0: not known
}

// SagaState is what is known of the workflow of an execution.
type SagaState struct {
	Running  bool
	ClosedAt time.Time // zero if it runs, or never ran
}
