package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codesaga/codesaga/execution"
)

// The report says what the runs say of themselves, one by one.
func TestUsageIsTheSumOfTheRuns(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	day := time.Date(2026, 11, 20, 23, 59, 0, 0, time.UTC)
	at := func(minutes float64) *time.Time {
		return new(day.Add(time.Duration(minutes * float64(time.Minute))))
	}
	runs := []execution.Execution{
		{UserID: "ann", Language: "python", Status: execution.Completed, CreatedAt: day, ScheduledAt: at(0.05), FinishedAt: at(0.5),
			Limits: execution.Limits{MemoryBytes: 1 << 30}, Usage: &execution.Usage{WallSeconds: 2, CPUSeconds: 1.5}},
		{UserID: "ann", Language: "go", Status: execution.Failed, CreatedAt: day, NotBefore: at(1), ScheduledAt: at(1.1), FinishedAt: at(2),
			Limits: execution.Limits{MemoryBytes: 256 << 20}, Usage: &execution.Usage{WallSeconds: 1, CPUSeconds: 0.25, CompileWall: 3, CompileCPU: 4}},
		{UserID: "bob", Language: "python", Status: execution.Completed, CreatedAt: day, ScheduledAt: at(-1), FinishedAt: at(3), // clocks differ
			Limits: execution.Limits{MemoryBytes: 128 << 20}, Usage: &execution.Usage{WallSeconds: 0.5, CPUSeconds: 0.5}},
		{UserID: "bob", Language: "python", Status: execution.Cancelled, CreatedAt: day, FinishedAt: at(4), Limits: execution.Limits{MemoryBytes: 128 << 20}}, // never began
		{UserID: "ann", Language: "python", Status: execution.Completed, CreatedAt: day, FinishedAt: at(60 * 24)},                                             // too late
		{UserID: "ann", Language: "python", Status: execution.Running, CreatedAt: day, StartedAt: at(1)},                                                      // not yet
	}
	want := map[string]map[string]execution.UsageRow{"day": {}, "language": {}, "user": {}}
	for i := range runs {
		x := &runs[i]
		x.ID = execution.NewID()
		must(t, s.Create(ctx, *x))
		if i >= 4 {
			continue
		}
		one := execution.UsageRow{Runs: 1, ByStatus: map[execution.Status]int64{x.Status: 1}}
		if u := x.Usage; u != nil {
			one.CPUSeconds, one.WallSeconds = u.CPUSeconds+u.CompileCPU, u.WallSeconds+u.CompileWall
		}
		one.GiBSeconds, _ = x.GiBSeconds()
		one.QueueSeconds, _ = x.QueueSeconds()
		for by, key := range map[string]string{"day": x.FinishedAt.Format(time.DateOnly), "language": x.Language, "user": x.UserID} {
			row := want[by][key]
			row.Key = key
			row.Add(one)
			want[by][key] = row
		}
	}
	for by, rows := range want {
		got, err := s.Usage(ctx, execution.UsageFilter{From: day, To: day.Add(time.Hour), GroupBy: by})
		must(t, err)
		if len(got) != len(rows) {
			t.Errorf("by %s: %d rows, want %d", by, len(got), len(rows))
		}
		for i, row := range got {
			if i > 0 && got[i-1].Key >= row.Key {
				t.Errorf("%s after %s", row.Key, got[i-1].Key)
			}
			if diff := cmp.Diff(rows[row.Key], row, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("by %s: %s", by, diff)
			}
		}
	}
	mine, err := s.Usage(ctx, execution.UsageFilter{UserID: "bob", From: day, To: day.Add(time.Hour), GroupBy: "user"})
	if err != nil || len(mine) != 1 || mine[0].Key != "bob" || mine[0].Runs != 2 {
		t.Errorf("of bob: %+v, %v", mine, err)
	}
}
