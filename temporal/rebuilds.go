package temporal

import (
	"context"
	"errors"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// StartRebuild starts to make a projection anew. While another rebuild of it is
// under way, it is a Conflict; of one that is ending it waits for the end.
func (s Sagas) StartRebuild(ctx context.Context, o execution.RebuildOrder) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.startRebuild(ctx, o)
		if execution.KindOf(err) != execution.Conflict || !s.ending(ctx, rebuildOf(o.Projection)) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ending reports whether a rebuild does nothing but end, or is over: whoever was
// told of its end may ask for the next before its workflow has closed.
func (s Sagas) ending(ctx context.Context, id string) bool {
	d, err := s.Client.DescribeWorkflowExecution(ctx, id, "")
	return err == nil && !slices.ContainsFunc(d.GetPendingActivities(), func(a *workflow.PendingActivityInfo) bool {
		return a.GetActivityType().GetName() != "EndRebuild"
	})
}

func (s Sagas) startRebuild(ctx context.Context, o execution.RebuildOrder) error {
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
