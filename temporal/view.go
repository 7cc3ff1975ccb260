package temporal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// View tells where the saga of id stands, also one that is over; NotFound if
// there is none, or it is forgotten. While no worker can tell of the steps, they
// are missing.
func (s Sagas) View(ctx context.Context, id execution.ID) (execution.SagaView, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := s.Client.DescribeWorkflowExecution(ctx, string(id), "")
	if err != nil {
		return execution.SagaView{}, kinded(err)
	}
	info := d.GetWorkflowExecutionInfo()
	if info.GetType().GetName() != "Execute" {
		return execution.SagaView{}, execution.Errorf(execution.NotFound, "%s is no saga", id)
	}
	sum := summary(info)
	v := execution.SagaView{Steps: []execution.SagaStep{}, Facts: []execution.SagaFact{}}
	if answer, err := s.Client.QueryWorkflow(ctx, string(id), "", workflows.ViewQuery); err == nil {
		err = answer.Get(&v)
		if err != nil {
			return v, err
		}
	}
	v.ExecutionID, v.UserID, v.StartedAt = id, sum.UserID, sum.StartedAt
	if sum.ClosedAt != nil || v.State == "" { // else it may have closed since
		v.State, v.ClosedAt = sum.State, sum.ClosedAt
	}
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		v.Error = "the saga was ended from outside"
	}
	pending(&v, d.GetPendingActivities())
	return v, nil
}

// pending adds what only Temporal knows: how often the step under way has
// failed, and of what.
func pending(v *execution.SagaView, activities []*workflowpb.PendingActivityInfo) {
	i := slices.IndexFunc(v.Steps, func(s execution.SagaStep) bool { return s.Name == v.CurrentStep })
	if i < 0 {
		return
	}
	for _, a := range activities {
		v.Steps[i].Attempts += max(a.GetAttempt()-1, 0)
		v.Steps[i].Error = a.GetLastFailure().GetMessage()
	}
}

// List returns a page of sagas, the newest first, and the cursor of the next
// page; it is empty after the last. It may be a second behind View.
func (s Sagas) List(ctx context.Context, f execution.SagaFilter) (page []execution.SagaSummary, next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, ok := tokenOf(f.Cursor)
	if !ok {
		return nil, "", execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
	}
	found, err := s.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: int32(f.Limit), NextPageToken: token, Query: queryOf(f),
	})
	if err != nil {
		return nil, "", kinded(err)
	}
	page = make([]execution.SagaSummary, 0, len(found.GetExecutions()))
	for _, info := range found.GetExecutions() {
		page = append(page, summary(info))
	}
	return page, cursorOf(found.GetNextPageToken()), nil
}

// cursorOf is the token of a page, with a part of its digest in front: Temporal
// has no answer to a token that is not its own.
func cursorOf(token []byte) string {
	if len(token) == 0 {
		return ""
	}
	sum := sha256.Sum256(token)
	return base64.RawURLEncoding.EncodeToString(append(sum[:8:8], token...))
}

func tokenOf(cursor string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if cursor == "" || err != nil || len(b) < 8 {
		return nil, cursor == ""
	}
	return b[8:], cursorOf(b[8:]) == cursor
}

// queryOf is f as Temporal's visibility asks.
func queryOf(f execution.SagaFilter) string {
	parts := []string{"WorkflowType = 'Execute'"}
	is := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" = "+quote(value))
		}
	}
	is(workflows.UserAttribute.GetName(), f.UserID)
	is("WorkflowId", string(f.ExecutionID))
	state := workflows.StateAttribute.GetName()
	switch f.State {
	case execution.StateCreated, execution.StateRunning, execution.StateCompensating:
		is("ExecutionStatus", "Running")
		is(state, f.State)
	case execution.StateCompleted:
		is("ExecutionStatus", "Completed")
	case execution.StateCancelled:
		is("ExecutionStatus", "Canceled")
	case execution.StateTimeout:
		parts = append(parts, "(ExecutionStatus = 'TimedOut' OR ExecutionStatus = 'Failed' AND "+state+" = 'timeout')")
	case execution.StateFailed:
		parts = append(parts, "(ExecutionStatus = 'Terminated' OR ExecutionStatus = 'Failed' AND "+state+" != 'timeout')")
	}
	return strings.Join(parts, " AND ")
}

// summary is what Temporal's visibility knows of a saga.
func summary(info *workflowpb.WorkflowExecutionInfo) execution.SagaSummary {
	known := info.GetSearchAttributes()
	s := execution.SagaSummary{
		ExecutionID: execution.ID(info.GetExecution().GetWorkflowId()),
		UserID:      attribute(known, workflows.UserAttribute),
		State:       stateOf(info.GetStatus(), attribute(known, workflows.StateAttribute)),
		Language:    attribute(known, workflows.LanguageAttribute),
		Pool:        attribute(known, workflows.PoolAttribute),
		Priority:    execution.Priority(attribute(known, workflows.PriorityAttribute)),
		StartedAt:   info.GetStartTime().AsTime(),
	}
	if closed := info.GetCloseTime(); closed != nil {
		s.ClosedAt = new(closed.AsTime())
	}
	return s
}

// stateOf is the state of a saga whose workflow has a status, and whose search
// attribute says what it last said.
func stateOf(s enumspb.WorkflowExecutionStatus, said string) string {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return execution.StateCompleted
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return execution.StateCancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return execution.StateTimeout
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		if said == execution.StateTimeout {
			return said
		}
		return execution.StateFailed
	}
	if said == "" {
		return execution.StateRunning
	}
	return said
}

func attribute(all *commonpb.SearchAttributes, key temporal.SearchAttributeKeyKeyword) (value string) {
	if payload := all.GetIndexedFields()[key.GetName()]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &value) // a keyword that is none is empty
	}
	return value
}
