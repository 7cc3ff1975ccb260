package workflows

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// desk is where one dead letter lies: what its steps are is written down before.
type desk struct {
	env    *testsuite.TestWorkflowEnvironment
	steps  []execution.RedriveStep // the last one again and again
	taken  []time.Duration         // after the start
	fail   int                     // how many steps fail, before one succeeds
	final  bool                    // and they fail for good
	parked []string
	then   func(n int) // after so many steps
	began  time.Time
}

func newDesk(steps ...execution.RedriveStep) *desk {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	d := &desk{env: suite.NewTestWorkflowEnvironment(), steps: steps}
	d.env.RegisterActivity(d)
	d.env.SetTestTimeout(time.Minute)
	return d
}

func (d *desk) RedriveLetter(_ context.Context, id string) (execution.RedriveStep, error) {
	if d.fail > 0 {
		d.fail--
		if d.final {
			return execution.RedriveStep{}, temporal.NewNonRetryableApplicationError("it is no letter", string(execution.Invalid), nil)
		}
		return execution.RedriveStep{}, errors.New("kafka is away")
	}
	d.taken = append(d.taken, d.env.Now().Sub(d.began))
	step := d.steps[min(len(d.taken), len(d.steps))-1]
	if d.then != nil {
		d.then(len(d.taken))
	}
	return step, nil
}

func (d *desk) ParkLetter(_ context.Context, id, why string) error {
	d.parked = append(d.parked, id+": "+why)
	return nil
}

func (d *desk) run() error {
	d.began = d.env.Now()
	d.env.ExecuteWorkflow(Redrive, RedriveInput{LetterID: "l1"})
	return d.env.GetWorkflowError()
}

// at reports whether the steps were taken when they were due.
func (d *desk) at(want ...time.Duration) bool {
	ok := len(d.taken) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = near(d.taken[i], want[i])
	}
	return ok
}

const answers = 10 * time.Minute // is how long an outcome is waited for

func TestLetterIsRedrivenWhenItIsDue(t *testing.T) {
	over := execution.RedriveStep{Over: true}
	d := newDesk(execution.RedriveStep{Wait: time.Minute}, execution.RedriveStep{Wait: answers, Round: 1}, over)
	if err := d.run(); err != nil || !d.at(0, time.Minute, time.Minute+answers) || len(d.parked) > 0 {
		t.Errorf("%v, steps at %v, %v", err, d.taken, d.parked)
	}
	d = newDesk(execution.RedriveStep{Wait: 150 * time.Minute}, execution.RedriveStep{Wait: 90 * time.Minute}, over) // what a policy says may change
	if err := d.run(); err != nil || !d.at(0, time.Hour, 2*time.Hour) {
		t.Errorf("%v, steps at %v", err, d.taken)
	}
	d = newDesk(over)
	if err := d.run(); err != nil || !d.at(0) {
		t.Errorf("%v, steps at %v", err, d.taken)
	}
}

// A receipt, another death and a person wake it. Who asks while it is about to
// leave is heard.
func TestLetterIsWoken(t *testing.T) {
	over := execution.RedriveStep{Over: true}
	d := newDesk(execution.RedriveStep{Wait: answers, Round: 1}, execution.RedriveStep{Wait: time.Minute}, execution.RedriveStep{Wait: answers, Round: 2}, over)
	d.env.RegisterDelayedCallback(func() { d.env.SignalWorkflow(RedriveSignal, nil) }, 10*time.Second)
	d.env.RegisterDelayedCallback(func() { d.env.SignalWorkflow(RedriveSignal, nil) }, 80*time.Second)
	if err := d.run(); err != nil || !d.at(0, 10*time.Second, 70*time.Second, 80*time.Second) {
		t.Errorf("%v, steps at %v", err, d.taken)
	}
	d = newDesk(over)
	d.then = func(n int) {
		if n == 1 {
			d.env.SignalWorkflow(RedriveSignal, nil)
		}
	}
	if err := d.run(); err != nil || len(d.taken) != 2 {
		t.Errorf("%v, steps at %v", err, d.taken)
	}
}

func TestRedriveOutlivesFailures(t *testing.T) {
	d := newDesk(execution.RedriveStep{Over: true})
	d.fail = 9 // the test environment tries ten times
	if err := d.run(); err != nil || len(d.taken) != 1 || len(d.parked) > 0 {
		t.Errorf("%v, steps at %v, %v", err, d.taken, d.parked)
	}
	d = newDesk(execution.RedriveStep{Over: true})
	d.fail = 35 // all attempts of a step, and more
	if err := d.run(); err != nil || len(d.taken) != 1 || len(d.parked) > 0 {
		t.Errorf("%v, steps at %v, %v", err, d.taken, d.parked)
	}
	d = newDesk(execution.RedriveStep{Over: true})
	d.fail, d.final = 1, true
	if err := d.run(); err == nil || strings.Join(d.parked, "; ") != "l1: the platform could not go on with it: see its workflow" {
		t.Errorf("%v, %v", err, d.parked)
	}
	d = newDesk(execution.RedriveStep{Wait: time.Hour})
	d.env.RegisterDelayedCallback(d.env.CancelWorkflow, 90*time.Minute)
	if err := d.run(); !temporal.IsCanceledError(err) || strings.Join(d.parked, "; ") != "l1: its workflow was cancelled" {
		t.Errorf("%v, %v", err, d.parked)
	}
}

func TestHistoryOfARedriveIsBounded(t *testing.T) {
	d := newDesk(execution.RedriveStep{}) // it never says how long to wait
	err := d.run()
	if !workflow.IsContinueAsNewError(err) || len(d.taken) != redriveTurns || len(d.parked) > 0 {
		t.Errorf("%v after %d steps, %v", err, len(d.taken), d.parked)
	}
	if last := d.taken[len(d.taken)-1]; last < (redriveTurns-1)*redriveRest {
		t.Errorf("it asked all the time: %v", last)
	}
}
