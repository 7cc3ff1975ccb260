package web

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

const admin = "/api/v1/admin"

// order asks as an operator.
func order(s *Server, method, path, body string) (int, string) {
	w := ask(s, method, admin+path, body, "User", "op")
	return w.Code, w.Body.String()
}

func TestPoolPolicies(t *testing.T) {
	was := execution.PoolPolicy{Executions: 10, UserRunning: 5, Weights: []execution.Weight{{UserID: "ann", Weight: 2}}, PausedLanguages: []string{"go"}}
	with := func(change func(*execution.PoolPolicy)) execution.PoolPolicy { p := was; change(&p); return p }
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     execution.PoolPolicy
	}{
		{"the whole", "PUT", "", `{"max_executions":3,"weights":[{"user_id":"bob","weight":0.5}]}`, 200, execution.PoolPolicy{Executions: 3, Weights: []execution.Weight{{UserID: "bob", Weight: 0.5}}}},
		{"a part", "PATCH", "", `{"max_executions":3}`, 200, with(func(p *execution.PoolPolicy) { p.Executions = 3 })},
		{"a list", "PATCH", "", `{"weights":[{"user_id":"bob","weight":1}]}`, 200, with(func(p *execution.PoolPolicy) { p.Weights = []execution.Weight{{UserID: "bob", Weight: 1}} })},
		{"too much", "PATCH", "", `{"max_executions":1001}`, 422, was},
		{"too little", "PUT", "", `{"cpu_millis":1}`, 422, was},
		{"an unknown part", "PATCH", "", `{"max_runs":1}`, 400, was},
		{"a part of another type", "PATCH", "", `{"paused":"yes"}`, 400, was},
		{"nothing", "PUT", "", ``, 400, was},
		{"pause", "POST", "/pause", "", 200, with(func(p *execution.PoolPolicy) { p.Paused = true })},
		{"pause a language", "POST", "/pause", `{"language":"py"}`, 200, with(func(p *execution.PoolPolicy) { p.PausedLanguages = []string{"go", "python"} })},
		{"pause an unknown one", "POST", "/pause", `{"language":"cobol"}`, 422, was},
		{"resume a language that runs", "POST", "/resume", `{"language":"python"}`, 200, was},
		{"resume what runs", "POST", "/resume", ``, 200, was},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, g := serve(nil)
			q := s.Policies.(*queue)
			q.policy, q.granted = was, []execution.ID{"x7"}
			q.policy.Weights, q.policy.PausedLanguages = slices.Clone(was.Weights), slices.Clone(was.PausedLanguages)
			code, body := order(s, tt.method, "/pools/default"+tt.path, tt.body)
			if diff := cmp.Diff(tt.want, q.policy); code != tt.status || diff != "" {
				t.Errorf("%d %s %s", code, body, diff)
			}
			if (len(g.woken) == 1) != (tt.status == 200) {
				t.Errorf("woken: %v", g.woken)
			}
		})
	}
	s, _, _ := serve(nil)
	if code, body := order(s, "POST", "/pools/gpu/pause", ""); code != 404 {
		t.Errorf("a pool that is not there: %d %s", code, body)
	}
	if code, body := order(s, "POST", "/queue/pause", ""); code != 200 || !s.Policies.(*queue).policy.Paused || !strings.Contains(body, `"pools":[{"pool":"default"`) {
		t.Errorf("all: %d %s", code, body)
	}
	if code, body := order(s, "GET", "/queue", ""); code != 200 || !strings.Contains(body, `"paused":true`) {
		t.Errorf("status: %d %s", code, body)
	}
}

func TestReprioritise(t *testing.T) {
	waiting := func() (*Server, *memory, *sagas, *queue) {
		s, m, g := serve(nil)
		m.set("x1", func(x *execution.Execution) {
			x.Status, x.Priority, x.Pool = execution.Queued, execution.Normal, "default"
		})
		q := s.Queue.(*queue)
		q.place = &execution.Queue{Position: 1}
		return s, m, g, q
	}
	s, m, g, q := waiting()
	q.granted = []execution.ID{"x1"}
	code, body := order(s, "PUT", "/executions/x1/priority", `{"priority":"high"}`)
	events := s.Bus.(*bus).events
	if code != 200 || q.moved != execution.High || m.rows["x1"].Priority != execution.High || len(g.woken) != 1 || !strings.Contains(body, `"priority":"high"`) {
		t.Errorf("%d %s, moved to %s, woken %v", code, body, q.moved, g.woken)
	}
	if len(events) != 1 || events[0].Type != execution.ExecutionReprioritised || events[0].Request.Priority != execution.High || events[0].UserID != "ann" || !strings.HasPrefix(events[0].ID, "x1/web/execution_reprioritised/") {
		t.Errorf("told %+v", events)
	}
	s, _, _, q = waiting()
	q.place = nil
	if code, body := order(s, "PUT", "/executions/x1/priority", `{"priority":"high"}`); code != 409 || q.moved != "" {
		t.Errorf("it waits for its time only: %d %s", code, body)
	}
	s, m, _, q = waiting()
	m.set("x1", func(x *execution.Execution) { x.Status = execution.Running })
	if code, body := order(s, "PUT", "/executions/x1/priority", `{"priority":"high"}`); code != 409 || q.moved != "" || !strings.Contains(body, "running") {
		t.Errorf("it runs: %d %s", code, body)
	}
	s, _, _, q = waiting()
	q.err = execution.Errorf(execution.Conflict, "it waits no more")
	if code, body := order(s, "PUT", "/executions/x1/priority", `{"priority":"high"}`); code != 409 {
		t.Errorf("it got capacity meanwhile: %d %s", code, body)
	}
	if code, body := order(s, "PUT", "/executions/x1/priority", `{"priority":"urgent"}`); code != 422 {
		t.Errorf("%d %s", code, body)
	}
}

func TestDrop(t *testing.T) {
	s, m, g := serve(nil)
	if code, _ := order(s, "POST", "/executions/x1/drop", `{"reason":"enough"}`); code != 409 || g.calls != nil {
		t.Errorf("it runs: %d", code)
	}
	m.set("x1", func(x *execution.Execution) { x.Status = execution.Queued })
	s.Queue.(*queue).place = &execution.Queue{Position: 1}
	if code, body := order(s, "POST", "/executions/x1/drop", `{"reason":"enough"}`); code != 202 || m.rows["x1"].CancelledBy != "op" || m.rows["x1"].CancelReason != "enough" {
		t.Errorf("%d %s", code, body)
	}
	m.set("x1", end)
	if code, body := order(s, "POST", "/executions/x1/drop", ""); code != 409 || !strings.Contains(body, "has ended") {
		t.Errorf("%d %s", code, body)
	}
}

// Another who changes a policy at once is not undone: the change is made again,
// on what is there then, and what was read before is not written into.
func TestPolicyIsChangedOnWhatIsThere(t *testing.T) {
	s, _, _ := serve(nil)
	s.Policies = &twice{}
	if code, body := order(s, "PATCH", "/pools/default", `{"weights":[{"user_id":"bob","weight":1}]}`); code != 200 {
		t.Errorf("%d %s", code, body)
	}
}

// twice lets a change be made on two states, and looks at the first one again.
type twice struct{ queue }

func (q *twice) SetPolicy(_ context.Context, _ string, change func(*execution.PoolPolicy) error) ([]execution.ID, error) {
	first := execution.PoolPolicy{Executions: 1, Weights: []execution.Weight{{UserID: "ann", Weight: 7}}}
	second := execution.PoolPolicy{Executions: 2}
	p := first
	if err := change(&p); err != nil {
		return nil, err
	}
	if err := change(&second); err != nil {
		return nil, err
	}
	if first.Weights[0].UserID != "ann" || second.Executions != 2 || second.Weights[0].UserID != "bob" {
		return nil, execution.Errorf(execution.Internal, "%+v, %+v", first, second)
	}
	return nil, nil
}
