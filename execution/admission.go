package execution

import "time"

// What a policy may say at most. The bound of a queue keeps the document of a
// pool, which has a part for each user that waits, below MongoDB's 16 MiB.
const (
	maxPoolExecutions = 1000
	maxQueued         = 50_000
	maxUserQueued     = 10_000
	maxWeights        = 1000
	maxPausedNames    = 100
)

// PoolPolicy is how a pool admits. Of amounts 0 is no bound, if nothing else is
// said.
type PoolPolicy struct {
	Executions  int   `json:"max_executions" bson:"executions"`         // at once, of all users; not 0
	CPUMillis   int64 `json:"cpu_millis" bson:"cpu_millis"`             // that the pool has, thousandths of a core
	MemoryBytes int64 `json:"memory_bytes" bson:"memory_bytes"`         // that the pool has
	UserRunning int   `json:"max_running_per_user" bson:"user_running"` // of one user at once
	UserQueued  int   `json:"max_queued_per_user" bson:"user_queued"`   // of one user that wait
	Queued      int   `json:"max_queued" bson:"queued"`                 // that wait, of all users; not 0

	ReservePercent float64 `json:"reserve_percent" bson:"reserve_percent"` // of CPU and memory that no run gets, 2 cores and 4 GiB at most
	Overcommit     float64 `json:"overcommit" bson:"overcommit"`           // how often the rest may be given out; 0: once

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

// Validate reports all that is wrong with p, as a FieldErrors, or nil (parity
// AD-04 to AD-08).
func (p PoolPolicy) Validate() error {
	var errs FieldErrors
	within := func(field string, n, least, most int64) {
		errs.add(n >= least && n <= most, field, "%s", Range{Min: least, Max: most})
	}
	seconds := func(field string, n, least, most float64) {
		errs.add(n == 0 || n >= least && n <= most, field, "0 or %g..%g", least, most)
	}
	within("max_executions", int64(p.Executions), 1, maxPoolExecutions)
	within("max_running_per_user", int64(p.UserRunning), 0, maxPoolExecutions)
	within("max_queued_per_user", int64(p.UserQueued), 0, maxUserQueued)
	within("max_queued", int64(p.Queued), 1, maxQueued)
	errs.add(p.CPUMillis >= 0, "cpu_millis", "not negative")
	errs.add(p.MemoryBytes >= 0, "memory_bytes", "not negative")
	errs.add(p.ReservePercent >= 0 && p.ReservePercent <= 50, "reserve_percent", "0..50")
	errs.add(p.Overcommit == 0 || p.Overcommit >= 1 && p.Overcommit <= 10, "overcommit", "0 or 1..10")
	seconds("max_queue_seconds", p.MaxQueueSeconds, 60, 86_400)
	seconds("ageing_seconds", p.AgeingSeconds, 1, 86_400)
	errs.add(len(p.PausedLanguages) <= maxPausedNames, "paused_languages", "at most %d", maxPausedNames)
	errs.add(len(p.Weights) <= maxWeights, "weights", "at most %d", maxWeights)
	users := make(map[string]bool)
	for _, w := range p.Weights {
		errs.add(w.UserID != "" && len(w.UserID) <= 128 && !users[w.UserID], "weights.user_id", "1 to 128 characters, each user once")
		errs.add(w.Weight >= 0.01 && w.Weight <= 100, "weights.weight", "0.01..100")
		users[w.UserID] = true
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// What is kept back of a pool at most (parity AD-09).
const (
	maxReservedCPUMillis = 2000
	maxReservedMemory    = 4 << 30
)

// Budget is an amount of CPU and of memory; of each, 0 is no bound.
type Budget struct {
	CPUMillis   int64 `json:"cpu_millis"`
	MemoryBytes int64 `json:"memory_bytes"`
}

// Largest is what one run may have at most: what p has less what is kept back
// (parity AD-09).
func (p PoolPolicy) Largest() Budget {
	left := func(all, most int64) int64 { return all - min(int64(float64(all)*p.ReservePercent/100), most) }
	return Budget{left(p.CPUMillis, maxReservedCPUMillis), left(p.MemoryBytes, maxReservedMemory)}
}

// Budget is what all runs may have together: a limit is an upper bound that few
// runs come near, so more of them can be given out than there is.
func (p PoolPolicy) Budget() Budget {
	all, times := p.Largest(), max(p.Overcommit, 1)
	return Budget{int64(float64(all.CPUMillis) * times), int64(float64(all.MemoryBytes) * times)}
}

// Holds reports whether so much is within b.
func (b Budget) Holds(cpuMillis, memoryBytes int64) bool {
	return (b.CPUMillis == 0 || cpuMillis <= b.CPUMillis) && (b.MemoryBytes == 0 || memoryBytes <= b.MemoryBytes)
}

// PoolStatus is how a pool stands.
type PoolStatus struct {
	Pool        string           `json:"pool"`
	Policy      PoolPolicy       `json:"policy"`
	Budget      Budget           `json:"budget"` // of all that run, as Policy makes it
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
