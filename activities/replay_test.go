package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// studio stands for all that a session needs: the store, as package store
// promises it, and its target.
type studio struct {
	mu sync.Mutex // of target

	r        execution.Replay
	events   []execution.Recorded
	failures []execution.ReplayFailure
	target   []execution.Sequenced
	bad      map[string]bool // events that cannot be written
	answer   execution.DeliveryFailure
	bodies   []string
	scans    int

	crash map[string]int // calls until one breaks, by name: what it does may be done by then
}

func (s *studio) breaks(name string) error {
	if s.crash[name]--; s.crash[name] == 0 {
		return errors.New("crashed in " + name)
	}
	return nil
}

func (s *studio) Replay(context.Context, string) (execution.Replay, error) {
	r := s.r
	r.Place.Offsets, r.Place.Tried = slices.Clone(r.Place.Offsets), slices.Clone(r.Place.Tried)
	return r, s.breaks("Replay")
}

func (s *studio) BeginReplay(context.Context, execution.Replay, time.Time) error {
	s.r.Status = execution.ReplayRunning
	return s.breaks("Begin")
}

func (s *studio) EndReplay(_ context.Context, _ string, status execution.ReplayStatus, why string, _ time.Time) error {
	if s.r.Status.Goes() {
		s.r.Status, s.r.Error = status, why
	}
	return s.breaks("End")
}

func (s *studio) CleanReplays(context.Context, time.Time) (int, error) { return 0, nil }

func (s *studio) ClaimReplay(_ context.Context, r execution.Replay, c execution.ReplayClaim) error {
	have, was := s.r.Place.Claim, r.Place.Claim
	if r.Place.Sequence != s.r.Place.Sequence || (have == nil) != (was == nil) || have != nil && have.Token != was.Token {
		return execution.Errorf(execution.Conflict, "another's")
	}
	s.r.Place.Claim, s.r.Place.Offsets = &c, slices.Clone(r.Place.Offsets)
	return s.breaks("Claim")
}

func (s *studio) AdvanceReplay(_ context.Context, r execution.Replay, token string) error {
	if err := s.breaks("Advance"); err != nil { // between the write and the progress
		return err
	}
	if s.r.Place.Claim == nil || s.r.Place.Claim.Token != token {
		return execution.Errorf(execution.Conflict, "another's")
	}
	s.r.Place, s.r.Progress, s.r.Place.Claim = r.Place, r.Progress, nil
	s.r.Place.Offsets = slices.Clone(r.Place.Offsets)
	return s.breaks("Advanced")
}

func (s *studio) AddReplayFailures(ctx context.Context, id string, failures []execution.ReplayFailure) error {
	for _, f := range failures {
		_ = s.ClearReplayFailures(ctx, id, []string{f.EventID})
		s.failures = append(s.failures, f)
	}
	return s.breaks("Failures")
}

func (s *studio) ClearReplayFailures(_ context.Context, _ string, ids []string) error {
	s.failures = slices.DeleteFunc(s.failures, func(f execution.ReplayFailure) bool { return slices.Contains(ids, f.EventID) })
	return nil
}

func (s *studio) ReplayFailures(_ context.Context, _ string, before, limit int) (some []execution.ReplayFailure, _ error) {
	for _, f := range s.failures {
		if f.Round < before && len(some) < limit {
			some = append(some, f)
		}
	}
	return some, nil
}

func (s *studio) CountReplayFailures(context.Context, string) (int64, error) {
	return int64(len(s.failures)), nil
}

func (s *studio) EventCursor(e execution.Recorded) string { return e.ID }

func (s *studio) Browse(_ context.Context, q execution.EventQuery, p execution.EventPage) (page []execution.Recorded, next string, err error) {
	for _, e := range s.events {
		if e.ID <= p.Cursor || len(q.EventIDs) > 0 && !slices.Contains(q.EventIDs, e.ID) {
			continue
		}
		if len(page) == p.Limit {
			return page, page[len(page)-1].ID, nil
		}
		page = append(page, e)
	}
	return page, "", s.breaks("Browse")
}

func (s *studio) Open(context.Context, execution.Replay) ([]int64, error) { return []int64{0}, nil }

func (s *studio) Written(_ context.Context, r execution.Replay) (map[string]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scans++
	ids := map[string]bool{}
	for _, e := range s.target[r.Place.Offsets[0]:] {
		ids[e.ID] = true
	}
	return ids, nil
}

func (s *studio) Write(_ context.Context, r execution.Replay, events []execution.Sequenced) (tried int, failed []execution.ReplayFailure, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broken := s.breaks("Write")
	for i, e := range events {
		if broken != nil && i == len(events)/2 {
			return 0, nil, broken
		}
		tried++
		if !s.bad[e.ID] {
			s.target = append(s.target, e)
			continue
		}
		if failed = append(failed, execution.ReplayFailure{EventID: e.ID, Sequence: e.Sequence, Reason: "too large"}); !r.Skip {
			break
		}
	}
	r.Place.Offsets[0] = int64(len(s.target))
	return tried, failed, nil
}

func (s *studio) WriteReplayPart(_ context.Context, _ string, events []execution.Sequenced) error {
	s.target = slices.DeleteFunc(s.target, func(e execution.Sequenced) bool { return e.Sequence >= events[0].Sequence })
	s.target = append(s.target, events...)
	return s.breaks("Write")
}

func (s *studio) ProjectReplay(context.Context, string, []execution.Sequenced) error { return nil }

func (s *studio) Send(_ context.Context, _, id string, body []byte) execution.Delivery {
	s.bodies = append(s.bodies, id+" "+string(body))
	return execution.Delivery{Failure: s.answer}
}

// newStudio has n events of three executions, of which the clocks of who
// published them differ.
func newStudio(n int, kind string) *studio {
	s := &studio{crash: map[string]int{}, bad: map[string]bool{}}
	for i := range n {
		e := execution.Recorded{Event: execution.Event{ID: fmt.Sprintf("e%05d", i), ExecutionID: execution.ID(fmt.Sprint("x", i%3))}, Offset: int64(i ^ 1)}
		e.RecordedAt = time.Unix(1e9+int64(i), 0)
		s.events = append(s.events, e)
	}
	s.r = execution.Replay{
		ID: "r1", Status: execution.ReplayScheduled, Speed: execution.FullSpeed, Batch: 10, Skip: true, Attempts: 3,
		Filter: execution.EventQuery{UserID: "ann"}, Target: execution.ReplayTarget{Kind: kind}, Progress: execution.ReplayProgress{Total: int64(n)},
	}
	return s
}

// run does batches until the session has ended, or is asked for too often. An
// activity that fails is tried again after ten seconds.
func (s *studio) run(t *testing.T) (failures int) {
	t.Helper()
	a := &Activities{Replaying: &Replaying{Sessions: s, Log: s, Failures: s, Events: s, Topics: s, Projector: s, Receiver: s}}
	for range 1000 {
		step, err := a.ReplayBatch(t.Context(), "r1")
		switch {
		case execution.KindOf(err) == execution.Conflict: // which Temporal does not try again
			t.Fatal(err)
		case err != nil:
			failures++
			time.Sleep(10 * time.Second)
		case !step.Status.Goes():
			return failures
		}
	}
	t.Fatal("it does not end")
	return 0
}

// once checks that each event is on the target once, those of an execution in
// order.
func (s *studio) once(t *testing.T, want int) {
	t.Helper()
	seen, last := map[string]int{}, map[execution.ID]int64{}
	for _, e := range s.target {
		seen[e.ID]++
		if len(s.bad) == 0 && e.Offset < last[e.ExecutionID] {
			t.Errorf("%s comes too late", e.ID)
		}
		last[e.ExecutionID] = e.Offset
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
	if len(seen) != want {
		t.Errorf("%d events, want %d", len(seen), want)
	}
}

func (s *studio) expect(t *testing.T, status execution.ReplayStatus, replayed, failed, skipped int64) {
	t.Helper()
	p := s.r.Progress
	if s.r.Status != status || p.Replayed != replayed || p.Failed != failed || p.Skipped != skipped {
		t.Errorf("%s: %+v; want %s, %d replayed, %d failed, %d skipped", s.r.Status, p, status, replayed, failed, skipped)
	}
}

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
