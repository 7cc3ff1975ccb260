package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// What is kept of past hours is what counting them all anew gives, whatever
// came late, was deleted or came back.
func TestStatisticsAreThoseOfTheEvents(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	now := noon.Add(20 * time.Minute)
	put := func(n int, kind execution.EventType, source, user string, at time.Time) {
		e := execution.NewEvent(execution.ID(fmt.Sprint("x", n)), user, source, kind, at)
		must(t, s.Project(ctx, execution.Recorded{Event: e, Offset: int64(n), RecordedAt: at}))
	}
	put(1, execution.ExecutionRequested, "saga", "ann", noon.Add(-3*time.Hour)) // too early
	put(2, execution.ExecutionError, "saga", "ann", noon.Add(-2*time.Hour))
	put(3, execution.ExecutionCompleted, "kube", "bob.b", noon.Add(-time.Minute))
	put(4, execution.PodRunning, "kube", "bob.b", noon)
	check := func(when string, total int64, byHour ...int64) {
		t.Helper()
		for range 2 { // the second time it is known
			got, err := s.EventStats(ctx, now, 3)
			must(t, err)
			var hours []int64
			for _, h := range got.ByHour {
				hours = append(hours, h.Events)
			}
			if got.Total != total || cmp.Diff(byHour, hours) != "" || !got.From.Equal(noon.Add(-2*time.Hour)) || !got.To.Equal(noon.Add(time.Hour)) {
				t.Errorf("%s: %+v", when, got)
			}
		}
	}
	check("at first", 3, 1, 1, 1)
	got, err := s.EventStats(ctx, now, 3)
	must(t, err)
	if got.Endings != 2 || got.ErrorRate != 0.5 || got.ByService["kube"] != 2 || got.ByType[execution.PodRunning] != 1 || got.TopUsers[0] != (execution.EventUser{UserID: "bob.b", Events: 2}) {
		t.Errorf("%+v", got)
	}
	put(5, execution.PodCreated, "kube", "ann", noon.Add(-90*time.Minute))
	check("one came late", 4, 2, 1, 1)
	_, err = s.Archive(ctx, execution.EventID("x3", "kube", execution.ExecutionCompleted), "op", "x")
	must(t, err)
	check("one was deleted", 3, 2, 0, 1)
	_, err = s.Restore(ctx, execution.EventID("x3", "kube", execution.ExecutionCompleted))
	must(t, err)
	check("one came back", 4, 2, 1, 1)
	// An hour that nobody counts is as it was kept: so that is where it comes from.
	_, err = s.hours.UpdateOne(ctx, bson.M{"_id": noon.Add(-2 * time.Hour).Unix()}, bson.M{"$set": bson.M{"by_service": bson.M{"marked": 2}}})
	must(t, err)
	if got, err := s.EventStats(ctx, now, 3); err != nil || got.ByService["marked"] != 2 {
		t.Errorf("it was counted again: %+v, %v", got, err)
	}
}

func TestDurationsOfWhatEnded(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	for i := range 20 {
		x := queued(t, s)
		start := noon.Add(time.Duration(i) * time.Second)
		must(t, s.Move(ctx, x.ID, execution.Scheduled, start))
		must(t, s.Move(ctx, x.ID, execution.Running, start.Add(500*time.Millisecond)))
		e := execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: execution.Completed}, noon.Add(time.Minute))
		e.Usage = &execution.Usage{WallSeconds: float64(i + 1), CompileWall: 1}
		_, err := s.End(ctx, e)
		must(t, err)
	}
	queued(t, s) // it has not
	got, err := s.EventStats(ctx, noon, 1)
	must(t, err)
	want := execution.Durations{
		Executions: 20, Queue: execution.Spread{Count: 20, Mean: 9.5, P50: 9, P95: 18},
		Start: execution.Spread{Count: 20, Mean: 0.5, P50: 0.5, P95: 0.5}, Run: execution.Spread{Count: 20, Mean: 11.5, P50: 11, P95: 20},
	}
	if diff := cmp.Diff(want, got.Durations, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
}

func TestOwnEventsAreCounted(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	for i, user := range []string{"ann", "ann", "bob"} {
		e := execution.NewEvent(execution.ID(fmt.Sprint("x", i)), user, "kube", execution.PodCreated, noon)
		e.CorrelationID = "c1"
		must(t, s.Project(ctx, recorded(e, int64(i))))
	}
	got, err := s.CountTypes(ctx, execution.EventQuery{UserID: "ann", Correlation: "c1"})
	if err != nil || got.Total != 2 || got.ByType[execution.PodCreated] != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// BenchmarkBrowse tells what pages of 50 take among 100,000 events.
func BenchmarkBrowse(b *testing.B) {
	s, ctx := openStore(b), b.Context()
	const many, users = 100_000, 100
	for i := 0; i < many; i += 1000 {
		var some []any
		for j := range 1000 {
			n := i + j
			e := execution.NewEvent(execution.ID(fmt.Sprint("x", n/10)), fmt.Sprint("u", n%users), "kube", execution.EventKinds[n%20].Type, noon)
			e.ID += fmt.Sprint("/", n)
			e.Pod = &execution.Pod{Name: fmt.Sprint("exec-", n/10), Node: fmt.Sprint("node-", n%7)}
			some = append(some, keep(execution.Recorded{Event: e, Offset: int64(n), RecordedAt: time.Now().Add(-time.Duration(many-n) * time.Second)}))
		}
		if _, err := s.events.InsertMany(ctx, some, options.InsertMany().SetOrdered(false)); err != nil {
			b.Fatal(err)
		}
	}
	for name, q := range map[string]execution.EventQuery{
		"newest": {}, "user": {UserID: "u7"}, "type": {Types: []execution.EventType{execution.PodRunning}}, "text": {Text: "exec-777"},
		"execution": {ExecutionID: "x500"}, "window": {From: time.Now().Add(-time.Hour)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Browse(ctx, q, execution.EventPage{Limit: 50}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("statistics", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.EventStats(ctx, time.Now(), 24); err != nil {
				b.Fatal(err)
			}
		}
	})
}
