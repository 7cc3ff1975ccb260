package temporal

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// StartRebuild starts to make a projection anew. While another rebuild of it is
// under way, it is a Conflict.
func (s Sagas) StartRebuild(ctx context.Context, o execution.RebuildOrder) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: rebuildOf(o.Projection), TaskQueue: workflows.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true, // else the run under way would be the answer
	}, workflows.Rebuild, o)
	if _, running := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); running {
		return execution.Errorf(execution.Conflict, "a rebuild of %s is under way", o.Projection)
	}
	return kinded(err)
}

// CancelRebuild asks for the end of the rebuild of a projection that is under
// way. It is NotFound if there is none.
func (s Sagas) CancelRebuild(ctx context.Context, projection string) error {
	return s.Cancel(ctx, execution.ID(rebuildOf(projection)))
}

// rebuildOf is the ID of the workflow of rebuilds of a projection: there is one
// at a time.
func rebuildOf(projection string) string { return "codesaga-rebuild-" + projection }
