package execution

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func aReplay() Replay {
	return Replay{
		Name: "again", Type: "user", Filter: EventQuery{UserID: "ann"}, Target: ReplayTarget{Kind: "test"},
		Speed: 1, Batch: 100, Skip: true, Attempts: 3,
	}
}

func TestReplayIsValidated(t *testing.T) {
	rules := ReplayRules{
		Prefix: "replay.", Production: []string{"execution_events", "execution_tasks", "execution_tasks.gpu", "dead_letters"},
		URL: func(url string) error {
			if !strings.HasPrefix(url, "https://") {
				return errors.New("an absolute URL")
			}
			return nil
		},
	}
	to := func(topic string) func(*Replay) {
		return func(r *Replay) { r.Target = ReplayTarget{Kind: "kafka", Topic: topic, Partitions: 3} }
	}
	tests := []struct {
		name   string
		change func(*Replay)
		want   string // the fields
	}{
		{"all is well", func(*Replay) {}, ""},
		{"no name", func(r *Replay) { r.Name = "" }, "name"},
		{"two lines", func(r *Replay) { r.Name = "a\nb" }, "name"},
		{"chooses everything", func(r *Replay) { r.Filter, r.Type = EventQuery{}, "recovery" }, "filter"},
		{"too many words", func(r *Replay) { r.Filter.Text = "1 2 3 4 5 6 7 8 9" }, "filter.text"},
		{"no type", func(r *Replay) { r.Type = "some" }, "type"},
		{"another type", func(r *Replay) { r.Type = "execution" }, "filter.execution_id"},
		{"too slow", func(r *Replay) { r.Speed = 0.09 }, "speed_multiplier"},
		{"too fast", func(r *Replay) { r.Speed = 101 }, "speed_multiplier"},
		{"the fastest", func(r *Replay) { r.Speed = 100 }, ""},
		{"no batch", func(r *Replay) { r.Batch = 0 }, "batch_size"},
		{"large batch", func(r *Replay) { r.Batch = 1001 }, "batch_size"},
		{"less than nothing", func(r *Replay) { r.Max = -1 }, "max_events"},
		{"many attempts", func(r *Replay) { r.Attempts = 11 }, "retry_attempts"},
		{"no kind", func(r *Replay) { r.Target.Kind = "path" }, "target.kind"},
		{"a topic of a file", func(r *Replay) { r.Target = ReplayTarget{Kind: "file", Topic: "replay.a"} }, "target.topic"},
		{"a topic", to("replay.a-b_c.9"), ""},
		{"only the prefix", to("replay."), "target.topic"},
		{"another topic", to("events"), "target.topic"},
		{"events", to("execution_events"), "target.topic"},
		{"tasks", to("execution_tasks"), "target.topic"},
		{"tasks of a pool", to("execution_tasks.gpu"), "target.topic"},
		{"tasks of a pool elsewhere", to("execution_tasks.tpu"), "target.topic"},
		{"dead letters", to("dead_letters"), "target.topic"},
		{"upper case", to("replay.A"), "target.topic"},
		{"a path", to("replay./etc"), "target.topic"},
		{"a long name", to("replay." + strings.Repeat("a", 194)), "target.topic"},
		{"many partitions", func(r *Replay) { r.Target = ReplayTarget{Kind: "kafka", Topic: "replay.a", Partitions: 13} }, "target.partitions"},
		{"a receiver", func(r *Replay) { r.Target = ReplayTarget{Kind: "callback", URL: "https://example.org"} }, ""},
		{"no receiver", func(r *Replay) { r.Target = ReplayTarget{Kind: "callback", URL: "file:///etc"} }, "target.url"},
		{"a receiver of a test", func(r *Replay) { r.Target.URL = "https://example.org" }, "target.url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := aReplay()
			tt.change(&r)
			fields, _ := errors.AsType[FieldErrors](r.Validate(rules))
			var got []string
			for _, f := range fields {
				got = append(got, f.Field)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%v, want %q", fields, tt.want)
			}
		})
	}
	r := aReplay()
	r.Target = ReplayTarget{Kind: "callback", URL: "https://example.org"}
	if r.Validate(ReplayRules{Prefix: "replay."}) == nil {
		t.Error("a receiver is accepted where there are no callbacks")
	}
}

// at are events at so many milliseconds.
func at(millis ...int64) (page []Recorded) {
	for i, ms := range millis {
		page = append(page, Recorded{Event: Event{ID: string(rune('a' + i))}, RecordedAt: time.UnixMilli(ms), Offset: int64(i)})
	}
	return page
}

func TestBatchIsCutWhereThereIsAGap(t *testing.T) {
	tests := []struct {
		speed float64
		batch int
		more  bool
		page  []Recorded
		want  int
	}{
		{1, 100, false, at(), 0},
		{1, 100, false, at(0, 100, 999), 3},
		{1, 100, false, at(0, 100, 1000), 2},
		{10, 100, false, at(0, 5000, 9999, 10000), 3},
		{0.5, 100, false, at(0, 499, 500), 2},
		{1, 100, true, at(0, 1, 2), 2}, // the gap after the batch is to be seen
		{1, 100, true, at(0), 1},
		{1, 2, true, at(0, 1, 2), 2},
		{FullSpeed, 100, true, at(0, 1, 1e9), 3},
		{FullSpeed, 2, true, at(0, 1, 1e9), 2},
	}
	for i, tt := range tests {
		r := Replay{Speed: tt.speed, Batch: tt.batch}
		if got := r.Cut(tt.page, tt.more); got != tt.want {
			t.Errorf("%d: %d, want %d", i, got, tt.want)
		}
	}
}

func TestBurstsKeepSmallGaps(t *testing.T) {
	var batch []Sequenced
	for i, e := range at(0, 1, 20, 50, 60, 400) {
		batch = append(batch, Sequenced{Recorded: e, Sequence: int64(i)})
	}
	var got []int
	for _, burst := range (Replay{Speed: 1}).Bursts(batch) {
		got = append(got, len(burst))
	}
	if !slices.Equal(got, []int{3, 2, 1}) {
		t.Error(got)
	}
}

func TestEventsOfAnExecutionAreInTheOrderOfTheirOffsets(t *testing.T) {
	page := []Recorded{
		{Event: Event{ID: "a2", ExecutionID: "a"}, Offset: 12}, {Event: Event{ID: "b1", ExecutionID: "b"}, Offset: 3},
		{Event: Event{ID: "a1", ExecutionID: "a"}, Offset: 11}, {Event: Event{ID: "a0", ExecutionID: "a"}, Offset: 10},
	}
	InOrder(page)
	var got []string
	for _, e := range page {
		got = append(got, e.ID)
	}
	if strings.Join(got, " ") != "a0 b1 a1 a2" {
		t.Error(got)
	}
}

func TestProgressOfAReplay(t *testing.T) {
	r := aReplay()
	r.Status, r.Progress.Total, r.Progress.Replayed, r.Progress.Failed = ReplayRunning, 1000, 390, 10
	r.Place.SinceHandled, r.Place.Since = 200, time.Unix(100, 0)
	r.Progress.UpdatedAt = time.Unix(110, 0)
	if r.Progress.Percentage() != 40 || r.Rate() != 20 || r.ETA() != 30*time.Second {
		t.Errorf("%v %%, %v/s, %v", r.Progress.Percentage(), r.Rate(), r.ETA())
	}
	if r.Status = ReplayPaused; r.Rate() != 0 || r.ETA() != 0 {
		t.Error("one that is paused has a rate")
	}
	r.Batch, r.Max, r.Place.Sequence, r.Speed = 100, 450, 400, 1
	if r.Limit() != 50 {
		t.Errorf("reads %d of the 50 that are left", r.Limit())
	}
}
