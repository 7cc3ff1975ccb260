package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// found are the IDs of what Browse gives of everything.
func found(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	page, _, err := s.Browse(t.Context(), execution.EventQuery{}, execution.EventPage{Limit: 1000, OldestFirst: true})
	must(t, err)
	for _, e := range page {
		ids = append(ids, e.ID)
	}
	return ids
}

// An event that was deleted is nowhere but in the archive, also when it comes
// again, until it is restored as it was.
func TestDeletedEventsStayAway(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var all []execution.Recorded
	for i, kind := range []execution.EventType{execution.ExecutionRequested, execution.PodCreated, execution.PodRunning} {
		e := execution.Recorded{Event: execution.NewEvent("x1", "ann", "kube", kind, noon), Offset: int64(i), RecordedAt: noon.Add(time.Duration(i) * time.Second)}
		e.Pod = &execution.Pod{Name: "exec-x1", Node: "n1"}
		all = append(all, e)
		must(t, s.Project(ctx, e))
	}
	gone := all[1]
	for range 2 { // the second time it is done
		a, err := s.Archive(ctx, gone.ID, "op", "a secret in it")
		if err != nil || a.DeletedBy != "op" || a.Reason != "a secret in it" || time.Since(a.DeletedAt) > time.Minute || a.ID != gone.ID {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	for range 2 { // the projector sees it again
		if diff := cmp.Diff([]string{all[0].ID, all[2].ID}, found(t, s)); diff != "" {
			t.Error(diff)
		}
		if _, err := s.Event(ctx, gone.ID); execution.KindOf(err) != execution.NotFound {
			t.Error(err)
		}
		if told, _, err := s.Events(ctx, "x1", execution.EventFilter{Limit: 9}); err != nil || len(told) != 2 {
			t.Errorf("%d in the timeline, %v", len(told), err)
		}
		if n, err := s.CountEvents(ctx, execution.EventQuery{ExcludeTypes: []execution.EventType{execution.PodRunning}}); n != 1 || err != nil {
			t.Errorf("%d are counted, %v", n, err)
		}
		must(t, s.Project(ctx, gone))
	}
	page, _, err := s.BrowseArchive(ctx, execution.EventQuery{Text: "n1", UserID: "ann"}, execution.EventPage{Limit: 10})
	must(t, err)
	if len(page) != 1 || page[0].ID != gone.ID {
		t.Errorf("in the archive: %+v", page)
	}
	e, err := s.Restore(ctx, gone.ID)
	must(t, err)
	if diff := cmp.Diff(gone, e); diff != "" {
		t.Error(diff)
	}
	if got, err := s.Event(ctx, gone.ID); err != nil || cmp.Diff(gone, got) != "" || len(found(t, s)) != 3 {
		t.Errorf("restored: %+v, %v", got, err)
	}
	for _, do := range []func() error{
		func() error { _, err := s.Restore(ctx, gone.ID); return err },
		func() error { _, err := s.Archive(ctx, "nothing", "op", "x"); return err },
	} {
		if err := do(); execution.KindOf(err) != execution.NotFound {
			t.Error(err)
		}
	}
}

// Who dies between the two writes of a deletion, or of a restoration, loses
// nothing: done again, it is done.
func TestDeletionInTwoHalves(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	e := execution.Recorded{Event: execution.NewEvent("x1", "ann", "kube", execution.PodCreated, noon), RecordedAt: noon}
	must(t, s.Project(ctx, e))
	_, err := s.archive.InsertOne(ctx, execution.Archived{Recorded: e, DeletedBy: "op", Reason: "first"})
	must(t, err)
	if a, err := s.Archive(ctx, e.ID, "other", "second"); err != nil || a.DeletedBy != "op" || len(found(t, s)) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = s.events.ReplaceOne(ctx, map[string]string{"_id": e.ID}, keep(e))
	must(t, err)
	if _, err := s.Restore(ctx, e.ID); err != nil || len(found(t, s)) != 1 {
		t.Errorf("%v", err)
	}
	if page, _, err := s.BrowseArchive(ctx, execution.EventQuery{}, execution.EventPage{Limit: 1}); err != nil || len(page) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestEventsAroundAnEvent(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	for i := range 12 {
		e := execution.NewEvent("x1", "ann", "kube", execution.PodCreated, noon)
		e.ID += string(rune('a' + i))
		must(t, s.Project(ctx, recorded(e, int64(10+i))))
	}
	must(t, s.Project(ctx, recorded(execution.NewEvent("x2", "ann", "kube", execution.PodCreated, noon), 14)))
	e, err := s.Event(ctx, "x1/kube/pod_createdg")
	must(t, err)
	before, after, err := s.Around(ctx, e, 5)
	must(t, err)
	offsets := func(events []execution.Recorded) (list []int64) {
		for _, e := range events {
			list = append(list, e.Offset)
		}
		return list
	}
	if diff := cmp.Diff([][]int64{{11, 12, 13, 14, 15}, {17, 18, 19, 20, 21}}, [][]int64{offsets(before), offsets(after)}); diff != "" {
		t.Error(diff)
	}
}
