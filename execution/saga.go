package execution

import "time"

// SagaState is what is known of the workflow of an execution.
type SagaState struct {
	Running  bool
	ClosedAt time.Time // zero if it runs, or never ran
}

// SagaView is where a saga stands, for people: what it did, when, and how that
// was undone. It has no scripts, outputs or names of files in it.
type SagaView struct {
	ExecutionID ID         `json:"execution_id"` // also the ID of the workflow
	UserID      string     `json:"user_id"`
	State       string     `json:"state"` // one of SagaStates
	CurrentStep string     `json:"current_step,omitempty"`
	FailedStep  string     `json:"failed_step,omitempty"`
	Error       string     `json:"error,omitempty"` // what went wrong, in words; for operators
	Steps       []SagaStep `json:"steps"`           // in the order of beginning
	Facts       []SagaFact `json:"facts"`           // in the order of hearing
	StartedAt   time.Time  `json:"started_at"`
	ClosedAt    *time.Time `json:"closed_at"` // nil while it runs
}

// SagaStep is one thing that a saga does, or undoes.
type SagaStep struct {
	Name      string     `json:"name"`
	State     string     `json:"state"`    // running, done, failed or undone
	Attempts  int32      `json:"attempts"` // how often it was begun
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"` // nil while it is under way
	UndoneAt  *time.Time `json:"undone_at,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// SagaFact is something that a saga heard.
type SagaFact struct {
	Fact Fact      `json:"fact"`
	At   time.Time `json:"heard_at"`
}

// RetryPolicy says how often a run whose platform failed is begun anew, by
// itself. What a script does wrong is never tried again.
type RetryPolicy struct {
	MaxAttempts int32 `json:"max_attempts" bson:"max_attempts"` // the first included, up to 5; 0 or 1: none
	OnLoss      bool  `json:"on_loss" bson:"on_loss"`           // also a run whose script had started and was lost with its node (parity SA-10)
}

// Allows reports whether a run that ended, at its attempt, for reason is begun
// anew; started says that its script had been.
func (p RetryPolicy) Allows(attempt int32, reason string, started bool) bool {
	if attempt >= p.MaxAttempts || reason == "rejected" || reason == "queue_timeout" {
		return false
	}
	return !started || p.OnLoss
}

// The states of a saga (parity SA-04).
const (
	StateCreated      = "created" // it waits for its time, or its turn
	StateRunning      = "running"
	StateCompensating = "compensating" // it undoes what it did
	StateCompleted    = "completed"    // the script ended by itself, however that was
	StateFailed       = "failed"       // the platform failed
	StateTimeout      = "timeout"      // the platform did not come to it in time
	StateCancelled    = "cancelled"
)

// SagaStates are all of them.
var SagaStates = []string{StateCreated, StateRunning, StateCompensating, StateCompleted, StateFailed, StateTimeout, StateCancelled}

// SagaSummary is a saga in a list.
type SagaSummary struct {
	ExecutionID ID         `json:"execution_id"`
	UserID      string     `json:"user_id"`
	State       string     `json:"state"`
	Language    string     `json:"language"`
	Pool        string     `json:"pool"`
	Priority    Priority   `json:"priority"`
	StartedAt   time.Time  `json:"started_at"`
	ClosedAt    *time.Time `json:"closed_at"` // nil while it runs
}

// SagaFilter selects sagas of a list; what is zero selects all.
type SagaFilter struct {
	UserID      string
	State       string // one of SagaStates
	ExecutionID ID
	Limit       int    // 1 to 1000
	Cursor      string // where the page before ended; an unknown one is Invalid, field cursor
}

// CallbackAttempt is one attempt to tell a callback_url how an execution ended.
type CallbackAttempt struct {
	ExecutionID ID
	Delivery    int  // 1 of the one that comes by itself, more of those that were asked for
	Number      int  // of the attempt in its delivery, from 1
	Last        bool // if it fails, none follows
}
