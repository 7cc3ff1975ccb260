package temporal

import (
	"context"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

func (w *world) StepLetter(_ context.Context, id string) (l execution.Letter, step execution.RedriveStep, send bool, err error) {
	defer w.lock()()
	w.looks[id]++
	return execution.Letter{ID: id}, execution.RedriveStep{Over: w.ended[id], Wait: time.Hour}, false, nil
}

func (w *world) UnsendLetter(context.Context, string, int) error { return nil }

func (w *world) ParkLetter(context.Context, string, string) error { return nil }

func (w *world) Redrive(context.Context, execution.Letter) error { return nil }

// looked waits until the workflow of a letter has looked at it n times.
func (w *world) looked(t *testing.T, ctx context.Context, id string, n int) {
	t.Helper()
	becomes(t, ctx, func() (bool, any) {
		defer w.lock()()
		return w.looks[id] == n, w.looks[id]
	})
}

// The workflow of a letter is there when something happened to it, also after
// one before it has ended.
func TestLetterIsWoken(t *testing.T) {
	w, ctx := open(t)
	const id, workflow = "l1", "redrive-l1"
	wake := func() {
		t.Helper()
		if err := w.sagas.WakeRedrive(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 {
		wake()
		w.looked(t, ctx, id, 3*round+1)
		wake() // the one that waits looks, there is no other
		w.looked(t, ctx, id, 3*round+2)
		if state, err := w.sagas.State(ctx, workflow); err != nil || !state.Running {
			t.Errorf("%+v %v", state, err)
		}
		w.letterEnds(id, true)
		wake()
		if err := w.sagas.Client.GetWorkflow(ctx, workflow, "").Get(ctx, nil); err != nil {
			t.Error(err)
		}
		w.letterEnds(id, false)
	}
}

func (w *world) letterEnds(id string, over bool) {
	defer w.lock()()
	w.ended[id] = over
}
