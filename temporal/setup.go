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
// as far as they are missing, and says what it made. A dry run only says what it
// would make.
func Setup(ctx context.Context, c client.Client, namespace string, dry bool) (changes []string, err error) {
	s := setup{Client: c, namespace: namespace, dry: dry}
	for _, step := range []func(context.Context) ([]string, error){s.inNamespace, s.attributes, s.sweep} {
		changed, err := step(ctx)
		changes = append(changes, changed...)
		if err != nil {
			return changes, fmt.Errorf("temporal: %w", err)
		}
	}
	return changes, nil
}

// setup is one run of Setup.
type setup struct {
	client.Client
	namespace string
	dry       bool
	absent    bool // a dry run found no namespace: nothing can be in it
}

func (s *setup) inNamespace(ctx context.Context) ([]string, error) {
	change := []string{fmt.Sprintf("created namespace %s of Temporal (closed sagas are kept for %s)", s.namespace, retention)}
	if s.dry {
		_, err := s.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.namespace})
		if _, s.absent = errors.AsType[*serviceerror.NamespaceNotFound](err); s.absent {
			return change, nil
		}
		return nil, err
	}
	_, err := s.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: s.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention), Description: "executions of codesaga",
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); there {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return change, nil
}

func (s *setup) attributes(ctx context.Context) (changes []string, err error) {
	var have *operatorservice.ListSearchAttributesResponse
	if !s.absent {
		err = eventually(ctx, func() error {
			have, err = s.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.namespace})
			return err
		})
	}
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
	if len(missing) == 0 || s.dry {
		return changes, nil
	}
	_, err = s.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: s.namespace, SearchAttributes: missing})
	return changes, err
}

func (s *setup) sweep(ctx context.Context) (changes []string, err error) {
	change := fmt.Sprintf("created schedule %s (every %s)", sweepID, sweepEvery)
	if s.dry {
		_, err := s.ScheduleClient().GetHandle(ctx, sweepID).Describe(ctx)
		if _, missing := errors.AsType[*serviceerror.NotFound](err); s.absent || missing {
			return []string{change}, nil
		}
		return nil, err
	}
	err = eventually(ctx, func() error {
		_, err := s.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID:      sweepID,
			Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: sweepEvery}}},
			Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: sweepEvery, // the next one sees it all
			Action: &client.ScheduleWorkflowAction{ID: sweepID, Workflow: workflows.Sweep, TaskQueue: workflows.TaskQueue},
		})
		if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			return nil
		}
		if err == nil {
			changes = append(changes, change)
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
