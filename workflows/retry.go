package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// retry begins a run anew that ended because the platform failed, if that was
// asked for: another execution takes its place. One that somebody wanted to
// end is not begun anew.
func (r *run) retry(ctx workflow.Context, reason string) error {
	if r.ended != execution.Errored || r.cancelled() || !r.Retry.Allows(r.Request.Attempt, reason, r.started()) {
		return nil
	}
	var next execution.Brief
	if err := r.owe(ctx, "retry", &next, act.RetryExecution, r.Capacity.ID); err != nil {
		return err
	}
	e := r.event(ctx, execution.ExecutionRetried)
	e.Saga = &execution.Saga{Cause: string(next.Capacity.ID)}
	if err := r.tell(ctx, e); err != nil {
		return err
	}
	detached, stop := workflow.NewDisconnectedContext(ctx) // the end of this saga does not cancel its retry
	r.next, r.stopNext = execute(detached, next, enumspb.PARENT_CLOSE_POLICY_ABANDON), stop
	if err := r.next.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the saga of the retry was not started here", "execution", next.Capacity.ID, "err", err) // a sweep looks
		r.next = nil
	}
	return nil
}

// awaitRetry returns how the execution ended. If its batch or its schedule
// waits for that, it waits for its retry, whose end is then the end.
func (r *run) awaitRetry(ctx, settled workflow.Context, err error) (execution.Status, error) {
	if r.next == nil || !r.Awaited {
		return r.ended, err
	}
	if shown := workflow.UpsertTypedSearchAttributes(settled, StateAttribute.ValueSet(r.record.State)); shown != nil {
		return r.ended, shown
	}
	if cancelled := workflow.Await(ctx, r.next.IsReady); cancelled != nil {
		r.stopNext()
	}
	var s execution.Status
	failed := r.next.Get(settled, &s)
	s = statusOf(s, failed)
	if err == nil {
		return s, nil
	}
	return s, temporal.NewApplicationErrorWithOptions("its retry ended: "+string(s), retried, temporal.ApplicationErrorOptions{Cause: err, Details: []any{s}})
}
