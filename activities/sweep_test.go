package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// ids sorts, because a sweep looks at several at once.
func ids[T any](all []T, id func(T) string) string {
	var names []string
	for _, one := range all {
		if name := id(one); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func same(id execution.ID) string { return string(id) }

func deleted(t execution.Task) string {
	if t.Action != execution.Delete {
		return ""
	}
	return string(t.ExecutionID)
}

func told(e execution.Event) string {
	if e.Outcome == nil {
		return string(e.Type)
	}
	return e.ID + " " + e.UserID + e.Outcome.Message
}

func TestSweepMendsWhatFellThrough(t *testing.T) {
	now := time.Now()
	running, fresh, over := execution.SagaState{Running: true}, execution.SagaState{ClosedAt: now}, execution.SagaState{ClosedAt: now.Add(-time.Hour)}
	held := func(id execution.ID, granted bool, since time.Duration) execution.Held {
		return execution.Held{Capacity: execution.Capacity{ID: id, Pool: "default"}, Granted: granted, Since: now.Add(-since)}
	}
	p := &platform{
		rows: []execution.Execution{
			{ID: "lost"}, {ID: "runs", Status: execution.Running}, {ID: "ending"}, {ID: "killed", UserID: "ann "},
			{ID: "deaf", Status: execution.Queued}, {ID: "waits", Status: execution.Queued}, {ID: "late", Status: execution.Queued},
		},
		entries: []execution.Held{
			held("lost", true, 0), held("runs", true, 0), held("ending", true, 0), held("killed", true, 0),
			held("deaf", true, 0), held("waits", false, time.Minute), held("late", false, 2*time.Hour), held("gone", false, 0),
		},
		policy: execution.PoolPolicy{MaxQueueSeconds: 3600},
		states: map[execution.ID]execution.SagaState{
			"runs": running, "ending": fresh, "killed": over, "deaf": running, "waits": running, "late": running,
		},
		page: 2,
	}
	got, err := p.activities().Sweep(t.Context(), "")
	if want := (Swept{Started: 1, Ended: 1, Released: 3, Woken: 2}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for what, pair := range map[string][2]string{
		"started":  {ids(p.started, same), "lost"},
		"released": {ids(p.released, same), "gone killed lost"},
		"deleted":  {ids(p.sent, deleted), "gone killed killed lost"}, // twice is harmless
		"woken":    {ids(slices.DeleteFunc(p.woken, func(id execution.ID) bool { return id == "x2" || id == "x3" }), same), "deaf late overlooked"},
		"told":     {ids(p.published, told), "killed/saga/execution_error ann the saga of this run was ended from outside"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s; want %s", what, pair[0], pair[1])
		}
	}
}

// The rows of a batch have no sagas until it is their turn.
func TestSweepLeavesBatchesTheirOrder(t *testing.T) {
	running, over := execution.SagaState{Running: true}, execution.SagaState{ClosedAt: time.Now().Add(-time.Hour)}
	item := func(id execution.ID, batch string) execution.Execution {
		return execution.Execution{ID: id, BatchID: batch}
	}
	p := &platform{
		rows: []execution.Execution{
			item("a1", "runs"), item("b1", "lost"), item("b2", "lost"), item("c1", "killed"), item("d1", "cancelled"), item("e1", "refused"),
			{ID: "c2", BatchID: "killed", ParentID: "c0"},
		},
		batches: map[string]execution.Batch{
			"runs": {ID: "runs"}, "lost": {ID: "lost"}, "killed": {ID: "killed"}, "cancelled": {ID: "cancelled", CancelledBy: "bob"},
		},
		states: map[execution.ID]execution.SagaState{"runs": running, "killed": over, "cancelled": over},
	}
	got, err := p.activities().Sweep(t.Context(), "")
	if want := (Swept{Started: 2, Ended: 3}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if started := ids(p.started, same); started != "c2 lost" {
		t.Errorf("started %s", started)
	}
	want := "c1/saga/execution_error its batch was ended from outside d1/saga/execution_cancelled bob e1/saga/execution_error its batch was not accepted"
	if said := ids(p.published, told); said != want {
		t.Errorf("told %s\nwant %s", said, want)
	}
}

// One that cannot be looked at keeps a sweep from nothing else.
func TestSweepGoesOnAfterTrouble(t *testing.T) {
	p := &platform{rows: []execution.Execution{{ID: "bad"}, {ID: "lost"}}, broken: "bad", page: 1}
	got, err := p.activities().Sweep(t.Context(), "")
	if err != nil || got.Started != 1 || !strings.Contains(got.Trouble, "nobody knows") || got.Next != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// A sweep that has no time for all goes on where the one before ended, so that
// those at the end of a long list are not forgotten.
func TestSweepGoesOnWhereItEnded(t *testing.T) {
	p := &platform{page: 10, states: map[execution.ID]execution.SagaState{}}
	for i := range 50 {
		id := execution.ID(fmt.Sprint("x", i))
		p.rows = append(p.rows, execution.Execution{ID: id})
		p.states[id] = execution.SagaState{Running: true}
	}
	delete(p.states, "x45")
	synctest.Test(t, func(t *testing.T) {
		a := p.activities()
		a.Store = slow{p}
		got, err := a.Sweep(t.Context(), "")
		if err != nil || got.Started != 0 || got.Next != "20" {
			t.Errorf("%+v, %v", got, err)
		}
		a.Store = p
		got, err = a.Sweep(t.Context(), got.Next)
		if err != nil || got.Started != 1 || got.Next != "" || !slices.Equal(p.started, []execution.ID{"x45"}) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// slow takes half a minute for a page.
type slow struct{ *platform }

func (s slow) Unfinished(ctx context.Context, before time.Time, cursor string, limit int) ([]execution.Execution, string, error) {
	time.Sleep(30 * time.Second)
	return s.platform.Unfinished(ctx, before, cursor, limit)
}
