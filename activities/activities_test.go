package activities

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// platform is all that activities depend on.
type platform struct {
	rows      []execution.Execution
	entries   []execution.Held
	states    map[execution.ID]execution.SagaState // of those without one there is no saga
	sent      []execution.Task
	published []execution.Event
	woken     []execution.ID
	started   []execution.ID
	released  []execution.ID
	mute      bool // sagas cannot be woken
}

func (p *platform) Get(_ context.Context, id execution.ID) (execution.Execution, error) {
	for _, x := range p.rows {
		if x.ID == id {
			return x, nil
		}
	}
	return execution.Execution{}, execution.Errorf(execution.NotFound, "no execution %s", id)
}

func (p *platform) Unfinished(context.Context, time.Time, int) ([]execution.Execution, error) {
	return p.rows, nil
}

func (p *platform) Admit(context.Context, execution.Capacity) (execution.Admission, error) {
	return execution.Admission{Granted: true}, nil
}

func (p *platform) Release(_ context.Context, id execution.ID, _ string) ([]execution.ID, error) {
	p.released = append(p.released, id)
	return []execution.ID{"x2", "x3"}, nil
}

func (p *platform) Entries(context.Context, time.Time) ([]execution.Held, error) {
	return p.entries, nil
}

func (p *platform) Mend(context.Context) ([]execution.ID, error) {
	return []execution.ID{"overlooked"}, nil
}

func (p *platform) Publish(_ context.Context, events ...execution.Event) error {
	p.published = append(p.published, events...)
	return nil
}

func (p *platform) Send(_ context.Context, t execution.Task) error {
	p.sent = append(p.sent, t)
	return nil
}

func (p *platform) Wake(_ context.Context, id execution.ID) error {
	p.woken = append(p.woken, id)
	if p.mute {
		return errors.New("no such workflow")
	}
	return nil
}

func (p *platform) Start(_ context.Context, x execution.Execution) error {
	p.started = append(p.started, x.ID)
	return nil
}

func (p *platform) State(_ context.Context, id execution.ID) (execution.SagaState, error) {
	s, ok := p.states[id]
	if !ok {
		return s, execution.Errorf(execution.NotFound, "no saga of %s", id)
	}
	return s, nil
}

func (p *platform) activities() *Activities {
	return &Activities{Store: p, Ledger: p, Bus: p, Sagas: p}
}

func TestTaskCarriesAllThatAKubeWorkerNeeds(t *testing.T) {
	p, soon := &platform{rows: []execution.Execution{{
		ID: "x1", UserID: "ann", Pool: "gpu", Language: "python", Attempt: 2, CorrelationID: "c1",
		Program: execution.Program{Image: "python:3.11"}, Input: execution.Input{Script: "print(1)"},
	}}}, time.Now().Add(time.Minute)
	if err := p.activities().CreatePod(t.Context(), "x1", soon); err != nil {
		t.Fatal(err)
	}
	got := p.sent[0]
	if got.Action != execution.Create || got.UserID != "ann" || got.Pool != "gpu" || got.Language != "python" || got.Attempt != 2 ||
		got.CorrelationID != "c1" || got.Program.Image != "python:3.11" || got.Input.Script != "print(1)" || got.Limits == nil || !got.NotAfter.Equal(soon) {
		t.Errorf("sent %+v", got)
	}
}

func TestReleaseWakesTheNextEvenIfTheyDoNotListen(t *testing.T) {
	for _, mute := range []bool{false, true} {
		p := &platform{mute: mute}
		if err := p.activities().Release(t.Context(), "x1", "default"); err != nil || !slices.Equal(p.woken, []execution.ID{"x2", "x3"}) {
			t.Errorf("woke %v, %v", p.woken, err)
		}
	}
}

// Who cancelled, and why, is in no history: it is read when it is told.
func TestCancellationTellsWhoAndWhy(t *testing.T) {
	ending := func(s execution.Status) execution.Event {
		return execution.NewEnding("x1", "ann", execution.SourceSaga, execution.Outcome{Status: s}, time.Now())
	}
	tests := []struct {
		name         string
		rows         []execution.Execution
		event        execution.Event
		who, because string
	}{
		{"cancelled", []execution.Execution{{ID: "x1", CancelledBy: "bob", CancelReason: "too slow"}}, ending(execution.Cancelled), "bob", "too slow"},
		{"an error", []execution.Execution{{ID: "x1", CancelledBy: "bob", CancelReason: "too slow"}}, ending(execution.Errored), "", ""},
		{"the row is gone", nil, ending(execution.Cancelled), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &platform{rows: tt.rows}
			if err := p.activities().Publish(t.Context(), []execution.Event{tt.event}); err != nil {
				t.Fatal(err)
			}
			if o := p.published[0].Outcome; o.Message != tt.who || o.Reason != tt.because {
				t.Errorf("told %+v", o)
			}
		})
	}
}

func held(id execution.ID) execution.Held {
	return execution.Held{Capacity: execution.Capacity{ID: id}, Granted: true}
}

func TestSweepMendsWhatFellThrough(t *testing.T) {
	now := time.Now()
	running, fresh, over := execution.SagaState{Running: true}, execution.SagaState{ClosedAt: now}, execution.SagaState{ClosedAt: now.Add(-time.Hour)}
	p := &platform{
		rows:    []execution.Execution{{ID: "lost"}, {ID: "runs"}, {ID: "ending"}, {ID: "killed", UserID: "ann"}},
		entries: []execution.Held{held("lost"), held("runs"), held("ending"), held("killed")},
		states:  map[execution.ID]execution.SagaState{"runs": running, "ending": fresh, "killed": over},
	}
	got, err := p.activities().Sweep(t.Context())
	if want := (Swept{Started: 1, Ended: 1, Released: 2}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if !slices.Equal(p.started, []execution.ID{"lost"}) || !slices.Equal(p.released, []execution.ID{"lost", "killed"}) {
		t.Errorf("started %v, released %v", p.started, p.released)
	}
	if p.woken[0] != "overlooked" {
		t.Errorf("woke %v", p.woken)
	}
	if len(p.published) != 1 || p.published[0].ID != "killed/saga/execution_error" || p.published[0].UserID != "ann" {
		t.Errorf("published %+v", p.published)
	}
	var deleted []execution.ID
	for _, task := range p.sent {
		if task.Action == execution.Delete {
			deleted = append(deleted, task.ExecutionID)
		}
	}
	if !slices.Equal(deleted, []execution.ID{"killed", "lost", "killed"}) { // twice is harmless
		t.Errorf("deleted %v", deleted)
	}
}
