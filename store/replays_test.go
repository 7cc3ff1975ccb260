package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// aReplay stores a session.
func aReplay(t *testing.T, s *Store, id string, at time.Time) execution.Replay {
	t.Helper()
	r := execution.Replay{
		ID: id, Name: "again", Type: "user", Status: execution.ReplayCreated, Filter: execution.EventQuery{UserID: "ann", To: noon},
		Target: execution.ReplayTarget{Kind: "kafka", Topic: "replay.a", Partitions: 3}, Speed: 1, Batch: 100, Skip: true, Attempts: 2,
		By: "root", At: at, Progress: execution.ReplayProgress{Total: 500},
	}
	must(t, s.CreateReplay(t.Context(), r))
	return r
}

// move asks for a move and returns what became of it: a status or a kind.
func move(t *testing.T, s *Store, id, what string) string {
	t.Helper()
	r, err := s.MoveReplay(t.Context(), id, what, noon)
	if err != nil {
		return string(execution.KindOf(err))
	}
	return string(r.Status)
}

func TestReplayMovesOnlyWhereItCan(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	r := aReplay(t, s, "r1", noon)
	must(t, s.CreateReplay(ctx, execution.Replay{ID: "r1"})) // changes nothing
	for i, step := range []string{
		"pause conflict", "resume conflict", "retry-failed conflict", "start scheduled", "start scheduled", "pause paused", "pause conflict", "start conflict",
		"resume scheduled", "begin running", "start conflict", "pause paused", "begin paused", "resume scheduled", "begin running", "cancel cancelled",
		"begin cancelled", "end cancelled", "resume conflict", "cancel conflict", "retry-failed conflict",
	} {
		what, want, _ := strings.Cut(step, " ")
		switch what {
		case "begin":
			must(t, s.BeginReplay(ctx, r, noon.Add(time.Minute)))
		case "end":
			must(t, s.EndReplay(ctx, "r1", execution.ReplayCompleted, "", noon))
		default:
			if got := move(t, s, "r1", what); got != want {
				t.Errorf("%d: %s: %s, want %s", i, what, got, want)
			}
			continue
		}
		if now, err := s.Replay(ctx, "r1"); err != nil || string(now.Status) != want {
			t.Errorf("%d: %s: %s, want %s, %v", i, what, now.Status, want, err)
		}
	}
	now, err := s.Replay(ctx, "r1")
	if err != nil || now.Started == nil || now.Ended == nil || now.Filter.UserID != "ann" || now.Progress.Total != 500 {
		t.Errorf("%+v %v", now, err)
	}
	if move(t, s, "other", "start") != "not_found" {
		t.Error("a session that is none was started")
	}
}

// Of two workers, of which one was thought dead, one goes on.
func TestOnlyWhoClaimedABatchAdvances(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	aReplay(t, s, "r1", noon)
	r, err := s.Replay(ctx, "r1")
	must(t, err)
	r.Place.Offsets = []int64{1, 2, 3}
	must(t, s.ClaimReplay(ctx, r, execution.ReplayClaim{Token: "one", At: noon}))
	if err := s.ClaimReplay(ctx, r, execution.ReplayClaim{Token: "two", At: noon}); execution.KindOf(err) != execution.Conflict {
		t.Errorf("two have it: %v", err)
	}
	again, err := s.Replay(ctx, "r1")
	if err != nil || again.Place.Claim == nil || len(again.Place.Offsets) != 3 {
		t.Fatalf("%+v %v", again.Place, err)
	}
	must(t, s.ClaimReplay(ctx, again, execution.ReplayClaim{Token: "two", At: noon}))
	r.Place.Sequence = 100
	if err := s.AdvanceReplay(ctx, r, "one"); execution.KindOf(err) != execution.Conflict {
		t.Errorf("who lost it advances: %v", err)
	}
	again.Place.Sequence, again.Place.Cursor, again.Progress.Replayed = 7, "c", 7
	must(t, s.AdvanceReplay(ctx, again, "two"))
	r, err = s.Replay(ctx, "r1")
	if err != nil || r.Place.Sequence != 7 || r.Place.Claim != nil || r.Progress.Replayed != 7 || r.Progress.Total != 500 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestFailuresOfAReplayAreTriedSoOften(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	r := aReplay(t, s, "r1", noon)
	for range 2 { // the second time changes nothing
		must(t, s.AddReplayFailures(ctx, "r1", []execution.ReplayFailure{{EventID: "b", Sequence: 2, Reason: "large", At: noon}, {EventID: "a", Sequence: 1, Reason: "large", At: noon}}))
	}
	must(t, s.AddReplayFailures(ctx, "r2", []execution.ReplayFailure{{EventID: "a", Sequence: 1}}))
	if n, err := s.CountReplayFailures(ctx, "r1"); n != 2 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	all, err := s.ReplayFailures(ctx, "r1", 1, 10)
	if err != nil || len(all) != 2 || all[0].EventID != "a" || all[0].Reason != "large" {
		t.Errorf("%+v %v", all, err)
	}
	must(t, s.ClearReplayFailures(ctx, "r1", []string{"a"}))
	must(t, s.AddReplayFailures(ctx, "r1", []execution.ReplayFailure{{EventID: "b", Sequence: 2, Round: 1}}))
	if all, err = s.ReplayFailures(ctx, "r1", 1, 10); err != nil || len(all) != 0 {
		t.Errorf("tried in this round already: %+v %v", all, err)
	}
	_, err = s.replays.UpdateOne(ctx, bson.M{"_id": r.ID}, bson.M{"$set": bson.M{"status": execution.ReplayFailed, "progress.failed": 1, "ended": noon}})
	must(t, err)
	for _, want := range []string{"scheduled", "scheduled", "conflict"} {
		if got := move(t, s, "r1", "retry-failed"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		must(t, s.EndReplay(ctx, "r1", execution.ReplayCompleted, "", noon))
	}
}

func TestSessionsAreListedAndCleaned(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	for i := range 5 {
		id := fmt.Sprint("r", i)
		aReplay(t, s, id, noon.Add(time.Duration(i)*time.Hour))
		if i < 3 {
			_, err := s.MoveReplay(ctx, id, "cancel", noon.Add(time.Duration(i)*time.Hour))
			must(t, err)
		}
		must(t, s.WriteReplayPart(ctx, id, []execution.Sequenced{{Sequence: 0}}))
		must(t, s.ProjectReplay(ctx, id, []execution.Sequenced{{Recorded: execution.Recorded{Event: execution.NewEvent("x1", "ann", "saga", "saga_started", noon)}}}))
	}
	page, next, err := s.Replays(ctx, "", "", 2)
	if err != nil || len(page) != 2 || page[0].ID != "r4" || next == "" {
		t.Fatalf("%+v %q %v", page, next, err)
	}
	if page, next, err = s.Replays(ctx, "", next, 3); err != nil || len(page) != 3 || page[2].ID != "r0" || next != "" {
		t.Errorf("%+v %q %v", page, next, err)
	}
	if page, _, err = s.Replays(ctx, execution.ReplayCreated, "", 10); err != nil || len(page) != 2 {
		t.Errorf("%+v %v", page, err)
	}
	n, err := s.CleanReplays(ctx, noon.Add(2*time.Hour))
	if err != nil || n != 2 {
		t.Errorf("removed %d, %v", n, err)
	}
	if page, _, err = s.Replays(ctx, "", "", 10); err != nil || len(page) != 3 {
		t.Errorf("left are %+v %v", page, err)
	}
	names, err := s.db.ListCollectionNames(ctx, bson.M{})
	must(t, err)
	shadows := 0
	for _, name := range names {
		if strings.HasPrefix(name, "replay_r") {
			shadows++
		}
	}
	parts, err := s.replayParts.CountDocuments(ctx, bson.M{})
	if shadows != 6 || parts != 3 || err != nil {
		t.Errorf("left are %d shadows and %d parts, %v", shadows, parts, err)
	}
}

func TestPartThatIsWrittenAgainReplacesItself(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	event := func(i int64, text string) execution.Sequenced {
		e := execution.NewEvent("x1", "ann", "saga", "saga_failed", noon)
		e.ID, e.Saga = fmt.Sprint("e", i), &execution.Saga{Cause: text}
		return execution.Sequenced{Recorded: execution.Recorded{Event: e}, Sequence: i, SessionID: "r1"}
	}
	large := strings.Repeat("x", 3<<20)
	must(t, s.WriteReplayPart(ctx, "r1", []execution.Sequenced{event(0, "a"), event(1, "b")}))
	must(t, s.WriteReplayPart(ctx, "r1", []execution.Sequenced{event(2, large), event(3, large), event(4, "c")}))
	must(t, s.WriteReplayPart(ctx, "r1", []execution.Sequenced{event(2, large), event(3, "d"), event(4, "c"), event(5, "d")}))
	var b bytes.Buffer
	must(t, s.ReplayFile(ctx, "r1", &b))
	var ids []string
	for line := range strings.Lines(b.String()) {
		_, rest, _ := strings.Cut(line, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		ids = append(ids, id)
	}
	if strings.Join(ids, " ") != "e0 e1 e2 e3 e4 e5" || !strings.Contains(b.String(), `"replay_session_id":"r1"`) {
		t.Error(ids)
	}
}

// What the platform reads is as it was.
func TestProjectionOfAReplayIsBesideTheLiveOnes(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	ended := execution.NewEnding(x.ID, "ann", execution.SourceKube, execution.Outcome{Status: execution.Failed, ErrorType: "script_error"}, noon)
	events := []execution.Sequenced{
		{Recorded: execution.Recorded{Event: execution.NewEvent(x.ID, "ann", execution.SourceKube, execution.PodRunning, noon), Offset: 4}},
		{Recorded: execution.Recorded{Event: ended, Offset: 5}, Sequence: 1},
	}
	for range 2 {
		must(t, s.ProjectReplay(ctx, "r1", events))
	}
	var got execution.Derived
	_, stand := s.shadows("r1")
	must(t, stand.FindOne(ctx, bson.M{"_id": x.ID}).Decode(&got))
	if got.Status != execution.Failed || got.Outcome == nil {
		t.Errorf("%+v", got)
	}
	live, err := s.Get(ctx, x.ID)
	n, countErr := s.CountEvents(ctx, execution.EventQuery{})
	if err != nil || countErr != nil || live.Status != execution.Queued || n != 0 {
		t.Errorf("the live one is %s, %d events, %v %v", live.Status, n, err, countErr)
	}
}
