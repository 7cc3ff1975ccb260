package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codesaga/codesaga/execution"
)

func TestSchedulesAreKept(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	c := execution.Schedule{
		ID: "s1", UserID: "ann", Name: "nightly", Cron: "0 3 * * *", TimeZone: "Europe/Vienna", Overlap: "queue", CatchUpSeconds: 60, CreatedAt: noon,
		Template: execution.Execution{UserID: "ann", Language: "python", Input: execution.Input{Script: "print(1)"}, Limits: execution.Limits{MemoryBytes: 1 << 20}},
	}
	must(t, s.CreateSchedule(ctx, c))
	again := c
	again.Name = "other"
	must(t, s.CreateSchedule(ctx, again))
	got, err := s.Schedule(ctx, "s1")
	if diff := cmp.Diff(c, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	for i := range 3 {
		must(t, s.CreateSchedule(ctx, execution.Schedule{ID: fmt.Sprint("later", i), UserID: "ann", CreatedAt: noon.Add(time.Duration(i+1) * time.Second)}))
	}
	all, err := s.Schedules(ctx, "ann")
	if err != nil || len(all) != 4 || all[0].ID != "later2" || all[3].ID != "s1" || all[3].Template.Input.Script != "" || all[3].Template.Language != "python" {
		t.Errorf("%+v, %v", all, err)
	}
	if none, err := s.Schedules(ctx, "bob"); len(none) != 0 || err != nil {
		t.Errorf("of another: %+v, %v", none, err)
	}
	if all, err := s.Schedules(ctx, ""); len(all) != 4 || err != nil {
		t.Errorf("of all: %d, %v", len(all), err)
	}
	must(t, s.DeleteSchedule(ctx, "s1"))
	must(t, s.DeleteSchedule(ctx, "s1"))
	if _, err := s.Schedule(ctx, "s1"); execution.KindOf(err) != execution.NotFound {
		t.Errorf("deleted: %v", err)
	}
}
