package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codesaga/codesaga/execution"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// openStore returns a store in a database of its own on a real server.
func openStore(t testing.TB) *Store {
	t.Helper()
	uri := os.Getenv("CODESAGA_MONGO_URI")
	if uri == "" {
		t.Skip("needs MongoDB: set CODESAGA_MONGO_URI, such as mongodb://127.0.0.1:27017/?directConnection=true")
	}
	s, err := Open(uri, "test_"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	s.Patience = 3 * time.Second
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // a crowd takes some
		defer cancel()
		if err := errors.Join(s.db.Drop(ctx), s.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Setup(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// queued stores a new execution and returns it.
func queued(t *testing.T, s *Store) execution.Execution {
	t.Helper()
	x := execution.Execution{
		ID: execution.NewID(), UserID: "u1", Language: "python", Version: "3.11", Status: execution.Queued, CreatedAt: noon, Attempt: 1,
		Priority: execution.Normal, Pool: "default", Program: execution.Program{Image: "python", Run: []string{"python"}},
		Input:  execution.Input{Script: "print('é')", Files: []execution.File{{Path: "x", Content: []byte{0, 255}}}},
		Labels: []execution.Pair{{Name: "course", Value: "cs1"}},
	}
	must(t, s.Create(t.Context(), x))
	return x
}

func get(t *testing.T, s *Store, id execution.ID) execution.Execution {
	t.Helper()
	x, err := s.Get(t.Context(), id)
	must(t, err)
	return x
}

func TestAnOutageIsUnavailable(t *testing.T) {
	s, err := Open("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100&directConnection=true", "x")
	must(t, err)
	defer s.Close(context.Background())
	for name, err := range map[string]error{
		"ping": s.Ping(t.Context()), "create": s.Create(t.Context(), execution.Execution{ID: "x"}),
		"record":  s.Record(t.Context(), execution.Chunk{ExecutionID: "x", Number: 1}),
		"project": s.Project(t.Context(), recorded(execution.NewEvent("x", "u", "kube", execution.PodRunning, noon), 1)),
	} {
		if execution.KindOf(err) != execution.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCreateKeepsTheFirst(t *testing.T) {
	s := openStore(t)
	x := queued(t, s)
	again := x
	again.UserID = "somebody else"
	must(t, s.Create(t.Context(), again))
	if diff := cmp.Diff(x, get(t, s, x.ID), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Get(t.Context(), "nobody"); execution.KindOf(err) != execution.NotFound {
		t.Error(err)
	}
}

// An execution is taken back only while nothing has come of it.
func TestRemoveTakesBackWhatWasNotStarted(t *testing.T) {
	s := openStore(t)
	x, y := queued(t, s), queued(t, s)
	must(t, s.Move(t.Context(), y.ID, execution.Scheduled, noon))
	must(t, s.Remove(t.Context(), x.ID))
	must(t, s.Remove(t.Context(), y.ID))
	if _, err := s.Get(t.Context(), x.ID); execution.KindOf(err) != execution.NotFound {
		t.Errorf("x: %v", err)
	}
	get(t, s, y.ID)
}

func TestMovesGoForwardOnlyButTimesAreKept(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	must(t, s.SetQueue(ctx, x.ID, &execution.Queue{Position: 3}))
	if q := get(t, s, x.ID).Queue; q == nil || q.Position != 3 {
		t.Errorf("queue %+v", q)
	}
	steps := []struct {
		next execution.Status
		at   time.Time
		want execution.Status
	}{
		{execution.Running, noon.Add(2 * time.Second), execution.Running},
		{execution.Scheduled, noon.Add(time.Second), execution.Running}, // overtaken
		{execution.Running, noon.Add(time.Hour), execution.Running},     // again
	}
	for _, step := range steps {
		must(t, s.Move(ctx, x.ID, step.next, step.at))
		must(t, s.SetQueue(ctx, x.ID, &execution.Queue{Position: 1}))
		if got := get(t, s, x.ID); got.Status != step.want || got.Queue != nil {
			t.Errorf("after %s: %s, queue %v", step.next, got.Status, got.Queue)
		}
	}
	got := get(t, s, x.ID)
	if !got.ScheduledAt.Equal(noon.Add(time.Second)) || !got.StartedAt.Equal(noon.Add(2*time.Second)) {
		t.Errorf("scheduled %v, started %v", got.ScheduledAt, got.StartedAt)
	}
	if err := s.Move(ctx, x.ID, execution.Completed, noon); err == nil {
		t.Error("moved to an end")
	}
}

func TestFirstCancelWins(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	must(t, s.SetCancel(ctx, x.ID, "u1", "enough"))
	must(t, s.SetCancel(ctx, x.ID, "admin", "too much"))
	if got := get(t, s, x.ID); got.CancelledBy != "u1" || got.CancelReason != "enough" || got.Status != execution.Queued {
		t.Errorf("%+v", got)
	}
	_, err := s.End(ctx, execution.NewEnding(x.ID, "u1", "saga", execution.Outcome{Status: execution.Cancelled}, noon))
	must(t, err)
	if err := s.SetCancel(ctx, x.ID, "u1", ""); execution.KindOf(err) != execution.Conflict || !strings.Contains(err.Error(), "cancelled") {
		t.Error(err)
	}
	if err := s.SetCancel(ctx, "nobody", "u1", ""); execution.KindOf(err) != execution.NotFound {
		t.Error(err)
	}
}

// While new executions arrive, pages show each old one once.
func TestPagesAreStable(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var want []execution.ID
	for i := range 25 {
		x := execution.Execution{ID: execution.ID(fmt.Sprintf("x%02d", i)), UserID: "u1", Language: "python", Status: execution.Queued, CreatedAt: noon.Add(time.Duration(i/5) * time.Second), Input: execution.Input{Script: "secret"}}
		if i%2 == 1 {
			x.Labels = []execution.Pair{{Name: "a", Value: "b"}}
		}
		must(t, s.Create(ctx, x))
		want = append(want, x.ID)
	}
	slices.Reverse(want)
	var got []execution.ID
	f := execution.Filter{UserID: "u1", Limit: 3}
	for n := 0; n == 0 || f.Cursor != ""; n++ {
		page, next, err := s.List(ctx, f)
		must(t, err)
		for _, x := range page {
			if x.Input.Script != "" {
				t.Error("a row with its script")
			}
			got = append(got, x.ID)
		}
		must(t, s.Create(ctx, execution.Execution{ID: execution.ID(fmt.Sprintf("new%d", n)), UserID: "u1", Status: execution.Queued, CreatedAt: noon.Add(time.Hour)}))
		f.Cursor = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for _, tt := range []struct {
		f    execution.Filter
		want int
	}{
		{execution.Filter{UserID: "u2"}, 0},
		{execution.Filter{Language: "python"}, 25},
		{execution.Filter{Status: execution.Running}, 0},
		{execution.Filter{Label: execution.Pair{Name: "a", Value: "b"}}, 12},
		{execution.Filter{Label: execution.Pair{Name: "a"}}, 12},
		{execution.Filter{Label: execution.Pair{Name: "a", Value: "c"}}, 0},
		{execution.Filter{CreatedFrom: noon.Add(time.Second), CreatedTo: noon.Add(3 * time.Second)}, 10},
	} {
		if page, _, err := s.List(ctx, tt.f); err != nil || len(page) != tt.want {
			t.Errorf("%+v: %d, %v", tt.f, len(page), err)
		}
	}
	for _, cursor := range []string{"x", "!", cursorAfter(time.Time{}, "")} {
		if _, _, err := s.List(ctx, execution.Filter{Cursor: cursor}); execution.KindOf(err) != execution.Invalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	var old []execution.Execution
	for cursor := ""; ; {
		page, next, err := s.Unfinished(ctx, noon.Add(2*time.Second), cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		old = append(old, page...)
		if cursor = next; next == "" {
			break
		}
	}
	if len(old) != 10 || !slices.IsSortedFunc(old, func(a, b execution.Execution) int { return a.CreatedAt.Compare(b.CreatedAt) }) {
		t.Errorf("unfinished: %d, from %s to %s", len(old), old[0].CreatedAt, old[len(old)-1].CreatedAt)
	}
}

// Of 50 who claim a key at once one is first, and the others hear of it.
func TestClaims(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	body, other := [32]byte{1}, [32]byte{2}
	var mu sync.Mutex
	ids, first := map[execution.ID]int{}, 0
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			id, replayed, err := s.Claim(ctx, "u1", "k", body, execution.NewID())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ids[id]++; !replayed {
				first++
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || first != 1 {
		t.Errorf("%d first, %v", first, ids)
	}
	if _, _, err := s.Claim(ctx, "u1", "k", other, "x"); execution.KindOf(err) != execution.Invalid {
		t.Errorf("another body: %v", err)
	}
	if id, replayed, err := s.Claim(ctx, "u2", "k", other, "x2"); id != "x2" || replayed || err != nil {
		t.Errorf("another user: %s, %v, %v", id, replayed, err)
	}
	must(t, s.Unclaim(ctx, "u1", "k"))
	if id, replayed, err := s.Claim(ctx, "u1", "k", other, "x3"); id != "x3" || replayed || err != nil {
		t.Errorf("after it was taken back: %s, %v, %v", id, replayed, err)
	}
	_, err := s.keys.InsertOne(ctx, claim{claimID("u1", "old"), body[:], "x4", time.Now().Add(-keyLife - time.Second)})
	must(t, err)
	if id, replayed, err := s.Claim(ctx, "u1", "old", other, "x5"); id != "x5" || replayed || err != nil {
		t.Errorf("after 24 h: %s, %v, %v", id, replayed, err)
	}
}
