package workflows

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

// tape stands for a session, its events and its target. It has the names of the
// activities.
type tape struct {
	env *testsuite.TestWorkflowEnvironment

	mu       sync.Mutex
	session  execution.Replay
	events   []execution.Recorded
	written  []time.Time // by the clock of the workflow
	looks    int
	failures int    // attempts of batches that fail
	ails     string // the kind of a failure for good
	backoff  time.Duration
	stopAt   int // the event that cannot be written, from 1
	why      string
	onBatch  func(n int) // is called before the batch that begins with event n
}

func (p *tape) lock() (unlock func()) {
	p.mu.Lock()
	return p.mu.Unlock
}

func (p *tape) ReplayBatch(context.Context, string) (step execution.ReplayStep, err error) {
	if p.onBatch != nil {
		p.onBatch(len(p.written))
	}
	defer p.lock()()
	switch {
	case p.failures > 0:
		p.failures--
		return step, temporal.NewApplicationError("kafka is away", "kinded")
	case p.ails != "":
		return step, temporal.NewNonRetryableApplicationError("no", p.ails, nil)
	case p.session.Status == execution.ReplayScheduled:
		p.session.Status = execution.ReplayRunning
	}
	if p.session.Status != execution.ReplayRunning {
		return execution.ReplayStep{Status: p.session.Status}, nil
	}
	step = execution.ReplayStep{Status: execution.ReplayRunning, Speed: p.session.Speed}
	from := len(p.written)
	left := p.events[from:]
	if len(left) == 0 {
		p.session.Status = execution.ReplayCompleted
		return execution.ReplayStep{Status: p.session.Status}, nil
	}
	n := p.session.Cut(left[:min(len(left), p.session.Limit())], len(left) > p.session.Limit())
	step.First = left[0].RecordedAt
	if n < len(left) && p.session.Speed < execution.FullSpeed {
		step.Next = left[n].RecordedAt
	}
	for i := range n {
		p.written = append(p.written, p.env.Now().Add(p.session.Gap(left[0], left[i])))
		if p.stopAt == len(p.written) {
			p.session.Status = execution.ReplayFailed
			return execution.ReplayStep{Status: p.session.Status}, nil
		}
	}
	step.Backoff = p.backoff
	return step, nil
}

func (p *tape) ReplayStatus(context.Context, string) (execution.ReplayStatus, error) {
	defer p.lock()()
	p.looks++
	return p.session.Status, nil
}

func (p *tape) FailReplay(_ context.Context, _, why string) error {
	defer p.lock()()
	p.why = why
	if p.session.Status.Goes() {
		p.session.Status = execution.ReplayFailed
	}
	return nil
}

// ask is what an operator does.
func (p *tape) ask(move string) {
	unlock := p.lock()
	p.session.Status = execution.ReplayMoves[move].To
	unlock()
	p.env.SignalWorkflow(ReplaySignal, nil)
}

// newTape has events that were recorded at times after a beginning.
func newTape(speed float64, at ...time.Duration) *tape {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	p := &tape{env: suite.NewTestWorkflowEnvironment(), session: execution.Replay{Status: execution.ReplayScheduled, Speed: speed, Batch: 100, Skip: true}}
	for _, d := range at {
		p.events = append(p.events, execution.Recorded{RecordedAt: time.Unix(1e9, 0).Add(d)})
	}
	p.env.RegisterActivity(p)
	p.env.RegisterWorkflow(Replay)
	return p
}

// run replays, and returns how long it took by the clock of the workflow.
func (p *tape) run(t *testing.T) (time.Duration, error) {
	t.Helper()
	began := p.env.Now()
	p.env.ExecuteWorkflow(Replay, ReplayInput{SessionID: "r1"})
	if !p.env.IsWorkflowCompleted() {
		t.Fatal("it does not end")
	}
	return p.env.Now().Sub(began), p.env.GetWorkflowError()
}

// every are n times, with one gap.
func every(gap time.Duration, n int) (at []time.Duration) {
	for i := range n {
		at = append(at, time.Duration(i)*gap)
	}
	return at
}

func near(d, want time.Duration) bool { return d >= want*9/10 && d <= want*11/10 }
