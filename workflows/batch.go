package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// BatchInput is what the workflow of a batch is told. Its ID is that of the
// batch.
type BatchInput struct {
	BatchID       string
	Items         int
	MaxParallel   int
	StopOnFailure bool
}

// BatchEnd is how a batch ended.
type BatchEnd struct {
	Completed int // of the executions that this workflow ran
	Ended     int // otherwise
	NotBegun  int // and were told that they are cancelled
}

// batchPage is how many executions are asked for at a time.
const batchPage = 50

// fetching suits what a workflow needs of the store before it can go on.
var fetching = workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second, ScheduleToCloseTimeout: 24 * time.Hour}

// batch is a batch under way.
type batch struct {
	BatchInput
	BatchEnd
	open int // executions
}

// Batch runs the executions of a batch, in their order and at most MaxParallel
// at a time. When it is cancelled, or stopped by a failure, those under way are
// cancelled, or come to their end, and those that have not begun end cancelled.
func Batch(ctx workflow.Context, in BatchInput) (BatchEnd, error) {
	b := &batch{BatchInput: in}
	next, err := b.begin(ctx)
	settled, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if awaiting := workflow.Await(settled, func() bool { return b.open == 0 }); awaiting != nil {
		return b.BatchEnd, awaiting
	}
	if next < in.Items {
		settled = workflow.WithActivityOptions(settled, fetching)
		if ending := workflow.ExecuteActivity(settled, act.EndItems, in.BatchID, next).Get(settled, &b.NotBegun); ending != nil {
			return b.BatchEnd, ending
		}
	}
	return b.BatchEnd, err
}

// begin begins one execution after the other, until none is left, and returns
// which is the first that did not begin.
func (b *batch) begin(ctx workflow.Context) (next int, err error) {
	fetch := workflow.WithActivityOptions(ctx, fetching)
	for next < b.Items {
		var page []execution.BatchItem
		if err := workflow.ExecuteActivity(fetch, act.BatchItems, b.BatchID, next, batchPage).Get(ctx, &page); err != nil {
			return next, err
		}
		for _, item := range page {
			err := workflow.Await(ctx, func() bool { return b.open < b.MaxParallel || b.stopped() })
			if err != nil || b.stopped() {
				return next, err
			}
			next = int(item.Number) + 1
			b.run(ctx, item.Brief)
		}
		if len(page) == 0 { // all others have ended
			return b.Items, nil
		}
	}
	return next, nil
}

func (b *batch) stopped() bool { return b.StopOnFailure && b.Ended > 0 }

// run begins one, and notes when it has ended.
func (b *batch) run(ctx workflow.Context, brief execution.Brief) {
	b.open++
	child := execute(ctx, brief, enumspb.PARENT_CLOSE_POLICY_ABANDON)
	workflow.Go(ctx, func(ctx workflow.Context) {
		var s execution.Status
		err := child.Get(ctx, &s)
		b.open--
		switch {
		case temporal.IsWorkflowExecutionAlreadyStartedError(err): // by whoever cancelled it before its turn
		case statusOf(s, err) == execution.Completed:
			b.Completed++
		default:
			b.Ended++
		}
	})
}
