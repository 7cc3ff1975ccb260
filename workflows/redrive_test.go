package workflows

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// quiet is an environment that logs nothing.
func quiet() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	return suite.NewTestWorkflowEnvironment()
}

// A letter is looked at when it is due, when somebody says that something
// happened, and no more when it is over.
func TestRedriveLooksWhenItIsTime(t *testing.T) {
	env := quiet()
	began := env.Now()
	var looks []time.Duration
	steps := []execution.RedriveStep{{Wait: 30 * time.Second}, {Wait: 10 * time.Minute}, {Wait: time.Hour}, {Over: true}}
	env.RegisterActivityWithOptions(func(context.Context, string) (execution.RedriveStep, error) {
		looks = append(looks, env.Now().Sub(began).Round(time.Second))
		step := steps[0]
		steps = steps[1:]
		return step, nil
	}, activity.RegisterOptions{Name: "RedriveLetter"})
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(RedriveSignal, nil) }, time.Minute)   // it died again
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(RedriveSignal, nil) }, 2*time.Minute) // it took effect
	env.ExecuteWorkflow(Redrive, RedriveInput{"l1"})
	if err := env.GetWorkflowError(); err != nil {
		t.Error(err)
	}
	want := []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute}
	if len(looks) != len(want) {
		t.Fatalf("looked after %v", looks)
	}
	for i, at := range looks {
		if at != want[i] {
			t.Errorf("looked after %v, want %v", looks, want)
		}
	}
}

// What the platform cannot go on with, or nobody is to, is left to a person.
func TestRedriveParksWhatItCannotDo(t *testing.T) {
	for name, cancel := range map[string]bool{"an activity that fails for good": false, "a workflow that is cancelled": true} {
		env, parked := quiet(), ""
		env.RegisterActivityWithOptions(func(context.Context, string) (execution.RedriveStep, error) {
			if cancel {
				return execution.RedriveStep{Wait: time.Hour}, nil
			}
			return execution.RedriveStep{}, temporal.NewNonRetryableApplicationError("no", "internal", nil)
		}, activity.RegisterOptions{Name: "RedriveLetter"})
		env.RegisterActivityWithOptions(func(_ context.Context, id, why string) error {
			parked = id + ": " + why
			return nil
		}, activity.RegisterOptions{Name: "ParkLetter"})
		env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
		env.ExecuteWorkflow(Redrive, RedriveInput{"l1"})
		if env.GetWorkflowError() == nil || !strings.HasPrefix(parked, "l1: ") || strings.Contains(parked, "cancelled") != cancel {
			t.Errorf("%s: %v, parked %q", name, env.GetWorkflowError(), parked)
		}
	}
}

// A history does not grow for ever.
func TestRedriveContinuesAsNew(t *testing.T) {
	env, looks := quiet(), 0
	env.RegisterActivityWithOptions(func(context.Context, string) (execution.RedriveStep, error) {
		looks++
		return execution.RedriveStep{}, nil
	}, activity.RegisterOptions{Name: "RedriveLetter"})
	env.ExecuteWorkflow(Redrive, RedriveInput{"l1"})
	if again, ok := errors.AsType[*workflow.ContinueAsNewError](env.GetWorkflowError()); !ok || again.WorkflowType.Name != "Redrive" {
		t.Errorf("%v", env.GetWorkflowError())
	}
	if looks != redriveTurns {
		t.Errorf("%d looks", looks)
	}
}
