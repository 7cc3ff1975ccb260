package workflows

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

// receiver stands for one that a callback is for.
type receiver struct {
	env    *testsuite.TestWorkflowEnvironment
	deaf   int // how many attempts fail
	gone   bool
	heard  []execution.CallbackAttempt
	pauses []time.Duration // between them
	last   time.Time
}

func (r *receiver) PostCallback(_ context.Context, a execution.CallbackAttempt) (bool, error) {
	r.heard = append(r.heard, a)
	if now := r.env.Now(); !r.last.IsZero() {
		r.pauses = append(r.pauses, now.Sub(r.last))
	}
	r.last = r.env.Now()
	if r.gone {
		return false, temporal.NewNonRetryableApplicationError("no such execution", string(execution.NotFound), nil)
	}
	switch r.deaf--; {
	case r.deaf < 0:
		return true, nil
	case r.deaf%2 == 0:
		return false, nil
	default:
		return false, execution.Errorf(execution.Unavailable, "mongodb is away")
	}
}

func (r *receiver) deliver(after time.Duration, something func()) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r.env = suite.NewTestWorkflowEnvironment()
	r.env.RegisterActivity(r)
	r.env.SetTestTimeout(time.Minute)
	if something != nil {
		r.env.RegisterDelayedCallback(something, after)
	}
	r.env.ExecuteWorkflow(Deliver, DeliverInput{ExecutionID: "x1", Delivery: 2})
	return r.env.GetWorkflowError()
}

func TestCallbackIsTriedEverMoreRarely(t *testing.T) {
	r := &receiver{deaf: 13}
	if err := r.deliver(0, nil); err != nil || len(r.heard) != 14 {
		t.Errorf("%d attempts, %v", len(r.heard), err)
	}
	want := 5 * time.Second
	for i, got := range r.pauses {
		if got.Round(time.Second) != want {
			t.Errorf("pause %d is %s, want %s", i+1, got, want)
		}
		want = min(2*want, time.Hour)
	}
	for i, a := range r.heard {
		if a != (execution.CallbackAttempt{ExecutionID: "x1", Delivery: 2, Number: i + 1}) {
			t.Errorf("attempt %+v", a)
		}
	}
}

func TestCallbackIsGivenUpAfterADay(t *testing.T) {
	r := &receiver{deaf: 1000}
	err := r.deliver(0, nil)
	var sum time.Duration
	for _, p := range r.pauses {
		sum += p
	}
	if err == nil || sum > 24*time.Hour || sum < 22*time.Hour {
		t.Errorf("given up after %s: %v", sum, err)
	}
	for i, a := range r.heard {
		if a.Last != (i == len(r.heard)-1) {
			t.Errorf("attempt %d of %d: %+v", i+1, len(r.heard), a)
		}
	}
	r = &receiver{gone: true}
	if err := r.deliver(0, nil); err == nil || len(r.heard) != 1 {
		t.Errorf("nobody to be told: %d attempts, %v", len(r.heard), err)
	}
}

func TestCallbackIsTriedAtOnceWhenAsked(t *testing.T) {
	r := &receiver{deaf: 4}
	asked := time.Time{}
	err := r.deliver(40*time.Second, func() { // 35 s after the first comes the next by itself, 75 s after it another
		asked = r.env.Now()
		r.env.SignalWorkflow(RetrySignal, nil)
	})
	if err != nil || len(r.heard) != 5 || r.pauses[3].Round(time.Second) != 5*time.Second || r.last.Sub(asked).Round(time.Second) != 0 {
		t.Errorf("%v: pauses %v, the last at %s, asked at %s", err, r.pauses, r.last, asked)
	}
}
