package web

import (
	"context"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

// rebuilder has both projections, and may have a rebuild under way.
type rebuilder struct {
	order     execution.RebuildOrder
	cancelled string
	err       error
}

func (r *rebuilder) Projections(context.Context) (all []execution.Projection, err error) {
	for _, k := range execution.ProjectionKinds {
		all = append(all, execution.Projection{ProjectionKind: k, Documents: 7, Rebuild: &execution.Rebuild{Phase: execution.PhaseFill, Done: 5, Total: 10}})
	}
	return all, r.err
}

func (r *rebuilder) StartRebuild(_ context.Context, o execution.RebuildOrder) error {
	r.order = o
	return r.err
}

func (r *rebuilder) CancelRebuild(_ context.Context, name string) error {
	r.cancelled = name
	return r.err
}

func (s *Server) withRebuilder() *rebuilder {
	r := &rebuilder{}
	s.Projections, s.Rebuilder = r, r
	return r
}

func TestProjectionsAreShownAndRebuilt(t *testing.T) {
	s, _, _ := serve(nil)
	r := s.withRebuilder()
	const path = "/api/v1/admin/projections"
	if w := ask(s, "GET", path, "", "User", "op"); w.Code != 200 || strings.Count(w.Body.String(), `"percent":50`) != 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if p := read[execution.Projection](t, ask(s, "GET", path+"/executions", "", "User", "op")); p.Name != "executions" || p.Documents != 7 || p.Rebuild.Done != 5 {
		t.Errorf("%+v", p)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		want       execution.RebuildOrder
	}{
		{"executions", "", 202, execution.RebuildOrder{Projection: "executions", Source: "store", By: "op"}},
		{"executions", `{"from":"kafka","dry_run":true}`, 202, execution.RebuildOrder{Projection: "executions", Source: "kafka", DryRun: true, By: "op"}},
		{"events", "", 202, execution.RebuildOrder{Projection: "events", Source: "kafka", By: "op"}},
		{"events", `{"from":"store"}`, 422, execution.RebuildOrder{}},
		{"executions", `{"from":"paper"}`, 422, execution.RebuildOrder{}},
		{"pods", "", 404, execution.RebuildOrder{}},
		{"executions", `{"to":"x"}`, 400, execution.RebuildOrder{}},
	} {
		r.order = execution.RebuildOrder{}
		w := ask(s, "POST", path+"/"+tt.name+"/rebuild", tt.body, "User", "op")
		if id := r.order.ID; (id != "") != (tt.status == 202) || id != "" && !strings.Contains(w.Body.String(), id) {
			t.Errorf("%s %s: %q, %s", tt.name, tt.body, id, w.Body)
		}
		if r.order.ID = ""; w.Code != tt.status || r.order != tt.want {
			t.Errorf("%s %s: %d, asked for %+v", tt.name, tt.body, w.Code, r.order)
		}
	}
	if w := ask(s, "POST", path+"/events/cancel", "", "User", "op"); w.Code != 202 || r.cancelled != "events" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.err = execution.Errorf(execution.Conflict, "a rebuild of events is under way")
	if w := ask(s, "POST", path+"/events/rebuild", "", "User", "op"); w.Code != 409 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.err = execution.Errorf(execution.NotFound, "no saga under way")
	for name, want := range map[string]int{"events": 409, "pods": 404} {
		if w := ask(s, "POST", path+"/"+name+"/cancel", "", "User", "op"); w.Code != want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
