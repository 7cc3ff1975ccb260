package workflows

import (
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

func TestReplayKeepsTheGaps(t *testing.T) {
	tests := []struct {
		name  string
		speed float64
		at    []time.Duration
		batch int
		want  time.Duration
	}{
		{"60 s at 10×", 10, every(time.Second, 61), 100, 6 * time.Second},
		{"60 s at 10× in small batches", 10, every(time.Second, 61), 3, 6 * time.Second},
		{"60 s at 10× with long gaps", 10, []time.Duration{0, 30 * time.Second, 30 * time.Second, 60 * time.Second}, 100, 6 * time.Second},
		{"as it was", 1, every(5*time.Second, 13), 100, time.Minute},
		{"slower", 0.1, every(time.Second, 7), 100, time.Minute},
		{"two days", 1, every(24*time.Hour, 3), 100, 48 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newTape(tt.speed, tt.at...)
			p.session.Batch = tt.batch
			if _, err := p.run(t); err != nil || len(p.written) != len(tt.at) || p.session.Status != execution.ReplayCompleted {
				t.Fatalf("%v, wrote %d of %d, %s", err, len(p.written), len(tt.at), p.session.Status)
			}
			if took := p.written[len(tt.at)-1].Sub(p.written[0]); !near(took, tt.want) {
				t.Errorf("took %v, want %v", took, tt.want)
			}
			for i, d := range tt.at {
				if off := p.written[i].Sub(p.written[0]) - time.Duration(float64(d)/tt.speed); off.Abs() > 200*time.Millisecond {
					t.Errorf("event %d is off by %v", i, off)
				}
			}
		})
	}
	p := newTape(execution.FullSpeed, every(time.Hour, 500)...)
	if took, err := p.run(t); err != nil || took > 10*time.Second || len(p.written) != 500 {
		t.Errorf("as fast as it goes took %v, %v", took, err)
	}
}

func TestReplayIsPausedAndResumed(t *testing.T) {
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 25 * time.Second, 30 * time.Second} {
		p := newTape(1, every(10*time.Second, 7)...)
		held, wrote := 3*time.Hour, 0
		p.env.RegisterDelayedCallback(func() { p.ask("pause") }, after)
		p.env.RegisterDelayedCallback(func() { wrote = len(p.written) }, after+time.Minute)
		p.env.RegisterDelayedCallback(func() {
			if len(p.written) != wrote {
				t.Errorf("%v: it wrote while it was paused", after)
			}
			p.ask("resume")
		}, after+held)
		if _, err := p.run(t); err != nil || len(p.written) != 7 || p.session.Status != execution.ReplayCompleted {
			t.Errorf("%v: %v, wrote %d, %s", after, err, len(p.written), p.session.Status)
		}
		if took := p.written[6].Sub(p.written[0]); wrote > 0 && (took < held || took > held+time.Minute) {
			t.Errorf("%v: took %v", after, took)
		}
	}
}

// The wish is in the store. Its signal may never come.
func TestPauseAndResumeAreHeardWithoutASignal(t *testing.T) {
	p := newTape(execution.FullSpeed, every(time.Second, 100)...)
	p.session.Batch = 10
	p.onBatch = func(n int) {
		if n == 30 && p.looks == 0 {
			defer p.lock()()
			p.session.Status = execution.ReplayPaused
		}
	}
	p.env.RegisterDelayedCallback(func() {
		defer p.lock()()
		if len(p.written) != 30 {
			t.Errorf("wrote %d", len(p.written))
		}
		p.session.Status = execution.ReplayScheduled
	}, 5*time.Hour+time.Minute)
	if took, err := p.run(t); err != nil || len(p.written) != 100 || took < 6*time.Hour {
		t.Errorf("%v, wrote %d in %v", err, len(p.written), took)
	}
}

func TestReplayIsCancelled(t *testing.T) {
	for name, tt := range map[string]struct {
		after  time.Duration
		paused bool
	}{"at once": {}, "between batches": {after: 25 * time.Second}, "paused": {after: 2 * time.Hour, paused: true}} {
		t.Run(name, func(t *testing.T) {
			p := newTape(1, every(10*time.Second, 7)...)
			if tt.paused {
				p.env.RegisterDelayedCallback(func() { p.ask("pause") }, 15*time.Second)
			}
			p.env.RegisterDelayedCallback(func() { p.ask("cancel") }, tt.after)
			if _, err := p.run(t); err != nil || len(p.written) > 3 || p.session.Status != execution.ReplayCancelled {
				t.Errorf("%v, wrote %d, %s", err, len(p.written), p.session.Status)
			}
		})
	}
}

// A resumption that comes while a failed session is about to leave is heard.
func TestResumeAtTheLastMoment(t *testing.T) {
	p := newTape(execution.FullSpeed, every(time.Second, 10)...)
	p.stopAt = 5
	p.onBatch = func(n int) {
		if n == 0 {
			p.env.SignalWorkflow(ReplaySignal, nil)
		}
	}
	again := 0
	p.env.SetOnActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) {
		defer p.lock()()
		if p.session.Status == execution.ReplayFailed && again == 0 {
			again++
			p.session.Status = execution.ReplayScheduled
		}
	})
	if _, err := p.run(t); err != nil || len(p.written) != 10 || p.session.Status != execution.ReplayCompleted {
		t.Errorf("%v, wrote %d, %s", err, len(p.written), p.session.Status)
	}
}

func TestReplayOutlivesFailures(t *testing.T) {
	p := newTape(execution.FullSpeed, every(time.Second, 10)...)
	p.failures = 9 // the test environment tries ten times
	if took, err := p.run(t); err != nil || len(p.written) != 10 || took < 45*time.Second {
		t.Errorf("%v, wrote %d in %v", err, len(p.written), took)
	}
	p = newTape(execution.FullSpeed, every(time.Second, 10)...)
	p.ails = string(execution.Invalid)
	if _, err := p.run(t); err == nil || p.session.Status != execution.ReplayFailed || p.why == "" {
		t.Errorf("for good: %v, %s", err, p.session.Status)
	}
	p = newTape(1, every(time.Hour, 10)...) // an operator of Temporal cancels it
	p.env.RegisterDelayedCallback(p.env.CancelWorkflow, 90*time.Minute)
	if _, err := p.run(t); !temporal.IsCanceledError(err) || p.session.Status != execution.ReplayFailed {
		t.Errorf("cancelled from outside: %v, %s", err, p.session.Status)
	}
	p = newTape(execution.FullSpeed, every(time.Second, 10)...) // that skips no errors
	p.stopAt = 5
	if _, err := p.run(t); err != nil || len(p.written) != 5 || p.session.Status != execution.ReplayFailed {
		t.Errorf("%v, wrote %d, %s", err, len(p.written), p.session.Status)
	}
}

func TestFailedEventsAreWaitedFor(t *testing.T) {
	p := newTape(execution.FullSpeed, every(time.Second, 3)...)
	p.session.Batch, p.backoff = 1, 5*time.Second
	if took, err := p.run(t); err != nil || took < 15*time.Second || took > 16*time.Second {
		t.Errorf("took %v, %v", took, err)
	}
}

func TestHistoryOfAReplayIsBounded(t *testing.T) {
	p := newTape(1, every(2*time.Second, 2*replayTurns)...)
	p.session.Batch = 1
	_, err := p.run(t)
	if !workflow.IsContinueAsNewError(err) || len(p.written) != replayTurns {
		t.Fatalf("%v, wrote %d", err, len(p.written))
	}
	next := newTape(1, every(2*time.Second, 2*replayTurns)...) // goes on at the pace of the one before
	next.written = p.written
	next.session = p.session
	next.env.SetStartTime(p.env.Now())
	next.env.ExecuteWorkflow(Replay, ReplayInput{SessionID: "r1", Pace: ReplayPace{Began: p.written[0], First: p.events[0].RecordedAt}})
	if took := next.written[2*replayTurns-1].Sub(p.written[0]); !near(took, 2*time.Second*(2*replayTurns-1)) {
		t.Errorf("both took %v", took)
	}
	p = newTape(1, 0, time.Hour) // paused for a month
	p.env.RegisterDelayedCallback(func() { p.ask("pause") }, time.Minute)
	if took, err := p.run(t); !workflow.IsContinueAsNewError(err) || took < 400*time.Hour {
		t.Errorf("%v after %v", err, took)
	}
}
