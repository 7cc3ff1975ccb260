package execution

import (
	"testing"
	"time"
)

// run has the events of one execution, a second apart.
func run() []Recorded {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var all []Recorded
	add := func(e Event) {
		e.At = at.Add(time.Duration(len(all)) * time.Second)
		all = append(all, Recorded{Event: e, Offset: int64(len(all)), RecordedAt: e.At})
	}
	add(NewEvent("x1", "ann", SourceSaga, ExecutionRequested, at))
	queued := NewEvent("x1", "ann", SourceSaga, ExecutionQueued, at)
	queued.Queue = &Queue{Position: 3}
	add(queued)
	add(NewEvent("x1", "ann", SourceSaga, ExecutionScheduled, at))
	add(NewWaiting("x1", "ann", SourceKube, "ErrImagePull", "", at))
	add(NewEvent("x1", "ann", SourceKube, PodRunning, at))
	e := NewEnding("x1", "ann", SourceKube, Outcome{Status: Failed, ErrorType: "script_error"}, at)
	e.Usage = &Usage{WallSeconds: 1, StartedAt: new(at.Add(3500 * time.Millisecond)), FinishedAt: new(at.Add(4500 * time.Millisecond))}
	add(e)
	add(NewEnding("x1", "ann", SourceSaga, Outcome{Status: Cancelled}, at))
	return all
}

func TestExecutionFollowsFromItsEvents(t *testing.T) {
	events := run()
	second := func(n int) *time.Time { return &events[n].At }
	for n, want := range map[int]Derived{
		1: {Status: Queued},
		2: {Status: Queued, Queue: &Queue{Position: 3}},
		3: {Status: Scheduled, ScheduledAt: second(2)},
		4: {Status: Scheduled, ScheduledAt: second(2), Waiting: events[3].Pod},
		5: {Status: Running, ScheduledAt: second(2), StartedAt: second(4)},
		7: {Status: Failed, ScheduledAt: second(2), StartedAt: events[5].Usage.StartedAt, FinishedAt: events[5].Usage.FinishedAt, Outcome: events[5].Outcome, Usage: events[5].Usage},
	} {
		var once, twice Derived
		for _, e := range events[:n] {
			once.Apply(e)
			twice.Apply(e)
		}
		for _, e := range events[:n] { // as after a crash
			twice.Apply(e)
		}
		if why := once.Differs(want); why != "" || once.ID != "x1" || !once.Whole {
			t.Errorf("after %d events: %s of %+v", n, why, once)
		}
		if why := twice.Differs(want); why != "" {
			t.Errorf("after %d events, twice: %s of %+v", n, why, twice)
		}
	}
	var late Derived // the ending that is first on the partition wins, whichever was seen first
	late.Apply(events[6])
	late.Apply(events[5])
	if late.Whole || late.Status != Failed {
		t.Errorf("%+v", late)
	}
}

// A rebuild never takes a run back, and neither ends one nor takes an ending.
func TestWhatARebuildMends(t *testing.T) {
	at, other := new(time.Unix(1, 0)), new(time.Unix(2, 0))
	tests := []struct {
		name          string
		d, live, want Derived
	}{
		{"behind", Derived{Status: Running, ScheduledAt: at, StartedAt: at}, Derived{Status: Queued, Queue: &Queue{Position: 1}}, Derived{Status: Running, ScheduledAt: at, StartedAt: at}},
		{"ahead", Derived{Status: Scheduled, ScheduledAt: at}, Derived{Status: Running, StartedAt: other}, Derived{Status: Running, StartedAt: other}},
		{"a wrong time", Derived{Status: Running, ScheduledAt: at, StartedAt: at}, Derived{Status: Running, ScheduledAt: other, StartedAt: at}, Derived{Status: Running, ScheduledAt: at, StartedAt: at}},
		{"not ended yet", Derived{Status: Failed, Outcome: &Outcome{Status: Failed}}, Derived{Status: Running}, Derived{Status: Running}},
		{"ended, which no event says", Derived{Status: Running}, Derived{Status: Failed, FinishedAt: at}, Derived{Status: Failed, FinishedAt: at}},
		{"another ending", Derived{Status: Failed, FinishedAt: at, Outcome: &Outcome{Status: Failed}}, Derived{Status: Completed, FinishedAt: other}, Derived{Status: Failed, FinishedAt: at, Outcome: &Outcome{Status: Failed}}},
		{"still in the queue", Derived{Status: Queued}, Derived{Status: Queued, Queue: &Queue{Position: 1}}, Derived{Status: Queued, Queue: &Queue{Position: 1}}},
	}
	for _, tt := range tests {
		if why := tt.d.Mends(tt.live).Differs(tt.want); why != "" {
			t.Errorf("%s: %s", tt.name, why)
		}
	}
}
