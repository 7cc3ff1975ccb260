package temporal

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/workflows"
)

// redriveOf is the ID of the workflow of a dead letter.
func redriveOf(letterID string) string { return "redrive-" + letterID }

// WakeRedrive lets the workflow of a dead letter know that something happened to
// it. If there is none under way, a new one begins. One that finds nothing to do
// ends.
func (s Sagas) WakeRedrive(ctx context.Context, letterID string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.Client.SignalWithStartWorkflow(ctx, redriveOf(letterID), workflows.RedriveSignal, nil, client.StartWorkflowOptions{
		ID: redriveOf(letterID), TaskQueue: workflows.TaskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.Redrive, workflows.RedriveInput{LetterID: letterID})
	return kinded(err)
}
