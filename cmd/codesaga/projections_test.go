package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

func TestOrderOfProjections(t *testing.T) {
	const usual = "codesaga"
	tests := []struct {
		args     string
		verb     string
		want     projectionsOrder
		database string
	}{
		{"list", "list", projectionsOrder{}, usual},
		{"status -json -mongo-database x", "status", projectionsOrder{}, "x"},
		{"rebuild executions -from kafka -dry-run", "rebuild", projectionsOrder{name: "executions", from: "kafka", dryRun: true}, usual},
		{"rebuild --from=store -mongo-database x --detach executions", "rebuild", projectionsOrder{name: "executions", from: "store", detach: true}, "x"},
		{"cancel -mongo-database=x events", "cancel", projectionsOrder{name: "events"}, "x"},
		{"rebuild -local-images executions", "rebuild", projectionsOrder{name: "executions"}, usual},
	}
	for _, tt := range tests {
		o := order{name: "projections"}
		c, err := loadFor(&o, strings.Fields(tt.args), func(name string) string {
			return map[string]string{"CODESAGA_FROM": "store", "CODESAGA_DRY_RUN": "true"}[name] // are no settings
		}, io.Discard)
		if err == nil {
			err = o.valid()
		}
		if err != nil || o.verb() != tt.verb || o.projections != tt.want || c.Database != tt.database || o.inJSON != strings.Contains(tt.args, "-json") {
			t.Errorf("%s: %+v, %v", tt.args, o, err)
		}
	}
}

// shelf has a rebuild that goes on, step by step, each time it is looked at.
type shelf struct {
	steps []execution.Rebuild
	order execution.RebuildOrder
	gone  string
	err   error
}

func (s *shelf) Projections(context.Context) ([]execution.Projection, error) {
	var all []execution.Projection
	for _, k := range execution.ProjectionKinds {
		p := execution.Projection{ProjectionKind: k, Documents: 7}
		if k.Name == execution.ExecutionsProjection && len(s.steps) > 0 {
			r := s.steps[0]
			r.ID = s.order.ID
			p.Rebuild = &r
			s.steps = slices.Delete(slices.Clone(s.steps), 0, min(1, len(s.steps)-1))
		}
		all = append(all, p)
	}
	return all, nil
}

func (s *shelf) StartRebuild(_ context.Context, o execution.RebuildOrder) error {
	s.order = o
	return s.err
}

func (s *shelf) CancelRebuild(_ context.Context, name string) error {
	s.gone = name
	return s.err
}

func (s *shelf) do(ctx context.Context, verb string, p projectionsOrder) (string, error) {
	var out strings.Builder
	err := projectionsDoer{book: s, rebuilder: s, out: &out}.do(ctx, verb, p)
	return out.String(), err
}

func TestProjectionsInAShell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := execution.Rebuild{Status: execution.RebuildRunning, Phase: execution.PhaseFill, Done: 500, Total: 1000, PerSecond: 250}
		last := execution.Rebuild{Status: execution.RebuildCompleted, Phase: execution.PhaseDone, Source: "store", Done: 1000, Total: 1000, PerSecond: 250}
		last.Compared, last.Equal, last.Differences = 9, new(false), 1
		last.Examples = []execution.Difference{{ID: "x1", Why: "status"}}
		s := &shelf{steps: []execution.Rebuild{step, step, last}}
		out, err := s.do(t.Context(), "rebuild", projectionsOrder{name: "executions"})
		for _, want := range []string{"fill: 500 of 1000 events, 50 %, 250 events/s, about 2s left", "from store: completed", "compared 9 documents (0 cannot be): 1 differ", "x1: status"} {
			if err != nil || strings.Count(out, want) != 1 {
				t.Errorf("%v, %q is not in\n%s", err, want, out)
			}
		}
		if s.order.Projection != "executions" || s.order.Source != "store" || s.order.By == "" {
			t.Errorf("%+v", s.order)
		}
		if out, err := s.do(t.Context(), "list", projectionsOrder{}); err != nil || strings.Count(out, "\n") != 2 {
			t.Errorf("%v, %s", err, out)
		}
		last.Status, last.Error = execution.RebuildFailed, "no disk"
		s.steps = []execution.Rebuild{last}
		if _, err := s.do(t.Context(), "rebuild", projectionsOrder{name: "executions"}); err == nil || !strings.Contains(err.Error(), "failed no disk") {
			t.Error(err)
		}
		if out, err := s.do(t.Context(), "status", projectionsOrder{name: "executions"}); err != nil || !strings.Contains(out, "failed no disk") || strings.Contains(out, "events:") {
			t.Errorf("%v, %s", err, out)
		}
		s.steps = []execution.Rebuild{step}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := s.do(ctx, "rebuild", projectionsOrder{name: "executions"}); err == nil || !strings.Contains(err.Error(), "goes on") {
			t.Error(err)
		}
		if out, err := s.do(t.Context(), "rebuild", projectionsOrder{name: "events", detach: true}); err != nil || !strings.Contains(out, s.order.ID) || s.order.Source != "kafka" {
			t.Errorf("%v, %s", err, out)
		}
		s.err = execution.Errorf(execution.Conflict, "one is under way")
		for _, verb := range []string{"rebuild", "cancel"} {
			if _, err := s.do(t.Context(), verb, projectionsOrder{name: "events"}); execution.KindOf(err) != execution.Conflict {
				t.Errorf("%s: %v", verb, err)
			}
		}
	})
}
