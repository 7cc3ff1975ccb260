package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
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
	cleaned  time.Time // sessions that ended before are gone

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

func (s *studio) CleanReplays(_ context.Context, before time.Time) (int, error) {
	s.cleaned = before
	return 1, s.breaks("Clean")
}

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
