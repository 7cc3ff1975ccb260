package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// lives projects the events of n executions, as the bridge does, and returns
// them. Of each three one waits, one runs and one has ended.
func lives(t *testing.T, s *Store, n int) (all []execution.Recorded) {
	t.Helper()
	ctx, born := t.Context(), time.Now().UTC().Add(-time.Hour).Truncate(time.Millisecond)
	for i := range n {
		x := queued(t, s)
		next := func(e execution.Event) {
			at := born.Add(time.Duration(len(all)) * time.Second)
			e.At = at
			r := execution.Recorded{Event: e, Partition: i % 2, Offset: int64(len(all)), RecordedAt: at}
			all = append(all, r)
			must(t, s.Project(ctx, r))
			if e.Outcome != nil {
				_, err := s.End(ctx, e)
				must(t, err)
			}
		}
		event := func(source string, kind execution.EventType) execution.Event {
			return execution.NewEvent(x.ID, x.UserID, source, kind, born)
		}
		next(event("saga", execution.ExecutionRequested))
		q := event("saga", execution.ExecutionQueued)
		q.Queue = &execution.Queue{Position: 2}
		next(q)
		if i%3 == 0 {
			continue
		}
		next(event("saga", execution.ExecutionScheduled))
		next(execution.NewWaiting(x.ID, x.UserID, "kube", "ErrImagePull", "no such image", born))
		next(event("kube", execution.PodRunning))
		if i%3 == 1 {
			continue
		}
		e := execution.NewEnding(x.ID, x.UserID, "kube", execution.Outcome{Status: execution.Completed, ExitCode: new(int32)}, born)
		e.Usage = &execution.Usage{WallSeconds: 1.5, StartedAt: new(born.Add(time.Second)), FinishedAt: new(born.Add(2 * time.Second))}
		next(e)
	}
	return all
}

// begin begins a rebuild.
func begin(t *testing.T, s *Store, projection, source string) execution.Rebuild {
	t.Helper()
	id := string(execution.NewID())
	r := execution.Rebuild{
		ID: id, Projection: projection, Source: source, Status: execution.RebuildRunning, Phase: execution.PhaseFill,
		Shadow: projection + "_shadow_" + id, StartedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
	must(t, s.BeginRebuild(t.Context(), r))
	must(t, s.BeginRebuild(t.Context(), r)) // done again it does nothing
	return r
}

// differ compares, and returns what is still different the second time.
func differ(t *testing.T, s *Store, r execution.Rebuild) (execution.Comparison, map[string]string) {
	t.Helper()
	c, suspects, err := s.Compare(t.Context(), r, func(int64) {})
	must(t, err)
	left, err := s.Recheck(t.Context(), r, suspects)
	must(t, err)
	why := map[string]string{}
	for _, d := range left {
		why[d.ID] = d.Why
	}
	return c, why
}

// What is made of the events is what the live writers have made of them; what is
// not is found, and mended, and nothing else is touched.
func TestExecutionsAreMadeAnew(t *testing.T) {
	for _, source := range []string{execution.FromStore, execution.FromKafka} {
		t.Run(source, func(t *testing.T) {
			s, ctx := openStore(t), t.Context()
			events := lives(t, s, 9)
			orphan := queued(t, s) // nothing has happened to it
			r := begin(t, s, execution.ExecutionsProjection, source)
			must(t, s.Fill(ctx, r, events))
			must(t, s.Fill(ctx, r, events[3:])) // as after a crash
			c, why := differ(t, s, r)
			if len(why) > 0 || c.Compared != 9 || c.Differences != 0 {
				t.Fatalf("%+v, %v", c, why)
			}
			was := map[execution.ID]execution.Execution{}
			for _, e := range events {
				was[e.ExecutionID] = get(t, s, e.ExecutionID)
			}
			// Damage: one of each kind, and one that is ahead.
			of := func(i int, kind execution.EventType) execution.ID {
				for _, e := range events {
					if e.Type == kind {
						if i--; i < 0 {
							return e.ExecutionID
						}
					}
				}
				panic("none")
			}
			harm := func(id execution.ID, change bson.M) {
				_, err := s.executions.UpdateOne(ctx, bson.M{"_id": id}, change)
				must(t, err)
			}
			ended, running := of(0, execution.ExecutionCompleted), of(0, execution.PodRunning)
			harm(ended, bson.M{"$set": bson.M{"outcome.exit_code": 7, "finished_at": noon}, "$unset": bson.M{"scheduled_at": ""}})
			harm(running, bson.M{"$set": bson.M{"status": "queued"}, "$unset": bson.M{"started_at": ""}})
			if _, why = differ(t, s, r); len(why) != 2 || why[string(ended)] != "scheduled_at, finished_at, outcome" || why[string(running)] != "status, started_at" {
				t.Fatalf("%v", why)
			}
			changed, err := s.Swap(ctx, r, func(int64) {})
			if err != nil || changed != 2 {
				t.Errorf("%d changed, %v", changed, err)
			}
			for id, x := range was {
				if diff := cmp.Diff(x, get(t, s, id)); diff != "" {
					t.Errorf("after the swap: %s", diff)
				}
			}
			if x := get(t, s, orphan.ID); x.Status != execution.Queued {
				t.Errorf("%+v", x)
			}
			if changed, err = s.Swap(ctx, r, func(int64) {}); err != nil || changed != 0 {
				t.Errorf("the second time %d changed, %v", changed, err)
			}
			must(t, s.EndRebuild(ctx, r.ID, execution.RebuildCompleted, ""))
			if names, err := s.db.ListCollectionNames(ctx, bson.M{"name": r.Shadow}); err != nil || len(names) > 0 {
				t.Errorf("left: %v, %v", names, err)
			}
		})
	}
}

// The new event store has what the log has, what is older than the log, and no
// event that was deleted; the indexes and the graves come along.
func TestEventStoreIsMadeAnew(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	events := lives(t, s, 6)
	deleted := events[10]
	_, err := s.Archive(ctx, deleted.ID, "op", "x")
	must(t, err)
	want := found(t, s)
	r := begin(t, s, execution.EventsProjection, execution.FromKafka)
	if _, err := s.Archive(ctx, events[5].ID, "op", "x"); execution.KindOf(err) != execution.Conflict {
		t.Errorf("deleted meanwhile: %v", err)
	}
	log := events[4:] // Kafka has forgotten the others
	must(t, s.Fill(ctx, r, log))
	must(t, s.Fill(ctx, r, log[2:]))
	c, why := differ(t, s, r)
	if len(why) > 0 || c.Differences != 0 || c.Compared != int64(len(log)-1) {
		t.Fatalf("%+v, %v", c, why)
	}
	lost, changed, extra := events[12], events[13], events[14]
	for _, harm := range []func() error{
		func() error { _, err := s.events.DeleteOne(ctx, bson.M{"_id": lost.ID}); return err },
		func() error {
			_, err := s.events.UpdateOne(ctx, bson.M{"_id": changed.ID}, bson.M{"$set": bson.M{"user_id": "eve"}})
			return err
		},
		func() error { _, err := s.db.Collection(r.Shadow).DeleteOne(ctx, bson.M{"_id": extra.ID}); return err },
	} {
		must(t, harm())
	}
	if _, why = differ(t, s, r); cmp.Diff(why, map[string]string{lost.ID: onlyShadow, changed.ID: "what it says", extra.ID: onlyLive}) != "" {
		t.Errorf("%v", why)
	}
	for range 2 { // the second time it was renamed
		_, err := s.Swap(ctx, r, func(int64) {})
		must(t, err)
	}
	if diff := cmp.Diff(want, found(t, s)); diff != "" {
		t.Error(diff)
	}
	r.Checkpoint.Swapped = true
	must(t, s.Fill(ctx, r, events[len(events)-2:]))
	for _, e := range events {
		must(t, s.Project(ctx, e)) // also the deleted one
	}
	if diff := cmp.Diff(want, found(t, s)); diff != "" {
		t.Error(diff)
	}
	must(t, s.EndRebuild(ctx, r.ID, execution.RebuildCompleted, ""))
	if changes, err := s.Setup(ctx, false); err != nil || len(changes) > 0 {
		t.Errorf("the indexes did not come along: %v, %v", changes, err)
	}
	if len(found(t, s)) != len(want) {
		t.Error("the end took the events away")
	}
}

func TestRebuildsAreKept(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	r := begin(t, s, execution.EventsProjection, execution.FromKafka)
	r.Done, r.Checkpoint.Extents, r.Examples = 7, []execution.Extent{{Partition: 1, Next: 3, End: 9}}, []execution.Difference{{ID: "e", Why: "x"}}
	must(t, s.SaveRebuild(ctx, r))
	got, err := s.Rebuild(ctx, r.ID)
	if diff := cmp.Diff(r, got, cmpopts.IgnoreFields(execution.Rebuild{}, "UpdatedAt")); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	next := begin(t, s, execution.EventsProjection, execution.FromKafka) // the first was ended from outside
	if got, err := s.Rebuild(ctx, r.ID); err != nil || got.Status != execution.RebuildFailed || got.Error == "" || got.FinishedAt == nil {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, s.EndRebuild(ctx, next.ID, execution.RebuildCancelled, ""))
	must(t, s.SaveRebuild(ctx, next)) // by an attempt that has not heard
	all, err := s.Projections(ctx)
	must(t, err)
	if len(all) != 2 || all[0].Rebuild == nil || all[0].Rebuild.ID != next.ID || all[0].Rebuild.Status != execution.RebuildCancelled || all[1].Rebuild != nil {
		t.Errorf("%+v", all)
	}
	names, err := s.db.ListCollectionNames(ctx, bson.M{})
	must(t, err)
	for _, name := range names {
		if name == r.Shadow || name == next.Shadow {
			t.Errorf("%s is left", name)
		}
	}
	if _, err := s.Rebuild(ctx, "none"); execution.KindOf(err) != execution.NotFound {
		t.Error(err)
	}
}

func TestEachEventInTheirOrder(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	const many = 2300
	var docs []any
	for i := range many {
		e := execution.NewEvent(execution.ID(fmt.Sprint("x", i)), "ann", "kube", execution.PodCreated, time.Now())
		docs = append(docs, keep(execution.Recorded{Event: e, Offset: int64(many - i), RecordedAt: noon.Add(time.Duration(many-i) * time.Second)}))
	}
	_, err := s.events.InsertMany(ctx, docs)
	must(t, err)
	n, last, parts := 0, time.Time{}, 0
	must(t, s.EachEvent(ctx, noon.Add(101*time.Second), func(some []execution.Recorded) error {
		parts++
		for _, e := range some {
			if !e.RecordedAt.After(last) {
				t.Errorf("%s after %s", e.RecordedAt, last)
			}
			n, last = n+1, e.RecordedAt
		}
		return nil
	}))
	if n != many-100 || parts != 3 {
		t.Errorf("%d events in %d parts", n, parts)
	}
}
