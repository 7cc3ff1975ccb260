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

	"github.com/codesaga/codesaga/execution"
)

// site is where a rebuild is done.
type site struct {
	env    *testsuite.TestWorkflowEnvironment
	calls  []string
	fail   map[string]int    // how often a step fails, before it succeeds
	final  string            // the step that fails for good
	during map[string]func() // a step, which then waits for its cancellation
	late   func()            // during the swap
}

func (s *site) step(ctx context.Context, name string) error {
	s.calls = append(s.calls, name)
	if do := s.during[name]; do != nil {
		do()
		<-ctx.Done() // the cancellation is waited for
		return ctx.Err()
	}
	if s.final == name {
		return temporal.NewNonRetryableApplicationError("no such rebuild", string(execution.NotFound), nil)
	}
	if name == "swap" && s.late != nil {
		s.late()
	}
	if s.fail[name] > 0 {
		s.fail[name]--
		return errors.New("a worker was killed")
	}
	return nil
}

func (s *site) BeginRebuild(ctx context.Context, o execution.RebuildOrder) error {
	return s.step(ctx, "begin "+o.Source)
}
func (s *site) FillRebuild(ctx context.Context, _ string) error    { return s.step(ctx, "fill") }
func (s *site) CompareRebuild(ctx context.Context, _ string) error { return s.step(ctx, "compare") }
func (s *site) SwapRebuild(ctx context.Context, _ string) error    { return s.step(ctx, "swap") }
func (s *site) EndRebuild(_ context.Context, id, status, cause string) error {
	s.calls = append(s.calls, strings.TrimSpace("end "+id+" "+status+" "+cause))
	return nil
}

func (s *site) rebuild(o execution.RebuildOrder) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s.env = suite.NewTestWorkflowEnvironment()
	s.env.RegisterActivity(s)
	s.env.SetTestTimeout(time.Minute)
	o.ID, o.Projection, o.Source = "r1", execution.ExecutionsProjection, execution.FromStore
	s.env.ExecuteWorkflow(Rebuild, o)
	return s.env.GetWorkflowError()
}

func TestRebuildGoesStepByStep(t *testing.T) {
	for want, tt := range map[string]struct {
		site *site
		dry  bool
		err  bool
	}{
		"begin store, fill, compare, swap, end r1 completed":                            {&site{}, false, false},
		"begin store, fill, compare, end r1 completed":                                  {&site{}, true, false},
		"begin store, fill, fill, fill, compare, compare, swap, swap, end r1 completed": {&site{fail: map[string]int{"fill": 2, "compare": 1, "swap": 1}}, false, false},
		"begin store, fill, compare, end r1 failed no such rebuild":                     {&site{final: "compare"}, false, true},
	} {
		err := tt.site.rebuild(execution.RebuildOrder{DryRun: tt.dry})
		if got := strings.Join(tt.site.calls, ", "); got != want || (err != nil) != tt.err {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	}
}

// Who cancels in time gets nothing of it, and what was made is dropped. A swap
// is never left half done.
func TestRebuildIsCancelled(t *testing.T) {
	for step, want := range map[string]string{
		"fill":    "begin store, fill, end r1 cancelled",
		"compare": "begin store, fill, compare, end r1 cancelled",
	} {
		s := &site{}
		s.during = map[string]func(){step: func() { s.env.CancelWorkflow() }}
		err := s.rebuild(execution.RebuildOrder{})
		if got := strings.Join(s.calls, ", "); got != want || !temporal.IsCanceledError(err) {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	}
	s := &site{fail: map[string]int{"swap": 1}} // it is tried again, a second later
	s.late = func() { s.env.CancelWorkflow() }
	err := s.rebuild(execution.RebuildOrder{})
	if got := strings.Join(s.calls, ", "); got != "begin store, fill, compare, swap, swap, end r1 completed" || err != nil {
		t.Errorf("during the swap: %s, %v", got, err)
	}
}
