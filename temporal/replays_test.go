package temporal

import (
	"context"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

func (w *world) Replay(_ context.Context, id string) (execution.Replay, error) {
	defer w.lock()()
	return execution.Replay{ID: id, Status: w.sessions[id]}, nil
}

func (w *world) BeginReplay(context.Context, execution.Replay, time.Time) error { return nil }

func (w *world) EndReplay(context.Context, string, execution.ReplayStatus, string, time.Time) error {
	return nil
}

func (w *world) CleanReplays(context.Context, time.Time) (int, error) { return 0, nil }

// session is what an operator does.
func (w *world) session(id string, s execution.ReplayStatus) {
	defer w.lock()()
	w.sessions[id] = s
}

// The workflow of a session is there when there is something to do, also after
// one before it has ended.
func TestReplayGoesOnWhenItIsTold(t *testing.T) {
	w, ctx := open(t)
	const id, workflow = "r1", "replay-r1"
	if err := w.sagas.TellReplay(ctx, id); err != nil { // nobody is there, and that is fine
		t.Error(err)
	}
	for range 2 {
		w.session(id, execution.ReplayPaused)
		for range 2 { // there is one at a time
			if err := w.sagas.GoReplay(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
		if state, err := w.sagas.State(ctx, workflow); err != nil || !state.Running {
			t.Errorf("%+v %v", state, err)
		}
		w.session(id, execution.ReplayCancelled)
		if err := w.sagas.TellReplay(ctx, id); err != nil {
			t.Error(err)
		}
		if err := w.sagas.Client.GetWorkflow(ctx, workflow, "").Get(ctx, nil); err != nil {
			t.Error(err)
		}
	}
}
