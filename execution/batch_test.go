package execution

import (
	"testing"
	"time"
)

// A batch has ended when all has, and nothing is begun anew.
func TestTallyWaitsForRetries(t *testing.T) {
	now := time.Unix(1000, 0)
	lost := Execution{Status: Errored, Attempt: 1, Outcome: &Outcome{Reason: "node_lost"}, Retry: RetryPolicy{MaxAttempts: 2}, StoredAt: now.Add(-time.Second)}
	tests := []struct {
		name  string
		batch Batch
		spoil func(*Execution)
		ended bool
	}{
		{"a retry is expected", Batch{Items: 1}, func(*Execution) {}, false},
		{"none was asked for", Batch{Items: 1}, func(x *Execution) { x.Retry = RetryPolicy{} }, true},
		{"it was the last attempt", Batch{Items: 1}, func(x *Execution) { x.Attempt = 2 }, true},
		{"its script had started", Batch{Items: 1}, func(x *Execution) { x.StartedAt = &now }, true},
		{"it was cancelled", Batch{Items: 1}, func(x *Execution) { x.CancelledBy = "ann" }, true},
		{"the batch was", Batch{Items: 1, CancelledBy: "ann"}, func(*Execution) {}, true},
		{"none came", Batch{Items: 1}, func(x *Execution) { x.StoredAt = now.Add(-time.Hour) }, true},
		{"it runs", Batch{Items: 1}, func(x *Execution) { x.Status = Running }, false},
		{"an item is missing", Batch{Items: 2}, func(x *Execution) { x.Retry = RetryPolicy{} }, false},
		{"an item was refused", Batch{Items: 2, Refused: []RefusedItem{{}}}, func(x *Execution) { x.Retry = RetryPolicy{} }, true},
	}
	for _, tt := range tests {
		x := lost
		tt.spoil(&x)
		if got := tt.batch.Tally([]Execution{x}, now); (got.FinishedAt != nil) != tt.ended {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestItemsHaveIDsOfTheirOwn(t *testing.T) {
	b := Batch{ID: string(NewID()), Items: 1000, MaxParallel: 10}
	seen := map[ID]bool{}
	for i := range 1000 {
		seen[b.ItemID(i)] = true
	}
	if len(seen) != 1000 || b.Parallel() != 10 || (Batch{Items: 3, MaxParallel: 10}).Parallel() != 3 {
		t.Errorf("%d IDs", len(seen))
	}
}
