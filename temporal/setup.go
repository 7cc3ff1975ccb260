package temporal

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/codesaga/codesaga/workflows"
)

const (
	// retention is how long closed sagas can be inspected.
	retention = 7 * 24 * time.Hour
	// sweepID names the schedule of sweeps, and its workflows.
	sweepID    = "codesaga-sweep"
	sweepEvery = time.Minute
	// known is how long a new namespace may take to be known to all parts of
	// a Temporal cluster: its registries are refreshed every ten seconds.
	known = 30 * time.Second
)

// Setup makes the namespace, its search attributes and the schedule of sweeps
// as far as they are missing, and says what it made.
func Setup(ctx context.Context, c client.Client, namespace string) (changes []string, err error) {
	steps := []func(context.Context, client.Client, string) ([]string, error){setupNamespace, setupAttributes, setupSweep}
	for _, step := range steps {
		changed, err := step(ctx, c, namespace)
		changes = append(changes, changed...)
		if err != nil {
			return changes, fmt.Errorf("temporal: %w", err)
		}
	}
	return changes, nil
}

func setupNamespace(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention), Description: "executions of codesaga",
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); there {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("created namespace %s of Temporal (closed sagas are kept for %s)", namespace, retention)}, nil
}

func setupAttributes(ctx context.Context, c client.Client, namespace string) (changes []string, err error) {
	var have *operatorservice.ListSearchAttributesResponse
	err = eventually(ctx, func() error {
		have, err = c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		return err
	})
	if err != nil {
		return nil, err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKeyKeyword{
		workflows.StatusAttribute, workflows.StateAttribute, workflows.UserAttribute, workflows.LanguageAttribute, workflows.PoolAttribute, workflows.PriorityAttribute,
	} {
		switch t, there := have.GetCustomAttributes()[key.GetName()]; {
		case !there:
			missing[key.GetName()] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
			changes = append(changes, "added search attribute "+key.GetName())
		case t != enumspb.INDEXED_VALUE_TYPE_KEYWORD:
			return nil, fmt.Errorf("search attribute %s is of type %s, not a keyword", key.GetName(), t)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	return changes, err
}

func setupSweep(ctx context.Context, c client.Client, _ string) (changes []string, err error) {
	err = eventually(ctx, func() error {
		_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID:      sweepID,
			Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: sweepEvery}}},
			Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: sweepEvery, // the next one sees it all
			Action: &client.ScheduleWorkflowAction{ID: sweepID, Workflow: workflows.Sweep, TaskQueue: workflows.TaskQueue},
		})
		if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			return nil
		}
		if err == nil {
			changes = append(changes, fmt.Sprintf("created schedule %s (every %s)", sweepID, sweepEvery))
		}
		return err
	})
	return changes, err
}

// eventually tries do until a new namespace is known everywhere.
func eventually(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, known)
	defer cancel()
	for {
		err := do()
		if err == nil {
			return nil
		}
		if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err); !unknown {
			if _, unknown := errors.AsType[*serviceerror.NotFound](err); !unknown {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
