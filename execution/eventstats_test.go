package execution

import (
	"testing"
	"time"
)

func TestSpreadOfNumbers(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[len(hundred)-1-i] = float64(i + 1)
	}
	for _, tt := range []struct {
		numbers []float64
		want    Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{1, 3, 3, 3}},
		{[]float64{4, 2}, Spread{2, 3, 2, 4}},
		{hundred, Spread{100, 50.5, 50, 95}},
	} {
		if got := SpreadOf(tt.numbers); got != tt.want {
			t.Errorf("%+v, want %+v", got, tt.want)
		}
	}
}

func TestHoursAddUp(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	one, two := HourStats{Hour: noon}, HourStats{Hour: noon.Add(time.Hour)}
	one.Add(ExecutionError, SourceSaga, "a.b", 1)
	one.Add(ExecutionCompleted, SourceKube, "ann", 2)
	two.Add(ExecutionFailed, SourceKube, "ann", 1)
	two.Add(PodCreated, SourceKube, "a.b", 5)
	s := SumHours([]HourStats{one, two})
	if s.Total != 9 || s.Endings != 4 || s.Errors != 1 || s.ErrorRate != 0.25 || s.ByService[SourceKube] != 8 || s.ByType[PodCreated] != 5 {
		t.Errorf("%+v", s)
	}
	if len(s.TopUsers) != 2 || s.TopUsers[0] != (EventUser{"a.b", 6}) || s.ByHour[1] != (HourCount{two.Hour, 6}) {
		t.Errorf("%+v", s)
	}
	for i := range 20 {
		one.Add(PodCreated, SourceKube, string(rune('a'+i)), int64(i))
	}
	if s = SumHours([]HourStats{one}); len(s.TopUsers) != 10 || s.TopUsers[0].UserID != "t" {
		t.Errorf("%+v", s.TopUsers)
	}
}
