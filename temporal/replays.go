package temporal

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// replayOf is the ID of the workflow of a session.
func replayOf(id string) string { return "replay-" + id }

// GoReplay has the session id go on: its workflow, or a new one if there is none
// or it has ended. One that finds nothing to do ends.
func (s Sagas) GoReplay(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.Client.SignalWithStartWorkflow(ctx, replayOf(id), workflows.ReplaySignal, nil, client.StartWorkflowOptions{
		ID: replayOf(id), TaskQueue: workflows.TaskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.Replay, workflows.ReplayInput{SessionID: id})
	return kinded(err)
}

// TellReplay lets the workflow of the session id, if there is one under way,
// know that something was asked of it.
func (s Sagas) TellReplay(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := kinded(s.Client.SignalWorkflow(ctx, replayOf(id), "", workflows.ReplaySignal, nil))
	if execution.KindOf(err) == execution.NotFound {
		return nil
	}
	return err
}
