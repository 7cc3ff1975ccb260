package web

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// ofAGroup are the routes that are about one batch or schedule.
var ofAGroup = []struct{ method, path, body string }{
	{"GET", "/api/v1/batches/ID", ""},
	{"GET", "/api/v1/batches/ID/items", ""},
	{"GET", "/api/v1/batches/ID/stream", ""},
	{"POST", "/api/v1/batches/ID/cancel", ""},
	{"GET", "/api/v1/schedules/ID", ""},
	{"POST", "/api/v1/schedules/ID/pause", ""},
	{"POST", "/api/v1/schedules/ID/resume", ""},
	{"POST", "/api/v1/schedules/ID/trigger", ""},
	{"DELETE", "/api/v1/schedules/ID", ""},
}

// groups keeps batches and schedules, and runs them; it fails with err.
type groups struct {
	*memory
	mu        sync.Mutex
	batches   map[string]execution.Batch
	started   []string // and cancelled and so on, with a word in front
	over      bool     // no workflow of a batch is found
	schedules map[string]execution.Schedule
	clocks    map[string]execution.ScheduleState
	log       []execution.Delivery
	usage     []execution.UsageRow
	asked     execution.UsageFilter
	err       error
}

// withGroups gives s such, over what m keeps.
func (s *Server) withGroups(m *memory) *groups {
	g := &groups{memory: m, batches: map[string]execution.Batch{}, schedules: map[string]execution.Schedule{}, clocks: map[string]execution.ScheduleState{}}
	s.Batches, s.BatchBook, s.BatchMarks, s.BatchSagas, s.Accounts, s.Callbacks, s.Deliverer = g, g, g, g, g, g, g
	s.Schedules, s.Clock, s.ClockHands = g, (*clock)(g), (*clock)(g)
	return g
}

func (g *groups) note(word, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.started = append(g.started, word+" "+id)
	return g.err
}

func (g *groups) CreateBatch(ctx context.Context, b execution.Batch, items []execution.Execution) (execution.Batch, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if was, ok := g.batches[b.ID]; ok {
		return was, nil
	}
	for _, x := range items {
		_ = g.Create(ctx, x)
	}
	b.Stored = true
	g.batches[b.ID] = b
	return b, g.memory.err
}

func (g *groups) RemoveBatch(_ context.Context, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.batches, id)
	for _, x := range g.rows {
		if x.BatchID == id {
			delete(g.rows, x.ID)
		}
	}
	return nil
}

func (g *groups) Batch(_ context.Context, id string) (execution.Batch, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b, ok := g.batches[id]; ok {
		return b, nil
	}
	return execution.Batch{}, execution.Errorf(execution.NotFound, "nothing")
}

func (g *groups) Batches(_ context.Context, user, _ string, _ int) (page []execution.Batch, next string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.batches {
		if user == "" || b.UserID == user {
			page = append(page, b)
		}
	}
	return page, "", g.memory.err
}

func (g *groups) OpenBatches(ctx context.Context, user string) ([]execution.Batch, error) {
	all, _, err := g.Batches(ctx, user, "", 0)
	return slices.DeleteFunc(all, func(b execution.Batch) bool { return b.End != nil }), err
}

func (g *groups) BatchRows(_ context.Context, id string) (rows []execution.Execution, err error) {
	g.memory.mu.Lock()
	defer g.memory.mu.Unlock()
	for _, x := range g.rows {
		if x.BatchID == id {
			rows = append(rows, x)
		}
	}
	slices.SortFunc(rows, func(a, b execution.Execution) int { return int(a.BatchIndex - b.BatchIndex) })
	return rows, nil
}

func (g *groups) BatchStates(ctx context.Context, id string) (states []execution.BatchState, err error) {
	rows, err := g.BatchRows(ctx, id)
	for _, x := range rows {
		states = append(states, execution.BatchState{Index: x.BatchIndex, Status: x.Status, Passed: x.Passed()})
	}
	return states, err
}

func (g *groups) SetBatchCancel(_ context.Context, id, by, reason string) error {
	b := g.batches[id]
	b.CancelledBy, b.CancelReason = by, reason
	g.batches[id] = b
	return nil
}

func (g *groups) SetBatchEnd(_ context.Context, id string, end execution.BatchTally) error {
	b := g.batches[id]
	b.End = &end
	g.batches[id] = b
	return nil
}

func (g *groups) StartBatch(_ context.Context, b execution.Batch) error { return g.note("start", b.ID) }

func (g *groups) CancelBatch(_ context.Context, id string) error {
	if err := g.note("cancel", id); g.over {
		return execution.Errorf(execution.NotFound, "%v", err)
	}
	return g.err
}

func (g *groups) Usage(_ context.Context, f execution.UsageFilter) ([]execution.UsageRow, error) {
	g.asked = f
	return g.usage, g.err
}

func (g *groups) Deliveries(context.Context, execution.ID) ([]execution.Delivery, error) {
	return g.log, g.err
}

func (g *groups) StartCallback(_ context.Context, id execution.ID, n int) error {
	return g.note("start", string(id)+" "+string(rune('0'+n)))
}

func (g *groups) HurryCallback(_ context.Context, id execution.ID, n int) error {
	if err := g.note("hurry", string(id)+" "+string(rune('0'+n))); g.over {
		return execution.Errorf(execution.NotFound, "%v", err)
	}
	return g.err
}

func (g *groups) CreateSchedule(_ context.Context, c execution.Schedule) error {
	if _, ok := g.schedules[c.ID]; !ok && g.memory.err == nil {
		g.schedules[c.ID] = c
	}
	return g.memory.err
}

func (g *groups) Schedule(_ context.Context, id string) (execution.Schedule, error) {
	if c, ok := g.schedules[id]; ok {
		return c, nil
	}
	return execution.Schedule{}, execution.Errorf(execution.NotFound, "nothing")
}

func (g *groups) Schedules(_ context.Context, user string) (all []execution.Schedule, err error) {
	for _, c := range g.schedules {
		if user == "" || c.UserID == user {
			all = append(all, c)
		}
	}
	return all, nil
}

func (g *groups) DeleteSchedule(_ context.Context, id string) error {
	delete(g.schedules, id)
	return nil
}

// clock is what runs schedules.
type clock groups

func (g *clock) Create(_ context.Context, c execution.Schedule) error {
	if _, ok := g.clocks[c.ID]; !ok && g.err == nil {
		g.clocks[c.ID] = execution.ScheduleState{NextRuns: []time.Time{time.Unix(60, 0)}}
	}
	return g.err
}

func (g *clock) Delete(_ context.Context, id string) error {
	delete(g.clocks, id)
	return nil
}

func (g *clock) State(_ context.Context, id string) (execution.ScheduleState, error) {
	if state, ok := g.clocks[id]; ok {
		return state, nil
	}
	return execution.ScheduleState{}, execution.Errorf(execution.NotFound, "nothing")
}

func (g *clock) States(context.Context, string) (map[string]execution.ScheduleState, error) {
	return g.clocks, g.err
}

func (g *clock) Pause(_ context.Context, id string) error {
	g.clocks[id] = execution.ScheduleState{Paused: true}
	return g.err
}

func (g *clock) Resume(_ context.Context, id string) error {
	g.clocks[id] = execution.ScheduleState{}
	return g.err
}

func (g *clock) Trigger(_ context.Context, id string) error {
	s := g.clocks[id]
	s.RecentRuns = append(s.RecentRuns, execution.ScheduledRun{ExecutionID: "x9", At: time.Unix(1, 0)})
	g.clocks[id] = s
	return g.err
}

// What is another's does not exist, in the words for what does not exist.
func TestOthersSeeNoGroups(t *testing.T) {
	for _, route := range ofAGroup {
		s, m, _ := serve(nil)
		g := s.withGroups(m)
		g.batches["g2"] = execution.Batch{ID: "g2", UserID: "bob", Items: 1, CreatedAt: time.Unix(0, 0)}
		m.rows["i1"] = execution.Execution{ID: "i1", BatchID: "g2", Status: execution.Running}
		g.schedules["g2"] = execution.Schedule{ID: "g2", UserID: "bob"}
		g.clocks["g2"] = execution.ScheduleState{}
		at := func(id string) string { return strings.Replace(route.path, "ID", id, 1) }
		theirs, none := ask(s, route.method, at("g2"), route.body), ask(s, route.method, at("g3"), route.body)
		if a, b := read[Problem](t, theirs), read[Problem](t, none); theirs.Code != 404 || none.Code != 404 || strings.Replace(a.Detail, "g2", "g3", 1) != b.Detail {
			t.Errorf("%s %s: %d, %+v differs from %+v", route.method, route.path, theirs.Code, a, b)
		}
		if w := ask(s, route.method, at("g2"), route.body, "User", "nobody"); w.Code != 401 {
			t.Errorf("%s %s: %d to nobody", route.method, route.path, w.Code)
		}
		m.set("i1", end)
		if strings.HasSuffix(route.path, "cancel") {
			m.set("i1", func(x *execution.Execution) { x.Status = execution.Running })
		}
		if w := ask(s, route.method, at("g2"), route.body, "User", "op"); w.Code >= 300 {
			t.Errorf("%s %s: %d %s to an operator", route.method, route.path, w.Code, w.Body)
		}
	}
}
