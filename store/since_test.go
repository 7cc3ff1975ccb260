package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// What comes again changes nothing: the first one stays, with its offset.
func TestProjectionIsIdempotent(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	event := func(kind execution.EventType, after time.Duration) execution.Event {
		e := execution.NewEvent(x.ID, "u1", "kube", kind, noon.Add(after))
		if kind == execution.ExecutionQueued {
			e.Queue = &execution.Queue{Position: 2}
		}
		return e
	}
	log := []execution.Event{
		event(execution.ExecutionRequested, 0), event(execution.ExecutionQueued, 1), event(execution.ExecutionScheduled, 2),
		event("pod_levitated", 3), event(execution.PodRunning, 4), event(execution.PodDeleted, 5),
	}
	for round := range 3 {
		for i, e := range log {
			offset := int64(7 * i)
			if round == 2 {
				offset += 1000 // published again
			}
			must(t, s.Project(ctx, recorded(e, offset)))
			if round == 0 && i == 1 && get(t, s, x.ID).Queue.Position != 2 {
				t.Error("no place in the queue")
			}
		}
	}
	var got []execution.Event
	for after, more := "", true; more; more = after != "" {
		page, next, err := s.Events(ctx, x.ID, execution.EventFilter{After: after, Limit: 4})
		must(t, err)
		got, after = append(got, page...), next
	}
	if diff := cmp.Diff(log, got); diff != "" {
		t.Error(diff)
	}
	if page, next, err := s.Events(ctx, x.ID, execution.EventFilter{Type: execution.PodRunning, Limit: 1}); err != nil || len(page) != 1 || next != "" {
		t.Errorf("of a type: %v, %q, %v", page, next, err)
	}
	if _, _, err := s.Events(ctx, x.ID, execution.EventFilter{After: "x", Limit: 1}); execution.KindOf(err) != execution.Invalid {
		t.Errorf("of a cursor that is none: %v", err)
	}
	if now := get(t, s, x.ID); now.Status != execution.Running || now.Queue != nil || !now.StartedAt.Equal(log[4].At) || !now.ScheduledAt.Equal(log[2].At) {
		t.Errorf("%+v", now)
	}
}

// replay reads the stream of id from at on as a browser does that gets n
// updates before the connection breaks.
func replay(t *testing.T, s *Store, id execution.ID, at *execution.Position, n int) (seen []execution.Update) {
	t.Helper()
	for len(seen) < n {
		updates, _, err := s.Since(t.Context(), id, *at)
		must(t, err)
		if len(updates) == 0 {
			break
		}
		for _, u := range updates[:min(len(updates), n-len(seen))] {
			if !at.Advance(u) {
				t.Fatalf("%+v came twice", u.At)
			}
			if seen = append(seen, u); u.Last() {
				return seen
			}
		}
	}
	return seen
}

// However often a browser comes back: it sees each event and each chunk once,
// each kind in order, the end last; and nothing of after the end.
func TestStreamsAreWhole(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	var pieces []string
	for i := range 100 {
		pieces = append(pieces, fmt.Sprintf("line %d\n", i))
	}
	must(t, s.Record(ctx, chunksOf(x.ID, pieces...)...))
	offset := int64(100)
	for i := range 10 {
		e := execution.NewEvent(x.ID, "u1", "kube", execution.EventType(fmt.Sprintf("event_%d", i)), noon.Add(time.Duration(i*20)*time.Second))
		must(t, s.Project(ctx, recorded(e, offset)))
		offset += 1 + int64(i)
	}
	r := execution.Result{ExecutionID: x.ID, StoredAt: noon.Add(time.Second)} // by a clock that is behind
	must(t, s.Project(ctx, recorded(r.Event(), offset)))
	must(t, s.Project(ctx, recorded(execution.NewEvent(x.ID, "u1", "kube", execution.PodDeleted, noon), offset+1)))

	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		var at execution.Position
		var events, chunks int64
		var before execution.Position
		for done := false; !done; {
			seen := replay(t, s, x.ID, &at, 1+random.IntN(60))
			if len(seen) == 0 {
				t.Fatalf("stuck at %v", at)
			}
			for _, u := range seen {
				if u.Event != nil {
					events++
				} else if chunks++; u.At.Output != chunks || string(u.Chunk.Bytes) != pieces[chunks-1] {
					t.Fatalf("chunk %d: %+v", chunks, u)
				}
				if u.At.Event != 0 && u.At.Event <= before.Event {
					t.Fatalf("event %v after %v", u.At, before)
				}
				before.Event = max(before.Event, u.At.Event)
				if done = u.Last(); done && (events != 11 || chunks != 100) {
					t.Fatalf("the end after %d events and %d chunks", events, chunks)
				}
			}
		}
	}
}

// A chunk that is not there yet holds up those behind it, until it comes or the
// end says that it never will.
func TestStreamsHaveNoGaps(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	chunks := chunksOf(x.ID, "a", "b", "c", "d")
	must(t, s.Record(ctx, chunks[0], chunks[2]))
	var at execution.Position
	if seen := replay(t, s, x.ID, &at, 100); len(seen) != 1 || at.Output != 1 {
		t.Fatalf("%v: %+v", at, seen)
	}
	must(t, s.Record(ctx, chunks[1]))
	if seen := replay(t, s, x.ID, &at, 100); len(seen) != 2 || at.Output != 3 {
		t.Fatalf("%v: %+v", at, seen)
	}
	must(t, s.Project(ctx, recorded(execution.Result{ExecutionID: x.ID, StoredAt: noon}.Event(), 9)))
	at = execution.Position{Output: 1}
	if _, err := s.chunks.DeleteOne(ctx, map[string]any{"execution_id": x.ID, "number": 2}); err != nil {
		t.Fatal(err)
	}
	if seen := replay(t, s, x.ID, &at, 100); len(seen) != 2 || !seen[1].Last() || at != (execution.Position{Event: 10, Output: 3}) {
		t.Fatalf("%v: %+v", at, seen)
	}
}

// One call returns a bounded part, and the end only with the last of it.
func TestSinceIsBounded(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	s.part = part{updates: 20, bytes: 1 << 10}
	x, y := queued(t, s), queued(t, s)
	must(t, s.Record(ctx, chunksOf(x.ID, slices.Repeat([]string{"x"}, 30)...)...))
	must(t, s.Record(ctx, chunksOf(y.ID, slices.Repeat([]string{string(make([]byte, 256))}, 10)...)...))
	for id, want := range map[execution.ID][]int{x.ID: {20, 11}, y.ID: {4, 4, 3}} {
		must(t, s.Project(ctx, recorded(execution.Result{ExecutionID: id, StoredAt: noon}.Event(), 0)))
		var got []int
		var at execution.Position
		for last := false; !last; {
			updates, more, err := s.Since(ctx, id, at)
			must(t, err)
			if got = append(got, len(updates)); len(updates) == 0 {
				break
			}
			for _, u := range updates {
				at.Advance(u)
			}
			if last = updates[len(updates)-1].Last(); last == more {
				t.Errorf("the last one is there: %t, there may be more: %t", last, more)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}
