package execution

import (
	"testing"
	"time"
)

func TestFactsImplyWhatCameBefore(t *testing.T) {
	all := []Fact{Started, Finished, Stored, Gone}
	implied := map[Fact]string{ // in the order of all
		Started: "x...", Finished: "xx..", Stored: "xxx.",
		Gone: "...x", // after a cancel nothing is stored, and a pod that never was is gone, too
	}
	for f, want := range implied {
		for i, g := range all {
			if got := f.Implies(g); got != (want[i] == 'x') {
				t.Errorf("%s.Implies(%s) = %t", f, g, got)
			}
		}
	}
}

func TestReports(t *testing.T) {
	event := func(source string, typ EventType) Event { return NewEvent("x1", "ann", source, typ, time.Now()) }
	ending := func(source string, s Status) Event {
		return NewEnding("x1", "ann", source, Outcome{Status: s}, time.Now())
	}
	terminated := event(SourceKube, PodTerminated)
	terminated.Usage = &Usage{CPUSeconds: 1}
	tests := []struct {
		event Event
		fact  Fact
		ok    bool
	}{
		{event(SourceKube, PodCreated), "", false},
		{event(SourceKube, PodScheduled), "", false},
		{event(SourceKube, PodRunning), Started, true},
		{ending(SourceKube, Completed), Finished, true},
		{ending(SourceKube, Errored), Finished, true},
		{event(SourceResults, ResultStored), Stored, true},
		{terminated, "", true}, // no ending, so nothing will be stored because of it
		{event(SourceKube, PodTerminated), "", false},
		{event(SourceKube, PodDeleted), Gone, true},
		{ending(SourceSaga, Cancelled), Finished, false}, // its own words
		{event(SourceKube, "not_yet_invented"), "", false},
	}
	for _, tt := range tests {
		t.Run(tt.event.ID, func(t *testing.T) {
			if got, ok := tt.event.Report(); got.Fact != tt.fact || ok != tt.ok {
				t.Errorf("%+v, %t; want %q, %t", got, ok, tt.fact, tt.ok)
			}
		})
	}
}

func TestEachTerminalStatusHasAnEnding(t *testing.T) {
	seen := map[EventType]bool{}
	for _, s := range []Status{Completed, Failed, TimedOut, Cancelled, Errored} {
		e := NewEnding("x1", "ann", SourceKube, Outcome{Status: s}, time.Now())
		if want := EventType("execution_" + s); e.Type != want || seen[e.Type] || e.Outcome.Status != s {
			t.Errorf("%s is told by %q", s, e.Type)
		}
		seen[e.Type] = true
	}
}
