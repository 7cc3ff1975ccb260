package activities

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// platform is all that activities depend on.
type platform struct {
	mu        sync.Mutex
	rows      []execution.Execution
	page      int // of Unfinished; 0: all
	entries   []execution.Held
	policy    execution.PoolPolicy
	states    map[execution.ID]execution.SagaState // of those without one there is no saga
	broken    execution.ID                         // whose state cannot be told
	batches   map[string]execution.Batch
	schedules map[string]execution.Schedule
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

func (p *platform) Create(ctx context.Context, x execution.Execution) error {
	if _, err := p.Get(ctx, x.ID); err != nil {
		p.rows = append(p.rows, x)
	}
	return nil
}

func (p *platform) Unfinished(_ context.Context, _ time.Time, cursor string, _ int) ([]execution.Execution, string, error) {
	from, _ := strconv.Atoi(cursor)
	to := len(p.rows)
	if p.page > 0 && from+p.page < to {
		to = from + p.page
		return p.rows[from:to], strconv.Itoa(to), nil
	}
	return p.rows[from:to], "", nil
}

func (p *platform) Batch(_ context.Context, id string) (execution.Batch, error) {
	b, ok := p.batches[id]
	if !ok {
		return b, execution.Errorf(execution.NotFound, "no batch %s", id)
	}
	return b, nil
}

func (p *platform) BatchItems(_ context.Context, id string, from, limit int) (items []execution.Execution, err error) {
	for _, x := range p.rows {
		if x.BatchID == id && int(x.BatchIndex) >= from && len(items) < limit {
			items = append(items, x)
		}
	}
	return items, nil
}

func (p *platform) Schedule(_ context.Context, id string) (execution.Schedule, error) {
	s, ok := p.schedules[id]
	if !ok {
		return s, execution.Errorf(execution.NotFound, "no schedule %s", id)
	}
	return s, nil
}

func (p *platform) Admit(context.Context, execution.Capacity) (execution.Admission, error) {
	return execution.Admission{Granted: true}, nil
}

func (p *platform) Release(_ context.Context, id execution.ID, _ string) ([]execution.ID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.released = append(p.released, id)
	return []execution.ID{"x2", "x3"}, nil
}

func (p *platform) Entries(context.Context, time.Time) ([]execution.Held, error) {
	return p.entries, nil
}

func (p *platform) Policy(context.Context, string) (execution.PoolPolicy, error) {
	return p.policy, nil
}

func (p *platform) Mend(context.Context) ([]execution.ID, error) {
	return []execution.ID{"overlooked"}, nil
}

func (p *platform) Publish(_ context.Context, events ...execution.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = append(p.published, events...)
	return nil
}

func (p *platform) Send(_ context.Context, t execution.Task) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, t)
	return nil
}

func (p *platform) Wake(_ context.Context, id execution.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = append(p.woken, id)
	if p.mute {
		return errors.New("no such workflow")
	}
	return nil
}

func (p *platform) Start(_ context.Context, x execution.Execution) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = append(p.started, x.ID)
	return nil
}

func (p *platform) StartBatch(ctx context.Context, b execution.Batch) error {
	return p.Start(ctx, execution.Execution{ID: execution.ID(b.ID)})
}

func (p *platform) State(_ context.Context, id execution.ID) (execution.SagaState, error) {
	if id == p.broken {
		return execution.SagaState{}, execution.Errorf(execution.Unavailable, "nobody knows")
	}
	s, ok := p.states[id]
	if !ok {
		return s, execution.Errorf(execution.NotFound, "no saga of %s", id)
	}
	return s, nil
}

func (p *platform) activities() *Activities {
	return &Activities{Store: p, Ledger: p, Bus: p, Sagas: p, Batches: p, Schedules: p, StartTimeout: 40 * time.Second}
}

func TestTaskCarriesAllThatAKubeWorkerNeeds(t *testing.T) {
	p, soon := &platform{rows: []execution.Execution{{
		ID: "x1", UserID: "ann", Pool: "gpu", Language: "python", Attempt: 2, CorrelationID: "c1",
		Program: execution.Program{Image: "python:3.11"}, Input: execution.Input{Script: "print(1)"},
		Interactive: true, Egress: []execution.Egress{{CIDR: "192.0.2.0/24"}}, Status: execution.Queued,
	}}}, time.Now().Add(time.Minute)
	terms, err := p.activities().CreatePod(t.Context(), "x1", soon)
	if err != nil || terms.StartSeconds != 40 {
		t.Fatal(terms, err)
	}
	got := p.sent[0]
	if got.Action != execution.Create || got.UserID != "ann" || got.Pool != "gpu" || got.Language != "python" || got.Attempt != 2 ||
		got.CorrelationID != "c1" || got.Program.Image != "python:3.11" || got.Input.Script != "print(1)" || got.Limits == nil || !got.NotAfter.Equal(soon) ||
		!got.Interactive || len(got.Egress) != 1 {
		t.Errorf("sent %+v", got)
	}
}

// SA-10: whatever a saga asks for.
func TestNoPodIsMadeOfAScriptThatWasStarted(t *testing.T) {
	created, soon := time.Now().Add(-time.Minute), time.Now().Add(time.Minute)
	p := &platform{rows: []execution.Execution{
		{ID: "queued", Status: execution.Queued, CreatedAt: created},
		{ID: "runs", Status: execution.Running, CreatedAt: created, StartedAt: &created},
		{ID: "failed", Status: execution.Failed, StartedAt: &created, Outcome: &execution.Outcome{Reason: "not told"}},
		{ID: "lost", Status: execution.Errored, Outcome: &execution.Outcome{Reason: "node_lost"}},
	}}
	a := p.activities()
	for id, want := range map[execution.ID]execution.TaskTerms{
		"queued": {StartSeconds: 40}, "runs": {StartSeconds: 40, Started: true},
		"failed": {StartSeconds: 40, Started: true, Ended: execution.Failed}, "lost": {StartSeconds: 40, Ended: execution.Errored, Reason: "node_lost"},
	} {
		p.sent = nil
		got, err := a.CreatePod(t.Context(), id, soon)
		if err != nil || got != want || (len(p.sent) == 0) != (want.Ended != "") {
			t.Errorf("%s: %+v, %v, sent %d", id, got, err, len(p.sent))
		}
		if len(p.sent) > 0 && p.sent[0].NotAfter.Equal(soon) == want.Started {
			t.Errorf("%s: void after %s", id, p.sent[0].NotAfter)
		}
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
	item := execution.Execution{ID: "x1", BatchID: "b1"}
	tests := []struct {
		name         string
		rows         []execution.Execution
		event        execution.Event
		who, because string
	}{
		{"with its batch", []execution.Execution{item}, ending(execution.Cancelled), "cid", "enough"},
		{"cancelled", []execution.Execution{{ID: "x1", CancelledBy: "bob", CancelReason: "too slow"}}, ending(execution.Cancelled), "bob", "too slow"},
		{"an error", []execution.Execution{{ID: "x1", CancelledBy: "bob", CancelReason: "too slow"}}, ending(execution.Errored), "", ""},
		{"the row is gone", nil, ending(execution.Cancelled), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &platform{rows: tt.rows, batches: map[string]execution.Batch{"b1": {ID: "b1", CancelledBy: "cid", CancelReason: "enough"}}}
			if err := p.activities().Publish(t.Context(), []execution.Event{tt.event}); err != nil {
				t.Fatal(err)
			}
			if o := p.published[0].Outcome; o.Message != tt.who || o.Reason != tt.because {
				t.Errorf("told %+v", o)
			}
		})
	}
}
