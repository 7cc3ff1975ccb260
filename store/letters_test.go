package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// dead is a letter of the projector that has just died.
func dead(offset int64, key, class string) execution.Letter {
	o := execution.LetterOrigin{Topic: "execution_events", Partition: 3, Offset: offset, Group: "projector", At: noon}
	return execution.Letter{
		ID: execution.LetterID(o), Origin: o, EventID: fmt.Sprint("e", offset), EventType: "execution_queued", ExecutionID: key, Class: class, Error: "no", Attempts: 3,
		FirstFailure: noon, Key: []byte(key), Value: []byte("value"), Headers: []execution.LetterHeader{{Key: "ce_id", Value: "e"}},
	}
}

func capture(t *testing.T, s *Store, l execution.Letter) execution.Letter {
	t.Helper()
	l, err := s.Capture(t.Context(), l)
	must(t, err)
	return l
}

// due lets a letter be due now.
func due(t *testing.T, s *Store, id string) {
	t.Helper()
	_, err := s.letters.UpdateOne(t.Context(), bson.M{"_id": id}, bson.M{"$set": bson.M{"due": time.Now().Add(-time.Second)}})
	must(t, err)
}

// sent wants the letter id to be redriven in a round.
func sent(t *testing.T, s *Store, id string, round int) {
	t.Helper()
	l, step, send, err := s.StepLetter(t.Context(), id)
	if err != nil || !send || l.Round != round || string(l.Value) != "value" || step.Over || step.Wait != redriveLost {
		t.Fatalf("%+v, %+v, sent %v, %v; want round %d", l, step, send, err, round)
	}
}

func letter(t *testing.T, s *Store, id string) execution.Letter {
	t.Helper()
	l, err := s.Letter(t.Context(), id)
	must(t, err)
	return l
}

// DL-01, DL-03, DL-07: a letter is captured once, redriven by its policy, each
// round once, and parked when that did not help.
func TestLettersAreRedrivenAndParked(t *testing.T) {
	s := openStore(t)
	l := capture(t, s, dead(1, "x", "internal"))
	if again := capture(t, s, dead(1, "x", "internal")); l.Status != execution.LetterScheduled || len(again.History) != 1 || !again.Due.Equal(l.Due) {
		t.Errorf("%+v\n%+v", l, again)
	}
	if _, step, send, err := s.StepLetter(t.Context(), l.ID); err != nil || send || step.Over || step.Wait < 20*time.Second || step.Wait > 33*time.Second {
		t.Errorf("at first: %+v, %v, %v", step, send, err)
	}
	for round := 1; round <= 5; round++ {
		due(t, s, l.ID)
		sent(t, s, l.ID, round)
		if _, step, send, err := s.StepLetter(t.Context(), l.ID); err != nil || send || step.Wait <= redriveLost-time.Minute {
			t.Errorf("while it is on its way: %+v, %v, %v", step, send, err)
		}
		died := dead(1, "x", "conflict")
		died.Round = round
		for range 2 { // the second time it is known
			l = capture(t, s, died)
		}
		if len(l.History) != 1+2*round || l.Class != "conflict" || l.Attempts != 3+3*round {
			t.Errorf("%+v", l)
		}
	}
	if l.Status != execution.LetterParked || l.Reason == "" || !l.Due.IsZero() || !l.Expires.IsZero() {
		t.Errorf("%+v", l)
	}
	if _, step, send, err := s.StepLetter(t.Context(), l.ID); err != nil || send || !step.Over {
		t.Errorf("parked: %+v, %v, %v", step, send, err)
	}
	l, err := s.RetryLetter(t.Context(), l.ID, "op")
	if err != nil || l.Status != execution.LetterScheduled || l.Tries != 0 || l.Round != 5 {
		t.Errorf("asked for: %+v, %v", l, err)
	}
	sent(t, s, l.ID, 6)
	must(t, s.SettleLetter(t.Context(), l.ID, 6))
	must(t, s.SettleLetter(t.Context(), l.ID, 6))
	must(t, s.SettleLetter(t.Context(), "nobody", 1))
	if l = letter(t, s, l.ID); l.Status != execution.LetterRetried || l.Expires.Before(time.Now().Add(29*24*time.Hour)) || l.History[len(l.History)-1].What != "retried" || l.History[len(l.History)-2].What != "redriven" {
		t.Errorf("settled: %+v", l)
	}
	if _, err := s.RetryLetter(t.Context(), l.ID, "op"); execution.KindOf(err) != execution.Conflict {
		t.Errorf("retried again: %v", err)
	}
}

// A redrive whose outcome got lost is sent again, in the same round.
func TestALostRedriveIsSentAgain(t *testing.T) {
	s := openStore(t)
	l := capture(t, s, dead(1, "x", "internal"))
	due(t, s, l.ID)
	sent(t, s, l.ID, 1)
	must(t, s.UnsendLetter(t.Context(), l.ID, 2)) // of another round
	if _, _, send, err := s.StepLetter(t.Context(), l.ID); err != nil || send {
		t.Errorf("sent %v, %v", send, err)
	}
	must(t, s.UnsendLetter(t.Context(), l.ID, 1))
	sent(t, s, l.ID, 1)
	if ids, err := s.LettersDue(t.Context(), time.Now().Add(time.Minute+redriveLost)); err != nil || !slices.Equal(ids, []string{l.ID}) {
		t.Errorf("%q, %v", ids, err)
	}
	if ids, err := s.LettersDue(t.Context(), time.Now()); err != nil || len(ids) != 0 {
		t.Errorf("%q, %v", ids, err)
	}
}

// What has the same key is redriven in its order; what is parked holds up nobody.
func TestLettersOfAKeyKeepTheirOrder(t *testing.T) {
	s := openStore(t)
	var ids []string
	for i, key := range []string{"x", "x", "y"} {
		l := capture(t, s, dead(int64(i), key, "internal"))
		ids = append(ids, l.ID)
		due(t, s, l.ID)
	}
	if _, step, send, err := s.StepLetter(t.Context(), ids[1]); err != nil || send || step.Wait != redriveBehind {
		t.Errorf("%+v, %v, %v", step, send, err)
	}
	if l := letter(t, s, ids[1]); l.Behind != ids[0] {
		t.Errorf("behind %q", l.Behind)
	}
	sent(t, s, ids[2], 1)
	must(t, s.ParkLetter(t.Context(), ids[0], "why"))
	sent(t, s, ids[1], 1)
	if l := letter(t, s, ids[1]); l.Behind != "" {
		t.Errorf("behind %q", l.Behind)
	}
}

// DL-06: what a person gives up is kept for 90 days, and can be restored.
func TestLettersAreDiscardedAndRestored(t *testing.T) {
	s := openStore(t)
	l := capture(t, s, dead(1, "x", "invalid"))
	if l.Status != execution.LetterParked {
		t.Errorf("what nothing helps is %s", l.Status)
	}
	for status, do := range map[execution.LetterStatus]func() (execution.Letter, error){
		execution.LetterDiscarded: func() (execution.Letter, error) { return s.DiscardLetter(t.Context(), l.ID, "op", "rubbish") },
		execution.LetterArchived:  func() (execution.Letter, error) { return s.ArchiveLetter(t.Context(), l.ID, "op", "rubbish") },
	} {
		l, err := do()
		if err != nil || l.Status != status || l.By != "op" || l.Reason != "rubbish" || l.Expires.Before(time.Now().Add(89*24*time.Hour)) || string(l.Value) != "value" {
			t.Errorf("%s: %+v, %v", status, l, err)
		}
		if _, err := do(); execution.KindOf(err) != execution.Conflict {
			t.Errorf("%s again: %v", status, err)
		}
		must(t, s.ParkLetter(t.Context(), l.ID, "late"))
		must(t, s.SettleLetter(t.Context(), l.ID, 0))
		l, err = s.RestoreLetter(t.Context(), l.ID, "op", "after all")
		if err != nil || l.Status != execution.LetterParked || !l.Expires.IsZero() {
			t.Errorf("restored from %s: %+v, %v", status, l, err)
		}
	}
	if _, err := s.RestoreLetter(t.Context(), l.ID, "op", "x"); execution.KindOf(err) != execution.Conflict {
		t.Errorf("restored again: %v", err)
	}
	if _, err := s.DiscardLetter(t.Context(), "nobody", "op", "x"); execution.KindOf(err) != execution.NotFound {
		t.Errorf("nobody: %v", err)
	}
}

// DL-02, DL-09.
func TestLettersAreListedAndCounted(t *testing.T) {
	s := openStore(t)
	var all []string
	for i := range 5 {
		l := capture(t, s, dead(int64(i), fmt.Sprint("x", i%2), []string{"internal", "invalid"}[i%2]))
		all = append(all, l.ID)
	}
	due(t, s, all[0])
	sent(t, s, all[0], 1)
	must(t, s.SettleLetter(t.Context(), all[0], 1))
	var seen []string
	for f := (execution.LetterFilter{Limit: 2}); ; {
		page, next, err := s.Letters(t.Context(), f)
		must(t, err)
		for _, l := range page {
			if seen = append(seen, l.ID); l.Value != nil || len(l.History) == 0 {
				t.Errorf("%+v", l)
			}
		}
		if f.Cursor = next; next == "" {
			break
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, slices.Sorted(slices.Values(all))) {
		t.Errorf("%q of %q", seen, all)
	}
	for want, f := range map[int]execution.LetterFilter{
		1: {Statuses: []execution.LetterStatus{execution.LetterRetried, execution.LetterDiscarded}},
		2: {Class: "invalid"},
		3: {Execution: "x0", Topic: "execution_events", Group: "projector", Type: "execution_queued"},
		0: {OlderThan: time.Hour},
	} {
		f.Limit = 100
		if page, _, err := s.Letters(t.Context(), f); err != nil || len(page) != want {
			t.Errorf("%+v: %d, %v; want %d", f, len(page), err, want)
		}
	}
	if _, _, err := s.Letters(t.Context(), execution.LetterFilter{Cursor: "x", Limit: 1}); execution.KindOf(err) != execution.Invalid {
		t.Errorf("a wrong cursor: %v", err)
	}
	f, err := s.LetterFigures(t.Context())
	if err != nil || f.Waiting != 4 || f.ByStatus[execution.LetterParked] != 2 || f.ByStatus[execution.LetterRetried] != 1 || f.ByTopic["execution_events"] != 4 || f.ByClass["invalid"] != 2 ||
		f.ByGroup["projector"] != 4 || f.ByType["execution_queued"] != 4 || f.Redriven != 1 || f.Retried != 1 || time.Since(f.Oldest) > time.Minute {
		t.Errorf("%+v, %v", f, err)
	}
}

// What a person has asked for is done, whatever policy is set meanwhile.
func TestPoliciesLeaveWhatAPersonAskedFor(t *testing.T) {
	s := openStore(t)
	l := capture(t, s, dead(1, "x", "invalid"))
	_, err := s.RetryLetter(t.Context(), l.ID, "op")
	must(t, err)
	changed, err := s.SetRedrivePolicy(t.Context(), execution.RedrivePolicy{Topic: "execution_output", Strategy: execution.RedriveManual})
	if err != nil || len(changed) != 0 {
		t.Errorf("%q, %v", changed, err)
	}
	sent(t, s, l.ID, 1)
}

// DL-04: a policy acts on what waits, too.
func TestPoliciesActOnWhatWaits(t *testing.T) {
	s := openStore(t)
	l, other := capture(t, s, dead(1, "x", "internal")), capture(t, s, dead(2, "y", "conflict"))
	p := execution.RedrivePolicy{Class: "internal", Strategy: execution.RedriveManual, By: "op"}
	changed, err := s.SetRedrivePolicy(t.Context(), p)
	if err != nil || !slices.Equal(changed, []string{l.ID}) {
		t.Errorf("%q, %v", changed, err)
	}
	if got := letter(t, s, l.ID); got.Status != execution.LetterPending || !got.Due.IsZero() {
		t.Errorf("%+v", got)
	}
	if got := letter(t, s, other.ID); !got.Due.Equal(other.Due) {
		t.Errorf("the other one: %+v", got)
	}
	all, err := s.RedrivePolicies(t.Context())
	if err != nil || len(all) != len(execution.DefaultRedrivePolicies)+1 || all[0].ID != "class:internal" || all[0].By != "op" {
		t.Errorf("%+v, %v", all, err)
	}
	if changed, err = s.RemoveRedrivePolicy(t.Context(), "class:internal"); err != nil || !slices.Equal(changed, []string{l.ID}) {
		t.Errorf("%q, %v", changed, err)
	}
	if got := letter(t, s, l.ID); got.Status != execution.LetterScheduled || !got.Due.Equal(l.Due) {
		t.Errorf("%+v, was due %s", got, l.Due)
	}
	if _, err = s.RemoveRedrivePolicy(t.Context(), "class:internal"); execution.KindOf(err) != execution.NotFound {
		t.Errorf("again: %v", err)
	}
}
