// Package temporal is the door to Temporal for those who need not know what a
// workflow is.
package temporal

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// Sagas starts sagas and talks to those under way. The ID of a workflow is the
// ID of its execution.
type Sagas struct{ Client client.Client }

// patience is how long the door waits for Temporal: longer than a hiccup, and
// short enough for an API that answers 503 within five seconds (parity SA-13).
const patience = 4 * time.Second

// Start starts the saga of x unless it was started before.
func (s Sagas) Start(ctx context.Context, x execution.Execution) error {
	b := execution.BriefOf(x)
	return s.start(traced(ctx, x), client.StartWorkflowOptions{
		ID:                    string(x.ID),
		EnableEagerStart:      true, // a worker in this process gets the first task with the answer
		Priority:              workflows.Urgency(b),
		TypedSearchAttributes: workflows.Attributes(b),
	}, workflows.Execute, b)
}

// StartBatch starts the workflow of b unless it was started before.
func (s Sagas) StartBatch(ctx context.Context, b execution.Batch) error {
	return s.start(ctx, client.StartWorkflowOptions{
		ID:                    b.ID,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.UserAttribute.ValueSet(b.UserID)),
	}, workflows.Batch, workflows.BatchInput{
		BatchID: b.ID, Items: int(b.Items), MaxParallel: int(b.MaxParallel), StopOnFailure: b.StopOnFailure,
	})
}

// start starts a workflow unless one with its ID was started before.
func (s Sagas) start(ctx context.Context, o client.StartWorkflowOptions, workflow, input any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o.TaskQueue = workflows.TaskQueue
	o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	o.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	_, err := s.Client.ExecuteWorkflow(ctx, o, workflow, input)
	if _, over := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); over {
		return nil
	}
	return kinded(err)
}

// Cancel asks a saga to stop and undo; it tells by events when it has. A saga
// that is over is NotFound.
func (s Sagas) Cancel(ctx context.Context, id execution.ID) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kinded(s.Client.CancelWorkflow(ctx, string(id), ""))
}

// Tell lets a saga know what became true. A saga that is over is NotFound.
func (s Sagas) Tell(ctx context.Context, id execution.ID, r execution.Report) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kinded(s.Client.SignalWorkflow(ctx, string(id), "", workflows.ReportSignal, r))
}

// Wake makes a saga that waits for capacity ask for it now.
func (s Sagas) Wake(ctx context.Context, id execution.ID) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kinded(s.Client.SignalWorkflow(ctx, string(id), "", workflows.GrantSignal, nil))
}

// CancelBatch asks a batch to stop: what runs is cancelled, and what has not
// begun never will. One that is over is NotFound.
func (s Sagas) CancelBatch(ctx context.Context, id string) error {
	return s.Cancel(ctx, execution.ID(id))
}

// RetryStep has a saga do at once what it waits to do again: a step that fails,
// or whose answer does not come. A saga that is over is NotFound.
func (s Sagas) RetryStep(ctx context.Context, id execution.ID) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kinded(s.Client.SignalWorkflow(ctx, string(id), "", workflows.RetrySignal, nil))
}

// State tells whether there is a workflow of id, and since when it is over. None
// is NotFound.
func (s Sagas) State(ctx context.Context, id execution.ID) (execution.SagaState, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := s.Client.DescribeWorkflowExecution(ctx, string(id), "")
	if err != nil {
		return execution.SagaState{}, kinded(err)
	}
	info := d.GetWorkflowExecutionInfo()
	state := execution.SagaState{Running: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING}
	if closed := info.GetCloseTime(); closed != nil {
		state.ClosedAt = closed.AsTime()
	}
	return state, nil
}

// Ping reports whether Temporal answers.
func (s Sagas) Ping(ctx context.Context) error {
	_, err := s.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return kinded(err)
}

func kinded(err error) error {
	if err == nil {
		return nil
	}
	if _, over := errors.AsType[*serviceerror.NotFound](err); over {
		return execution.Errorf(execution.NotFound, "no saga under way: %w", err)
	}
	return execution.Errorf(execution.Unavailable, "temporal: %w", err)
}

// invalid reports whether Temporal does not understand what was asked.
func invalid(err error) bool {
	_, ok := errors.AsType[*serviceerror.InvalidArgument](err)
	return ok
}
