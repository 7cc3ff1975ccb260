package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

var errDown = errors.New("the database is away")

// workshop has one rebuild, a log of two partitions, a store with the same
// events, and fails after so many fills.
type workshop struct {
	r        *execution.Rebuild
	log      [][]execution.Recorded // by partition
	filled   map[string]int         // how often, by the ID of the event
	order    []string
	failing  int // fills until one fails; 0: none does
	live     int // how many more events come at each look
	suspects []execution.Difference
	heal     int // rechecks until nothing differs
	swapped  int
	dies     int // swaps until one dies; 0: none does
	saved    int
}

func (w *workshop) BeginRebuild(_ context.Context, r execution.Rebuild) error {
	w.r = &r
	return nil
}

func (w *workshop) Rebuild(context.Context, string) (execution.Rebuild, error) {
	if w.r == nil {
		return execution.Rebuild{}, execution.Errorf(execution.NotFound, "none")
	}
	r := *w.r
	r.Checkpoint.Extents = slices.Clone(r.Checkpoint.Extents)
	return r, nil
}

func (w *workshop) SaveRebuild(_ context.Context, r execution.Rebuild) error {
	r.Checkpoint.Extents = slices.Clone(r.Checkpoint.Extents)
	w.r = &r
	w.saved++
	return nil
}

func (w *workshop) EndRebuild(_ context.Context, _, status, cause string) error {
	if w.r == nil {
		return execution.Errorf(execution.NotFound, "none")
	}
	w.r.Status, w.r.Error = status, cause
	return nil
}

func (w *workshop) Fill(_ context.Context, _ execution.Rebuild, events []execution.Recorded) error {
	if w.failing--; w.failing == 0 {
		return errDown
	}
	for _, e := range events {
		w.filled[e.ID]++
		w.order = append(w.order, e.ID)
	}
	return nil
}

func (w *workshop) Compare(context.Context, execution.Rebuild, func(int64)) (execution.Comparison, []execution.Difference, error) {
	return execution.Comparison{Compared: 9, Differences: int64(len(w.suspects))}, w.suspects, nil
}

func (w *workshop) Recheck(_ context.Context, _ execution.Rebuild, some []execution.Difference) ([]execution.Difference, error) {
	if w.heal--; w.heal == 0 {
		return nil, nil
	}
	return some, nil
}

func (w *workshop) Swap(context.Context, execution.Rebuild, func(int64)) (int64, error) {
	w.swapped++
	w.order = append(w.order, "swap")
	w.grow()
	if w.dies--; w.dies == 0 {
		return 0, errDown // it was done, and nobody knows
	}
	return 3, nil
}

// grow has more events come.
func (w *workshop) grow() {
	for range w.live {
		w.add(0)
	}
}

func (w *workshop) add(partition int) {
	n := len(w.log[partition])
	e := execution.Recorded{Partition: partition, Offset: int64(n), RecordedAt: time.Unix(int64(n*10+partition), 0)}
	e.ID = fmt.Sprintf("%d/%d", partition, n)
	w.log[partition] = append(w.log[partition], e)
}

func (w *workshop) Extents(context.Context) (all []execution.Extent, err error) {
	for p, events := range w.log {
		all = append(all, execution.Extent{Partition: p, End: int64(len(events))})
	}
	w.grow()
	return all, nil
}

func (w *workshop) Read(ctx context.Context, x execution.Extent, do func(context.Context, []execution.Recorded, int64, int64) error) error {
	for next := x.Next; next < x.End; {
		to := min(next+2, x.End)
		if err := do(ctx, w.log[x.Partition][next:to], to, 0); err != nil {
			return err
		}
		next = to
	}
	return nil
}

func (w *workshop) EachEvent(_ context.Context, since time.Time, do func([]execution.Recorded) error) error {
	all := slices.Concat(w.log...)
	slices.SortFunc(all, func(a, b execution.Recorded) int { return a.RecordedAt.Compare(b.RecordedAt) })
	all = slices.DeleteFunc(all, func(e execution.Recorded) bool { return e.RecordedAt.Before(since) })
	for some := range slices.Chunk(all, 2) {
		if err := do(some); err != nil {
			return err
		}
	}
	return nil
}

func (w *workshop) CountEvents(context.Context, execution.EventQuery) (int64, error) {
	return int64(len(slices.Concat(w.log...))), nil
}

// shop has a workshop with 5 events in each of two partitions, and the
// activities that work there.
func shop(t *testing.T, source, projection string) (*workshop, func(activity any, args ...any) error) {
	t.Helper()
	w := &workshop{log: make([][]execution.Recorded, 2), filled: map[string]int{}}
	for range 5 {
		w.add(0)
		w.add(1)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	a := &Activities{Rebuilds: w, Shadows: w, EventLog: w, EventStore: w}
	do := func(activity any, args ...any) error {
		env := suite.NewTestActivityEnvironment()
		env.RegisterActivity(a)
		_, err := env.ExecuteActivity(activity, args...)
		return err
	}
	if err := do(a.BeginRebuild, execution.RebuildOrder{ID: "r1", Projection: projection, Source: source, By: "op"}); err != nil {
		t.Fatal(err)
	}
	if w.r.Total != 10 || w.r.Status != execution.RebuildRunning || w.r.Shadow != projection+"_shadow_r1" {
		t.Fatalf("%+v", w.r)
	}
	return w, do
}

// A fill that breaks off goes on at its checkpoint: nothing is missing, and not
// all is read again.
func TestFillGoesOnWhereItBrokeOff(t *testing.T) {
	var a *Activities
	for _, source := range []string{execution.FromKafka, execution.FromStore} {
		w, do := shop(t, source, execution.ExecutionsProjection)
		w.failing = 4
		if err := do(a.FillRebuild, "r1"); err == nil {
			t.Fatal("it did not break off")
		}
		was := w.r.Done
		if was == 0 || was == 10 || w.r.Phase != execution.PhaseFill {
			t.Errorf("%s: %+v", source, w.r)
		}
		w.order = nil
		if err := do(a.FillRebuild, "r1"); err != nil {
			t.Fatal(err)
		}
		if len(w.filled) != 10 || w.r.Done != 10 || w.r.Percent() != 100 || w.r.PerSecond <= 0 || w.r.Phase != execution.PhaseCompare {
			t.Errorf("%s: %d events, %+v", source, len(w.filled), w.r)
		}
		if source == execution.FromKafka && len(w.order) != 10-int(was) {
			t.Errorf("after %d events it read %d", was, len(w.order))
		}
	}
}

// What differs because it is on its way is no difference.
func TestComparisonWaitsForWhatIsOnItsWay(t *testing.T) {
	var a *Activities
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			heal, suspects int
			left           int64
			took           time.Duration
		}{{3, 2, 0, 3 * time.Second}, {0, 30, 30, 40 * time.Second}, {0, 0, 0, 0}} {
			w, do := shop(t, execution.FromKafka, execution.ExecutionsProjection)
			w.heal, w.live = tt.heal, 1
			for i := range tt.suspects {
				w.suspects = append(w.suspects, execution.Difference{ID: fmt.Sprint(i), Why: "status"})
			}
			start := time.Now()
			if err := do(a.CompareRebuild, "r1"); err != nil {
				t.Fatal(err)
			}
			if w.r.Differences != tt.left || *w.r.Equal != (tt.left == 0) || len(w.r.Examples) != min(int(tt.left), 20) || w.r.Compared != 9 || time.Since(start) != tt.took {
				t.Errorf("%+v after %s", w.r.Comparison, time.Since(start))
			}
			if tt.suspects > 0 && w.filled["0/6"] != 1 { // it came meanwhile
				t.Errorf("it did not catch up: %v", w.filled)
			}
		}
	})
}

// What came until after the swap is in what was swapped; done again, nothing is
// swapped twice.
func TestSwapCatchesUp(t *testing.T) {
	var a *Activities
	for _, projection := range []string{execution.EventsProjection, execution.ExecutionsProjection} {
		w, do := shop(t, execution.FromKafka, projection)
		w.live = 1
		for range 2 {
			if err := do(a.SwapRebuild, "r1"); err != nil {
				t.Fatal(err)
			}
		}
		if w.swapped != 1 || w.r.Repaired != 3 || !w.r.Checkpoint.Swapped {
			t.Errorf("%d swaps, %+v", w.swapped, w.r)
		}
		if _, there := w.filled["0/7"]; there != (projection == execution.EventsProjection) { // it came during the swap
			t.Errorf("%s: %v", projection, w.filled)
		}
	}
}

// Who dies after the swap, before that is noted, fills nothing into a shadow
// that is no more.
func TestSwapThatDies(t *testing.T) {
	var a *Activities
	w, do := shop(t, execution.FromKafka, execution.EventsProjection)
	w.live, w.dies = 1, 1
	if err := do(a.SwapRebuild, "r1"); err == nil {
		t.Fatal("it did not die")
	}
	w.order = nil
	if err := do(a.SwapRebuild, "r1"); err != nil || w.order[0] != "swap" || !w.r.Checkpoint.Swapped || w.filled["0/7"] != 1 {
		t.Errorf("%v, %v", err, w.order)
	}
}

func TestEndOfARebuild(t *testing.T) {
	var a *Activities
	w, do := shop(t, execution.FromStore, execution.ExecutionsProjection)
	if err := do(a.EndRebuild, "r1", execution.RebuildFailed, "no disk"); err != nil || w.r.Status != execution.RebuildFailed || w.r.Error != "no disk" {
		t.Errorf("%v, %+v", err, w.r)
	}
	w.r = nil // it never began
	if err := do(a.EndRebuild, "r1", execution.RebuildFailed, ""); err != nil {
		t.Error(err)
	}
}
