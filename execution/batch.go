package execution

import (
	"fmt"
	"time"
)

// Batch is executions that were submitted together and run as one: at most
// MaxParallel of them at a time. How it stands is not in it: that is counted
// from its executions.
type Batch struct {
	ID            string    `bson:"_id"`
	UserID        string    `bson:"user_id"`
	Items         int32     `bson:"items"` // that were asked for
	MaxParallel   int32     `bson:"max_parallel"`
	StopOnFailure bool      `bson:"stop_on_failure,omitempty"` // after the first that does not complete no other begins
	CreatedAt     time.Time `bson:"created_at"`
	CancelledBy   string    `bson:"cancelled_by,omitempty"` // who asked for the end first
	CancelReason  string    `bson:"cancel_reason,omitempty"`

	Refused []RefusedItem `bson:"refused,omitempty"` // in their order; the other items have an execution each
	Stored  bool          `bson:"stored"`            // those are all there, so it was accepted
	End     *BatchTally   `bson:"end,omitempty"`     // nil until all of them have ended
}

// RefusedItem is an item of a batch that nothing comes of.
type RefusedItem struct {
	Index  int32       `bson:"index"` // in the batch, from 0
	Name   string      `bson:"name,omitempty"`
	Errors FieldErrors `bson:"errors"`
}

// Accepted is how many items have an execution.
func (b Batch) Accepted() int { return int(b.Items) - len(b.Refused) }

// ItemID is the ID of the execution of the item with an index.
func (b Batch) ItemID(index int) ID { return DerivedID(ID(b.ID), fmt.Sprintf("item %d", index)) }

// Parallel is how many of b may wait for capacity, or have it, at once.
func (b Batch) Parallel() int { return min(int(b.MaxParallel), b.Accepted()) }

// BatchTally is how the items of a batch that were accepted stand.
type BatchTally struct {
	ByStatus   map[Status]int64 `bson:"by_status"`
	Passed     int64            `bson:"passed"` // see Execution.Passed
	Failed     int64            `bson:"failed"` // ended, and did not pass
	Wall       float64          `bson:"wall_seconds"`
	CPU        float64          `bson:"cpu_seconds"`
	GiB        float64          `bson:"gib_seconds"`
	Queue      float64          `bson:"queue_seconds"`
	FinishedAt *time.Time       `bson:"finished_at"` // nil until all have ended
}

// Tally counts rows: of each item the last attempt, without what was submitted.
func (b Batch) Tally(rows []Execution, now time.Time) BatchTally {
	t := BatchTally{ByStatus: map[Status]int64{}}
	settled := len(rows) == b.Accepted()
	var last time.Time
	for _, x := range rows {
		t.ByStatus[x.Status]++
		switch {
		case x.Passed():
			t.Passed++
		case x.Status.Terminal():
			t.Failed++
		}
		if x.Usage != nil {
			t.Wall += x.Usage.WallSeconds + x.Usage.CompileWall
			t.CPU += x.Usage.CPUSeconds + x.Usage.CompileCPU
		}
		gib, _ := x.GiBSeconds()
		queue, _ := x.QueueSeconds()
		t.GiB, t.Queue = t.GiB+gib, t.Queue+queue
		settled = settled && x.Status.Terminal() && !b.expectsRetry(x, now)
		if x.FinishedAt != nil && x.FinishedAt.After(last) {
			last = *x.FinishedAt
		}
	}
	if settled {
		t.FinishedAt = &last
	}
	return t
}

// retryPatience is how long after an end a retry by itself may be made.
const retryPatience = 5 * time.Minute

// expectsRetry reports whether another attempt will take the place of x.
func (b Batch) expectsRetry(x Execution, now time.Time) bool {
	return x.Status == Errored && x.Outcome != nil && x.CancelledBy == "" && b.CancelledBy == "" &&
		x.Retry.Allows(x.Attempt, x.Outcome.Reason, x.StartedAt != nil) && now.Sub(x.StoredAt) < retryPatience
}

// Passed reports whether x has completed and, if anybody compares, has printed
// what it should.
func (x Execution) Passed() bool {
	return x.Status == Completed && (x.Judge == nil || x.Judge.Passed)
}

// BatchState is the least that is to know of one item of a batch.
type BatchState struct {
	Index  int32
	Status Status
	Passed bool // see Execution.Passed
}

// BatchItem is one execution of a batch that is to run.
type BatchItem struct {
	Number int32 // of the item, in the order of the batch, from 0
	Brief
}
