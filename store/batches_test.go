package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codesaga/codesaga/execution"
)

// batchOf returns a batch of n items of u1, and its executions.
func batchOf(n int) (execution.Batch, []execution.Execution) {
	b := execution.Batch{ID: string(execution.NewID()), UserID: "u1", Items: int32(n), MaxParallel: 2, CreatedAt: noon}
	var items []execution.Execution
	for i := range n {
		items = append(items, execution.Execution{
			ID: b.ItemID(i), UserID: "u1", Status: execution.Queued, Attempt: 1, CreatedAt: noon, BatchID: b.ID, BatchIndex: int32(i), BatchName: fmt.Sprint("item ", i),
			Input: execution.Input{Script: "secret"},
		})
	}
	return b, items
}

func TestABatchIsStoredOnce(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	b, items := batchOf(1000)
	b.Refused = []execution.RefusedItem{{Index: 3, Name: "x", Errors: execution.FieldErrors{{Field: "script", Rule: "no"}}}}
	got, err := s.CreateBatch(ctx, b, items)
	b.Stored = true
	if diff := cmp.Diff(b, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	again := b
	again.MaxParallel, again.Refused = 99, nil
	got, err = s.CreateBatch(ctx, again, items)
	if diff := cmp.Diff(b, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("again: %v: %s", err, diff)
	}
	page, err := s.BatchItems(ctx, b.ID, 0, 3)
	if err != nil || len(page) != 3 || page[0].BatchIndex != 0 || page[2].BatchIndex != 2 || page[0].Input.Script != "" {
		t.Errorf("%+v, %v", page, err)
	}
	page, err = s.BatchItems(ctx, b.ID, 998, 50)
	if err != nil || len(page) != 2 || page[0].BatchIndex != 998 || page[1].BatchName != "item 999" {
		t.Errorf("%+v, %v", page, err)
	}
}

// What was begun and never finished is no batch, and can be completed or taken
// back.
func TestABatchThatIsNotAllThereIsNone(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	b, items := batchOf(4)
	_, err := s.batches.InsertOne(ctx, b)
	must(t, err)
	must(t, s.Create(ctx, items[1]))
	if _, err := s.Batch(ctx, b.ID); execution.KindOf(err) != execution.NotFound {
		t.Errorf("half a batch: %v", err)
	}
	if all, _, err := s.Batches(ctx, "u1", "", 10); len(all) != 0 || err != nil {
		t.Errorf("%+v, %v", all, err)
	}
	if got, err := s.CreateBatch(ctx, b, items); err != nil || !got.Stored {
		t.Errorf("%+v, %v", got, err)
	}
	states, err := s.BatchStates(ctx, b.ID)
	if err != nil || len(states) != 4 {
		t.Errorf("%+v, %v", states, err)
	}
	must(t, s.Move(ctx, items[2].ID, execution.Scheduled, noon))
	must(t, s.RemoveBatch(ctx, b.ID))
	if _, err := s.Batch(ctx, b.ID); execution.KindOf(err) != execution.NotFound {
		t.Errorf("after it was taken back: %v", err)
	}
	if rows, err := s.BatchRows(ctx, b.ID); err != nil || len(rows) != 1 || rows[0].ID != items[2].ID {
		t.Errorf("of one that got on: %+v, %v", rows, err)
	}
}

// Of an item that was retried, the last attempt counts.
func TestTheLastAttemptOfAnItemCounts(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	b, items := batchOf(3)
	_, err := s.CreateBatch(ctx, b, items)
	must(t, err)
	must(t, s.Create(ctx, execution.Execution{ID: execution.NewID(), UserID: "u1", ParentID: items[1].ID, Attempt: 2, BatchID: b.ID, BatchIndex: 1, Status: execution.Completed, CreatedAt: noon.Add(time.Second), Judge: &execution.Judge{}}))
	must(t, s.Create(ctx, execution.Execution{ID: execution.NewID(), UserID: "u1", ParentID: items[0].ID, Attempt: 2, BatchID: b.ID, Status: execution.Completed, CreatedAt: noon.Add(time.Second)}))
	states, err := s.BatchStates(ctx, b.ID)
	want := []execution.BatchState{{Index: 0, Status: execution.Completed, Passed: true}, {Index: 1, Status: execution.Completed}, {Index: 2, Status: execution.Queued}}
	if diff := cmp.Diff(want, states); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	rows, err := s.BatchRows(ctx, b.ID)
	if err != nil || len(rows) != 3 || rows[0].Attempt != 2 || rows[1].Attempt != 2 || rows[2].Attempt != 1 || rows[2].Input.Script != "" {
		t.Errorf("%+v, %v", rows, err)
	}
	if page, err := s.BatchItems(ctx, b.ID, 1, 10); err != nil || len(page) != 2 || page[0].Attempt != 1 {
		t.Errorf("without retries: %+v, %v", page, err)
	}
}

func TestBatchesAreListedAndMarked(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var ids []string
	for i := range 5 {
		b, items := batchOf(1)
		b.CreatedAt = noon.Add(time.Duration(i/2) * time.Second)
		_, err := s.CreateBatch(ctx, b, items)
		must(t, err)
		ids = append(ids, b.ID)
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		page, next, err := s.Batches(ctx, "u1", cursor, 2)
		must(t, err)
		for _, b := range page {
			seen[b.ID] = true
		}
		if cursor = next; next == "" {
			break
		}
	}
	if none, _, err := s.Batches(ctx, "u2", "", 2); len(seen) != 5 || len(none) != 0 || err != nil {
		t.Errorf("saw %d; of another: %d, %v", len(seen), len(none), err)
	}
	must(t, s.SetBatchCancel(ctx, ids[0], "ann", "enough"))
	must(t, s.SetBatchCancel(ctx, ids[0], "bob", "me too"))
	must(t, s.SetBatchEnd(ctx, ids[0], execution.BatchTally{Failed: 1, ByStatus: map[execution.Status]int64{execution.Cancelled: 1}, FinishedAt: &noon}))
	must(t, s.SetBatchEnd(ctx, ids[0], execution.BatchTally{Failed: 2}))
	b, err := s.Batch(ctx, ids[0])
	if err != nil || b.CancelledBy != "ann" || b.CancelReason != "enough" || b.End == nil || b.End.Failed != 1 || b.End.ByStatus[execution.Cancelled] != 1 || !b.End.FinishedAt.Equal(noon) {
		t.Errorf("%+v, %v", b, err)
	}
	if open, err := s.OpenBatches(ctx, "u1"); len(open) != 4 || err != nil {
		t.Errorf("open: %d, %v", len(open), err)
	}
}
