package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	enumspb "go.temporal.io/api/enums/v1"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// Search attributes of a saga, all of them keywords: "codesaga setup" makes
// them known to the namespace.
var (
	StatusAttribute   = temporal.NewSearchAttributeKeyKeyword("CodesagaStatus")
	StateAttribute    = temporal.NewSearchAttributeKeyKeyword("CodesagaSagaState")
	UserAttribute     = temporal.NewSearchAttributeKeyKeyword("CodesagaUser")
	LanguageAttribute = temporal.NewSearchAttributeKeyKeyword("CodesagaLanguage")
	PoolAttribute     = temporal.NewSearchAttributeKeyKeyword("CodesagaPool")
	PriorityAttribute = temporal.NewSearchAttributeKeyKeyword("CodesagaPriority")
)

// Attributes are those that the saga of b begins with, whoever starts it.
func Attributes(b execution.Brief) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		StatusAttribute.ValueSet(string(execution.Queued)),
		StateAttribute.ValueSet(execution.StateCreated),
		UserAttribute.ValueSet(b.Capacity.UserID),
		LanguageAttribute.ValueSet(b.Request.Language),
		PoolAttribute.ValueSet(b.Capacity.Pool),
		PriorityAttribute.ValueSet(string(b.Capacity.Priority)),
	)
}

// Urgency is how Temporal orders the tasks of the saga of b.
func Urgency(b execution.Brief) temporal.Priority {
	return temporal.Priority{PriorityKey: b.Capacity.Priority.Level(), FairnessKey: fairnessKey(b.Capacity.UserID)}
}

// fairnessKey fits the 64 bytes that Temporal allows for one.
func fairnessKey(user string) string {
	if len(user) <= 64 {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:])
}

// execute runs the saga of b for the workflow of ctx, and tells how its
// execution ended; see statusOf. One that was started by somebody else is not
// started again.
func execute(ctx workflow.Context, b execution.Brief, whenClosed enumspb.ParentClosePolicy) workflow.ChildWorkflowFuture {
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            string(b.Capacity.ID),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WaitForCancellation:   true,
		ParentClosePolicy:     whenClosed,
		Priority:              Urgency(b),
		TypedSearchAttributes: Attributes(b),
	}), Execute, b)
}
