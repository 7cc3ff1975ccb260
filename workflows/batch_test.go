package workflows

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// crowd stands for the executions of a batch, or a schedule: each takes ten
// seconds.
type crowd struct {
	env   *testsuite.TestWorkflowEnvironment
	items int
	bad   int            // which one fails; -1: none
	lost  bool           // because of the platform
	held  []execution.ID // under way, in the order of beginning
	most  int            // that were under way at once
	ends  map[string]int // statuses of the ends
	order []execution.ID // in which they began
	from  int            // as EndItems was told; -1: it was not
	bytes int            // that the answers of activities have in a history
}

func newCrowd(items int) *crowd {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	c := &crowd{env: suite.NewTestWorkflowEnvironment(), items: items, bad: -1, from: -1, ends: map[string]int{}}
	c.env.RegisterActivity(c)
	c.env.RegisterWorkflowWithOptions(c.run, workflow.RegisterOptions{Name: "Execute"})
	return c
}

func (c *crowd) run(ctx workflow.Context, b execution.Brief) (execution.Status, error) {
	id := b.Capacity.ID
	c.order = append(c.order, id)
	c.held = append(c.held, id)
	c.most = max(c.most, len(c.held))
	err := workflow.Sleep(ctx, 10*time.Second)
	c.held = slices.DeleteFunc(c.held, func(one execution.ID) bool { return one == id })
	s := execution.Completed
	switch {
	case err != nil:
		s = execution.Cancelled
	case id == itemID(c.bad) && !c.lost:
		s = execution.Failed
	case id == itemID(c.bad):
		s, err = execution.Errored, temporal.NewApplicationError("the pod is gone", nodeLost)
	}
	c.ends[string(s)]++
	return s, err
}

func itemID(i int) execution.ID { return execution.ID(fmt.Sprintf("0190c0de-0000-7000-8000-%012d", i)) }

func (c *crowd) BatchItems(_ context.Context, _ string, from, n int) (items []execution.BatchItem, err error) {
	for i := from; i < min(from+n, c.items); i++ {
		items = append(items, execution.BatchItem{Number: int32(i), Brief: execution.Brief{
			Capacity: execution.Capacity{ID: itemID(i), UserID: "somebody@example.org", Pool: "default", Language: "python", Priority: execution.Normal, CPUMillis: 1000, MemoryBytes: 128 << 20},
			Request: execution.Request{
				Language: "python", Version: "3.11", Pool: "default", Priority: execution.Normal, Attempt: 1,
				ScriptSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				Limits:       execution.Limits{TimeoutSeconds: 30, CPUMillis: 1000, MemoryBytes: 128 << 20, OutputBytes: 1 << 20, Processes: 64, DiskBytes: 64 << 20},
			},
			CorrelationID: "0190c0de-0000-7000-8000-000000000000", Awaited: true,
		}})
	}
	text, err := json.Marshal(items)
	c.bytes += len(text)
	return items, err
}

func (c *crowd) EndItems(_ context.Context, _ string, from int) (int, error) {
	c.from = from
	return c.items - from, nil
}

func (c *crowd) MakeScheduled(_ context.Context, schedule, _ string) (execution.Brief, error) {
	if schedule == "deleted" {
		return execution.Brief{}, temporal.NewNonRetryableApplicationError("no such schedule", string(execution.NotFound), nil)
	}
	items, err := c.BatchItems(context.Background(), "", 0, 1)
	return items[0].Brief, err
}

// batch runs one and returns how it ended.
func (c *crowd) batch(t *testing.T, in BatchInput) (end BatchEnd) {
	t.Helper()
	in.BatchID, in.Items = "b1", c.items
	c.env.ExecuteWorkflow(Batch, in)
	if !c.env.IsWorkflowCompleted() {
		t.Fatal("it does not end")
	}
	if err := c.env.GetWorkflowError(); err == nil {
		_ = c.env.GetWorkflowResult(&end)
	}
	return end
}

func TestBatchRunsSoManyAtATime(t *testing.T) {
	c := newCrowd(130)
	if end := c.batch(t, BatchInput{MaxParallel: 7}); end != (BatchEnd{Completed: 130}) {
		t.Errorf("%+v", end)
	}
	if c.most != 7 || c.from != -1 {
		t.Errorf("%d at once, cancelled from %d on", c.most, c.from)
	}
	slices.Sort(c.order) // those that begin together begin in any order
	for i, id := range c.order {
		if id != itemID(i) {
			t.Fatalf("number %d is %s", i, id)
		}
	}
}

func TestCancelOfABatch(t *testing.T) {
	for _, after := range []time.Duration{0, 25 * time.Second} {
		c := newCrowd(100)
		c.env.RegisterDelayedCallback(c.env.CancelWorkflow, after)
		c.batch(t, BatchInput{MaxParallel: 10})
		if !temporal.IsCanceledError(c.env.GetWorkflowError()) || len(c.held) > 0 || c.from != len(c.order) || after > 0 && (c.ends["completed"] != 20 || c.ends["cancelled"] != 10) {
			t.Errorf("%v: ends %v, %d began, cancelled from %d on, left %v", c.env.GetWorkflowError(), c.ends, len(c.order), c.from, c.held)
		}
	}
}

// Those under way come to their end.
func TestBatchStopsAtAFailure(t *testing.T) {
	for _, lost := range []bool{false, true} { // the script's fault, and the platform's
		c := newCrowd(20)
		c.bad, c.lost = 4, lost
		end := c.batch(t, BatchInput{MaxParallel: 3, StopOnFailure: true})
		if end.Ended != 1 || end.Completed+1 != len(c.order) || end.NotBegun != 20-len(c.order) || c.from != len(c.order) || len(c.order) > 8 {
			t.Errorf("%+v, %d began, cancelled from %d on", end, len(c.order), c.from)
		}
		c = newCrowd(20)
		c.bad, c.lost = 4, lost
		if end := c.batch(t, BatchInput{MaxParallel: 3}); end != (BatchEnd{Completed: 19, Ended: 1}) {
			t.Errorf("one fails, the others go on: %+v", end)
		}
	}
}

// The history of the largest batch has a tenth of what Temporal allows: 50 MiB.
func TestHistoryOfABatchIsBounded(t *testing.T) {
	c := newCrowd(100)
	if end := c.batch(t, BatchInput{MaxParallel: 100}); end.Completed != 100 || c.most != 100 {
		t.Fatalf("%+v, %d at once", end, c.most)
	}
	// Each brief is in the answer of an activity and in the beginning of a child;
	// beside it that has 600 bytes, and so have its start and its end together.
	if size := 10 * (2*c.bytes + 100*1200); size > 5<<20 {
		t.Errorf("a thousand executions take %d bytes, of them twice %d a brief", size, c.bytes/100)
	}
}

func TestFireEndsWithItsExecution(t *testing.T) {
	for _, lost := range []bool{false, true} {
		c := newCrowd(1)
		c.bad, c.lost = 0, lost
		c.env.ExecuteWorkflow(Fire, FireInput{ScheduleID: "s1"})
		if err := c.env.GetWorkflowError(); err != nil || c.ends["failed"]+c.ends["error"] != 1 {
			t.Errorf("%v, ends %v", err, c.ends)
		}
	}
	// Temporal cancels it when the next one is to take its place.
	c := newCrowd(1)
	c.env.RegisterDelayedCallback(c.env.CancelWorkflow, 5*time.Second)
	c.env.ExecuteWorkflow(Fire, FireInput{ScheduleID: "s1"})
	if err := c.env.GetWorkflowError(); !temporal.IsCanceledError(err) || c.ends["cancelled"] != 1 || len(c.held) > 0 {
		t.Errorf("%v, ends %v", err, c.ends)
	}
	c = newCrowd(1)
	c.env.ExecuteWorkflow(Fire, FireInput{ScheduleID: "deleted"})
	if err := c.env.GetWorkflowError(); err == nil || len(c.order) > 0 {
		t.Errorf("of a schedule that was deleted: %v, began %v", err, c.order)
	}
}
