package temporal

import (
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// schedule makes one that never fires by itself while a test runs.
func (w *world) schedule(t *testing.T, overlap, language string) execution.Schedule {
	t.Helper()
	s := execution.Schedule{
		ID: string(execution.NewID()), UserID: "cron-" + string(execution.NewID()), Name: "nightly", Cron: "0 3 1 1 *", TimeZone: "Europe/Vienna",
		Overlap: overlap, CatchUpSeconds: 3600, Template: execution.Execution{Language: language, Pool: "default", Priority: execution.Normal},
	}
	w.set(func() { w.scheduled[s.ID] = s })
	for range 2 { // the second time it is there
		if err := w.schedules.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSchedule(t *testing.T) {
	w, ctx := open(t)
	s := w.schedule(t, "skip", "quick")
	state, err := w.schedules.State(ctx, s.ID)
	if err != nil || state.Paused || len(state.NextRuns) == 0 || len(state.RecentRuns) != 0 {
		t.Fatalf("%+v, %v", state, err)
	}
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	if at := state.NextRuns[0].In(vienna); at.Hour() != 3 || at.YearDay() != 1 {
		t.Errorf("it is due at %s", at)
	}
	if err := w.schedules.Pause(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.schedules.Trigger(ctx, s.ID); err != nil { // also while it is paused
		t.Fatal(err)
	}
	becomes(t, ctx, func() (bool, any) {
		state, err = w.schedules.State(ctx, s.ID)
		return err == nil && len(state.RecentRuns) == 1 && state.Paused, state
	})
	var x execution.Execution
	becomes(t, ctx, func() (bool, any) {
		x, err = w.Get(ctx, state.RecentRuns[0].ExecutionID)
		return err == nil, err
	})
	if x.UserID != s.UserID || x.ScheduleID != s.ID {
		t.Errorf("%+v", x)
	}
	w.state(t, ctx, x.ID, execution.StateCompleted)
	if err := w.schedules.Resume(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	becomes(t, ctx, func() (bool, any) { // the list is a little behind
		states, err := w.schedules.States(ctx, s.UserID)
		one, there := states[s.ID]
		return err == nil && there && len(states) == 1 && !one.Paused && len(one.RecentRuns) == 1 && len(one.NextRuns) > 0, states
	})
	if states, err := w.schedules.States(ctx, ""); err != nil || len(states[s.ID].NextRuns) == 0 {
		t.Errorf("of everybody: %v, %v", states, err)
	}
	for range 2 {
		if err := w.schedules.Delete(ctx, s.ID); err != nil {
			t.Error(err)
		}
	}
	becomes(t, ctx, func() (bool, any) {
		_, err := w.schedules.State(ctx, s.ID)
		return execution.KindOf(err) == execution.NotFound, err
	})
	if err := w.schedules.Pause(ctx, s.ID); execution.KindOf(err) != execution.NotFound {
		t.Errorf("of a schedule that is not there: %v", err)
	}
}

func TestScheduleWithoutAMeaningIsRefused(t *testing.T) {
	w, ctx := open(t)
	for _, cron := range []string{"99 * * * *", "* * * 13 *"} {
		s := execution.Schedule{ID: string(execution.NewID()), UserID: "ann", Cron: cron, TimeZone: "UTC", Overlap: "skip", CatchUpSeconds: 60}
		if err := w.schedules.Create(ctx, s); execution.KindOf(err) != execution.Invalid {
			t.Errorf("%s: %v", cron, err)
		}
	}
}

// EX-31: what happens when it is time and the run before has not ended.
func TestOverlap(t *testing.T) {
	tests := []struct {
		overlap string
		begun   int    // executions, after the second trigger
		first   string // what becomes of the first, without anybody's doing
		then    int    // executions, when the first has been cancelled
	}{
		{"skip", 1, execution.StateRunning, 1},
		{"queue", 1, execution.StateRunning, 2},
		{"cancel_previous", 2, execution.StateCancelled, 2},
	}
	for _, tt := range tests {
		t.Run(tt.overlap, func(t *testing.T) {
			w, ctx := open(t)
			s := w.schedule(t, tt.overlap, "slow")
			count := func() (all []execution.ID) {
				defer w.lock()()
				for _, id := range w.order {
					if w.rows[id].ScheduleID == s.ID {
						all = append(all, id)
					}
				}
				return all
			}
			trigger := func(want int) {
				t.Helper()
				if err := w.schedules.Trigger(ctx, s.ID); err != nil {
					t.Fatal(err)
				}
				becomes(t, ctx, func() (bool, any) { return len(count()) == want, count() })
			}
			trigger(1)
			first := count()[0]
			w.state(t, ctx, first, execution.StateRunning)
			time.Sleep(1100 * time.Millisecond) // two in one second are one
			trigger(tt.begun)
			w.state(t, ctx, first, tt.first)
			if tt.first == execution.StateRunning {
				time.Sleep(time.Second) // for one that must not begin
				if err := w.sagas.Cancel(ctx, first); err != nil {
					t.Fatal(err)
				}
			}
			w.state(t, ctx, first, execution.StateCancelled)
			becomes(t, ctx, func() (bool, any) { return len(count()) == tt.then, count() })
			for _, id := range count()[1:] {
				w.state(t, ctx, id, execution.StateRunning)
				if err := w.sagas.Cancel(ctx, id); err != nil {
					t.Error(err)
				}
			}
			if err := w.schedules.Delete(ctx, s.ID); err != nil {
				t.Error(err)
			}
		})
	}
}
