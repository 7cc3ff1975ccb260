package execution

import "time"

// PoolPolicy is how a pool admits. Of amounts 0 is no bound, if nothing else is
// said.
type PoolPolicy struct {
	Executions  int   `json:"max_executions" bson:"executions"`         // at once; not 0
	CPUMillis   int64 `json:"cpu_millis" bson:"cpu_millis"`             // of all that run, thousandths of a core
	MemoryBytes int64 `json:"memory_bytes" bson:"memory_bytes"`         // of all that run
	UserRunning int   `json:"max_running_per_user" bson:"user_running"` // of one user at once
	UserQueued  int   `json:"max_queued_per_user" bson:"user_queued"`   // of one user that wait
	Queued      int   `json:"max_queued" bson:"queued"`                 // that wait, of all users

	MaxQueueSeconds float64 `json:"max_queue_seconds" bson:"max_queue_seconds"` // then a run that waits ends with queue_timeout
	AgeingSeconds   float64 `json:"ageing_seconds" bson:"ageing_seconds"`       // after each of these a run that waits counts as one priority higher; 0: never

	Paused          bool     `json:"paused" bson:"paused"`                                         // nobody is admitted
	PausedLanguages []string `json:"paused_languages,omitempty" bson:"paused_languages,omitempty"` // nobody of these is admitted
	Weights         []Weight `json:"weights,omitempty" bson:"weights,omitempty"`                   // of users; others have 1
}

// Weight is a user's share of a pool, against the 1 of everybody else.
type Weight struct {
	UserID string  `json:"user_id" bson:"user_id"`
	Weight float64 `json:"weight" bson:"weight"` // 0.01 to 100
}

// PoolStatus is how a pool stands.
type PoolStatus struct {
	Pool        string           `json:"pool"`
	Policy      PoolPolicy       `json:"policy"`
	Running     int              `json:"running"`
	Waiting     int64            `json:"waiting"`
	ByPriority  map[string]int64 `json:"waiting_by_priority"`
	TopUsers    []UserCount      `json:"top_users"` // the ten with the most that wait
	CPUMillis   int64            `json:"cpu_millis_used"`
	MemoryBytes int64            `json:"memory_bytes_used"`
	OldestWait  float64          `json:"oldest_wait_seconds"`
	MeanHold    float64          `json:"mean_run_seconds"` // of about the last 100 runs, from grant to release; 0: none yet
}

// UserCount is how many runs of a user wait, and run.
type UserCount struct {
	UserID  string `json:"user_id"`
	Waiting int64  `json:"waiting"`
	Running int64  `json:"running"`
}

// Held is an entry of the ledger: who has capacity, or waits for it.
type Held struct {
	Capacity
	Since   time.Time
	Granted bool // it has it
}
