package temporal

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/workflows"
)

// WakeRedrive has the workflow of a dead letter look at it: the one that is under
// way, or a new one. One that finds nothing to do ends.
func (s Sagas) WakeRedrive(ctx context.Context, letter string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := "redrive-" + letter
	_, err := s.Client.SignalWithStartWorkflow(ctx, id, workflows.RedriveSignal, nil, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.Redrive, workflows.RedriveInput{LetterID: letter})
	return kinded(err)
}
