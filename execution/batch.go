package execution

import "time"

// Batch is executions that were submitted together and run as one: at most
// MaxParallel of them at a time. How it stands is not in it: that is counted
// from its executions.
type Batch struct {
	ID            string    `bson:"_id"`
	UserID        string    `bson:"user_id"`
	Items         int32     `bson:"items"` // that were accepted
	MaxParallel   int32     `bson:"max_parallel"`
	StopOnFailure bool      `bson:"stop_on_failure,omitempty"` // after the first that does not complete no other begins
	CreatedAt     time.Time `bson:"created_at"`
	CancelledBy   string    `bson:"cancelled_by,omitempty"` // who asked for the end first
	CancelReason  string    `bson:"cancel_reason,omitempty"`
}

// BatchItem is one execution of a batch that is to run.
type BatchItem struct {
	Number int32 // of the item, in the order of the batch, from 0
	Brief
}
