package activities

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Wherever a worker dies, each event comes to the target once.
func TestReplaySurvivesACrashAnywhere(t *testing.T) {
	for _, kind := range []string{"kafka", "file"} {
		for _, where := range []string{"Replay", "Begin", "Browse", "Claim", "Write", "Failures", "Advance", "Advanced", "End"} {
			for _, when := range []int{1, 2, 7} {
				t.Run(fmt.Sprint(kind, " ", where, " ", when), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := newStudio(95, kind)
						s.crash[where] = when
						crashes := s.run(t)
						s.once(t, 95)
						s.expect(t, execution.ReplayCompleted, 95, 0, 0)
						if kind == "kafka" && where == "Advance" && (crashes < 1 || s.scans != 1) {
							t.Errorf("%d crashes, and %d looks at the target", crashes, s.scans)
						}
					})
				})
			}
		}
	}
}

// A write that was under way when its worker died is waited for.
func TestWhatMayStillArriveIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(20, "kafka")
		s.r.Status = execution.ReplayRunning
		s.r.Place.Offsets, s.r.Place.Claim = []int64{0}, &execution.ReplayClaim{Token: "dead", At: time.Now()}
		a := &Activities{Replaying: &Replaying{Sessions: s, Log: s, Failures: s, Events: s, Topics: s}}
		if _, err := a.ReplayBatch(t.Context(), "r1"); execution.KindOf(err) != execution.Unavailable || len(s.target) > 0 {
			t.Fatalf("%v, wrote %d", err, len(s.target))
		}
		time.AfterFunc(replayWriting, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for i, e := range s.events[:10] {
				s.target = append(s.target, execution.Sequenced{Recorded: e, Sequence: int64(i)})
			}
		})
		s.bad["none"] = true // the order is that of who is dead
		s.run(t)
		s.once(t, 20)
	})
}

func TestEventsThatCannotBeWrittenAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(50, "kafka")
		s.bad["e00003"], s.bad["e00044"] = true, true
		s.run(t)
		s.once(t, 48)
		s.expect(t, execution.ReplayCompleted, 48, 2, 0)
		delete(s.bad, "e00044") // an operator mends it, and asks for another try
		s.r.Status, s.r.Place.Retrying, s.r.Place.Round = execution.ReplayScheduled, true, 1
		s.run(t)
		s.once(t, 49)
		s.expect(t, execution.ReplayCompleted, 49, 1, 0)
		if e := s.target[48]; e.ID != "e00044" || e.Sequence < 40 || s.failures[0].Round != 1 {
			t.Errorf("%+v %+v", e, s.failures)
		}
		s.events = slices.DeleteFunc(s.events, func(e execution.Recorded) bool { return e.ID == "e00003" }) // it was too old
		s.r.Status, s.r.Place.Retrying, s.r.Place.Round = execution.ReplayScheduled, true, 2
		s.run(t)
		s.expect(t, execution.ReplayCompleted, 49, 0, 1)
	})
}

func TestReplayStopsAtAnErrorAndGoesOnBehindIt(t *testing.T) {
	for _, where := range []string{"", "Advance", "Write"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStudio(50, "kafka")
			s.r.Skip, s.bad["e00023"], s.crash[where] = false, true, 3
			s.run(t)
			if s.r.Status != execution.ReplayFailed || !strings.Contains(s.r.Error, "e00023") || s.r.Progress.Failed != 1 || len(s.target) > 24 {
				t.Fatalf("%s %q %+v, wrote %d", s.r.Status, s.r.Error, s.r.Progress, len(s.target))
			}
			s.r.Status = execution.ReplayScheduled // resumed
			s.run(t)
			s.once(t, 49)
			s.expect(t, execution.ReplayCompleted, 49, 1, 0)
		})
	}
}

func TestFailedEventsAreTriedAgainByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(50, "kafka")
		s.r.Retry, s.bad["e00003"] = true, true
		s.crash["Advance"] = 6 // while one is tried again
		s.run(t)
		s.once(t, 49)
		s.expect(t, execution.ReplayCompleted, 49, 1, 0)
		if s.r.Place.Round != 3 || s.failures[0].Round != 3 {
			t.Errorf("%+v %+v", s.r.Place, s.failures)
		}
	})
}

func TestReplayIsBoundedAndCountsWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(50, "kafka")
		s.r.Max, s.r.Progress.Total = 25, 25
		s.run(t)
		s.once(t, 25)
		s.expect(t, execution.ReplayCompleted, 25, 0, 0)
		s = newStudio(50, "test")
		s.r.Progress.Total = 60 // ten were too old when it was their turn
		s.run(t)
		s.expect(t, execution.ReplayCompleted, 50, 0, 10)
	})
}

func TestReceiverIsToldInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(25, "callback")
		s.answer = execution.BadAnswer
		s.run(t)
		s.expect(t, execution.ReplayCompleted, 0, 25, 0)
		s.answer, s.bodies = "", nil
		s.r.Status, s.r.Place.Retrying, s.r.Place.Round = execution.ReplayScheduled, true, 1
		s.run(t)
		s.expect(t, execution.ReplayCompleted, 25, 0, 0)
		if len(s.bodies) != 3 || !strings.HasPrefix(s.bodies[0], `replay/r1/0/1 {"type":"replay.events","replay_session_id":"r1","events":[{"id":"e0000`) {
			t.Errorf("%d: %.200s", len(s.bodies), s.bodies)
		}
	})
}

func TestSmallGapsAreKeptWithinABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(5, "kafka")
		s.r.Speed = 10 // a tenth of a second each
		a := &Activities{Replaying: &Replaying{Sessions: s, Log: s, Failures: s, Events: s, Topics: s}}
		began := time.Now()
		if _, err := a.ReplayBatch(t.Context(), "r1"); err != nil || len(s.target) != 5 || time.Since(began) != 400*time.Millisecond {
			t.Errorf("%v, wrote %d in %v", err, len(s.target), time.Since(began))
		}
	})
}

func TestPausedReplayWritesNothing(t *testing.T) {
	for _, status := range []execution.ReplayStatus{execution.ReplayCreated, execution.ReplayPaused, execution.ReplayCancelled, execution.ReplayFailed, execution.ReplayCompleted} {
		s := newStudio(5, "kafka")
		s.r.Status = status
		a := &Activities{Replaying: &Replaying{Sessions: s, Log: s, Failures: s, Events: s, Topics: s}}
		if step, err := a.ReplayBatch(t.Context(), "r1"); err != nil || step.Status != status || len(s.target) > 0 {
			t.Errorf("%s: %+v %v", status, step, err)
		}
	}
}

// Each sweep removes the sessions whose time is over; one that cannot is tried
// again.
func TestSweepRemovesSessionsThatEndedLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(0, "test")
		a := new(platform).activities()
		a.Replaying = &Replaying{Sessions: s, Retention: 48 * time.Hour}
		if _, err := a.Sweep(t.Context(), ""); err != nil || !s.cleaned.Equal(time.Now().Add(-48*time.Hour)) {
			t.Errorf("what ended before %s is gone, %v", s.cleaned, err)
		}
		s.crash["Clean"] = 1
		if got, err := a.Sweep(t.Context(), ""); err != nil || !strings.Contains(got.Trouble, "crashed in Clean") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
