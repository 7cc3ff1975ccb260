package temporal

import (
	"context"
	"fmt"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

// batch starts one of n executions in a language.
func (w *world) batch(t *testing.T, n, parallel int, x execution.Execution) execution.Batch {
	t.Helper()
	b := execution.Batch{ID: string(execution.NewID()), UserID: "ann", Items: int32(n), MaxParallel: int32(parallel)}
	w.set(func() { w.batches[b.ID] = b })
	for i := range n {
		x = fill(x)
		x.BatchID, x.BatchIndex = b.ID, int32(i)
		if err := w.Create(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it is there
		if err := w.sagas.StartBatch(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// statuses counts those of a batch.
func (w *world) statuses(id string) string {
	defer w.lock()()
	count := map[string]int{}
	for _, x := range w.rows {
		if x.BatchID == id {
			count[string(x.Status)]++
		}
	}
	return fmt.Sprint(count)
}

func (w *world) over(t *testing.T, ctx context.Context, id string) {
	t.Helper()
	becomes(t, ctx, func() (bool, any) {
		state, err := w.sagas.State(ctx, execution.ID(id))
		return err == nil && !state.Running, state
	})
}

func TestBatch(t *testing.T) {
	w, ctx := open(t)
	w.set(func() {
		w.most = 0
		clear(w.running)
	})
	b := w.batch(t, 60, 4, execution.Execution{Language: "quick"})
	w.over(t, ctx, b.ID)
	if w.most > 4 {
		t.Errorf("%d at once", w.most)
	}
	size := w.size(t, b.ID)
	if t.Logf("60 executions take %d bytes", size); size/60*1000 > 5<<20 {
		t.Errorf("a thousand executions would take %d bytes", size/60*1000)
	}
	b = w.batch(t, 20, 4, execution.Execution{Language: "slow"})
	becomes(t, ctx, func() (bool, any) {
		defer w.lock()()
		return len(w.running) == 4, w.running
	})
	if err := w.sagas.CancelBatch(ctx, b.ID); err != nil {
		t.Fatal(err)
	}
	w.over(t, ctx, b.ID)
	if got := w.statuses(b.ID); got != "map[cancelled:20]" {
		t.Error(got)
	}
	b = w.batch(t, 3, 2, execution.Execution{Language: "broken", Retry: execution.RetryPolicy{MaxAttempts: 2}})
	w.over(t, ctx, b.ID)
	defer w.lock()()
	attempts := 0
	for _, x := range w.rows {
		if x.BatchID == b.ID && len(w.events[x.ID]) > 0 {
			attempts++
		}
	}
	if attempts != 6 {
		t.Errorf("with their retries %d ended", attempts)
	}
}
