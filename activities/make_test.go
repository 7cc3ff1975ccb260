package activities

import (
	"reflect"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Made twice it is the same execution.
func TestRetryIsTheSameRequestOfTheSameUser(t *testing.T) {
	id := execution.NewID()
	x := execution.Execution{
		ID: id, UserID: "ann", Language: "python", Version: "3.11", Program: execution.Program{Image: "python"}, Input: execution.Input{Script: "print(1)"},
		Priority: execution.High, Pool: "gpu", Labels: []execution.Pair{{Name: "a"}}, Attempt: 2, ParentID: "before", Interactive: true,
		Egress: []execution.Egress{{CIDR: "192.0.2.0/24"}}, Retry: execution.RetryPolicy{MaxAttempts: 3}, CallbackURL: "https://example.org",
		NotBefore: new(time.Now()), BatchID: "b1", BatchIndex: 4, Expected: &execution.Expected{Stdout: "1"}, CorrelationID: "c1",
		Status: execution.Errored, CreatedAt: time.Now().Add(-time.Hour), CancelledBy: "bob", Outcome: &execution.Outcome{}, Output: &execution.Output{},
	}
	p := &platform{rows: []execution.Execution{x}}
	for range 2 {
		b, err := p.activities().RetryExecution(t.Context(), id)
		if err != nil || b.Capacity.ID != execution.DerivedID(id, "retry") || b.Request.Attempt != 3 || !b.Awaited {
			t.Fatalf("%+v, %v", b, err)
		}
	}
	if len(p.rows) != 2 {
		t.Fatalf("%d rows", len(p.rows))
	}
	y := p.rows[1]
	if y.CreatedAt.Before(time.Now().Add(-time.Minute)) {
		t.Errorf("created at %s", y.CreatedAt)
	}
	want := x
	want.ID, want.ParentID, want.Attempt, want.NotBefore, want.Status, want.CreatedAt = y.ID, id, 3, nil, execution.Queued, y.CreatedAt
	want.CancelledBy, want.Outcome, want.Output = "", nil, nil
	if !reflect.DeepEqual(y, want) {
		t.Errorf("got  %+v\nwant %+v", y, want)
	}
}

func TestScheduledExecutionIsThatOfItsTime(t *testing.T) {
	p := &platform{schedules: map[string]execution.Schedule{"s1": {ID: "s1", UserID: "ann", Template: execution.Execution{Language: "bash", Pool: "default"}}}}
	const fire = "fire-s1-2026-03-29T01:30:00Z"
	for range 2 {
		if _, err := p.activities().MakeScheduled(t.Context(), "s1", fire); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.rows) != 1 {
		t.Fatalf("%d rows", len(p.rows))
	}
	x := p.rows[0]
	if x.ID != execution.ScheduledID(fire) || x.UserID != "ann" || x.ScheduleID != "s1" || x.Language != "bash" || x.Attempt != 1 || x.Status != execution.Queued || x.CreatedAt.IsZero() {
		t.Errorf("made %+v", x)
	}
	if _, err := p.activities().MakeScheduled(t.Context(), "s2", fire); execution.KindOf(err) != execution.NotFound {
		t.Errorf("of a schedule that was deleted: %v", err)
	}
}

func TestItemsOfABatch(t *testing.T) {
	p := &platform{batches: map[string]execution.Batch{"b1": {ID: "b1", UserID: "ann", CancelledBy: "bob", CancelReason: "enough"}}}
	for i := range int32(9) {
		x := execution.Execution{ID: execution.NewID(), BatchID: "b1", BatchIndex: i, UserID: "ann", Status: execution.Queued, Input: execution.Input{Script: "x"}}
		if i == 2 || i == 3 {
			x.Status = execution.Cancelled
		}
		p.rows = append(p.rows, x)
	}
	a := p.activities()
	if items, err := a.BatchItems(t.Context(), "b1", 2, 2); err != nil || len(items) != 2 || items[0].Number != 4 || items[0].Capacity.ID != p.rows[4].ID || items[0].Request.ScriptSHA256 == "" {
		t.Errorf("%+v, %v", items, err)
	}
	if items, err := a.BatchItems(t.Context(), "b1", 9, 2); err != nil || len(items) != 0 {
		t.Errorf("behind the last: %+v, %v", items, err)
	}
	p.rows[8].CancelledBy, p.rows[8].CancelReason = "cid", "not this"
	n, err := a.EndItems(t.Context(), "b1", 3)
	if err != nil || n != 5 || len(p.published) != 5 || p.published[0].ExecutionID != p.rows[4].ID {
		t.Fatalf("ended %d, %v: %+v", n, err, p.published)
	}
	for i, want := range map[int]string{0: "bob enough", 4: "cid not this"} {
		if o := p.published[i].Outcome; o.Status != execution.Cancelled || o.Message+" "+o.Reason != want {
			t.Errorf("told %+v, want %s", o, want)
		}
	}
	p.batches["b1"] = execution.Batch{ID: "b1", UserID: "ann"}
	if _, err := a.EndItems(t.Context(), "b1", 7); err != nil || p.published[5].Outcome.Message != "ann" || p.published[5].Outcome.Reason == "" {
		t.Errorf("stopped by a failure: %+v, %v", p.published[5].Outcome, err)
	}
}
