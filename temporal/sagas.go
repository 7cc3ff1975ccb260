// Package temporal is the door to Temporal for those who need not know what a
// workflow is.
package temporal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       string(x.ID),
		TaskQueue:                workflows.TaskQueue,
		EnableEagerStart:         true, // a worker in this process gets the first task with the answer
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		Priority:                 temporal.Priority{PriorityKey: x.Priority.Level(), FairnessKey: fairnessKey(x.UserID)},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.StatusAttribute.ValueSet(string(execution.Queued)),
			workflows.UserAttribute.ValueSet(x.UserID),
			workflows.LanguageAttribute.ValueSet(x.Language),
			workflows.PoolAttribute.ValueSet(x.Pool),
			workflows.PriorityAttribute.ValueSet(string(x.Priority)),
		),
	}, workflows.Execute, input(x))
	if _, over := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); over {
		return nil
	}
	return kinded(err)
}

// fairnessKey fits the 64 bytes that Temporal allows for one.
func fairnessKey(user string) string {
	if len(user) <= 64 {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:])
}

func input(x execution.Execution) workflows.Input {
	sum := sha256.Sum256([]byte(x.Input.Script))
	return workflows.Input{
		Capacity: execution.CapacityOf(x),
		Request: execution.Request{
			Language: x.Language, Version: x.Version, ScriptSHA256: hex.EncodeToString(sum[:]),
			Priority: x.Priority, Pool: x.Pool, Limits: x.Limits, Attempt: x.Attempt,
		},
		CorrelationID: x.CorrelationID,
	}
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

// State tells whether there is a saga of id, and since when it is over. None is
// NotFound.
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
