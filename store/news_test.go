package store

import (
	"slices"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// untold are the types of what is to be told of letters.
func untold(t *testing.T, s *Store) (letters []execution.Letter, types []execution.PlatformType) {
	t.Helper()
	letters, err := s.UntoldLetters(t.Context(), 10)
	must(t, err)
	for _, l := range letters {
		for _, e := range l.News() {
			types = append(types, e.Type)
		}
	}
	return letters, types
}

// DL-10: what happens to a letter is to be told from the write on that does it,
// until somebody has; what happens meanwhile stays to be told.
func TestWhatHappensToLettersIsToldOnce(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	l := capture(t, s, dead(1, "x", "invalid"))
	first, types := untold(t, s)
	if !slices.Equal(types, []execution.PlatformType{execution.LetterReceivedEvent}) || first[0].Value != nil {
		t.Fatalf("%v", types)
	}
	_, err := s.DiscardLetter(ctx, l.ID, "op", "a duplicate")
	must(t, err)
	must(t, s.ToldLetter(ctx, first[0])) // too late: there is more by now
	both, types := untold(t, s)
	if !slices.Equal(types, []execution.PlatformType{execution.LetterReceivedEvent, execution.LetterDiscardedEvent}) {
		t.Fatalf("%v", types)
	}
	must(t, s.ToldLetter(ctx, both[0]))
	if _, types = untold(t, s); types != nil {
		t.Fatalf("%v", types)
	}
	_, err = s.RestoreLetter(ctx, l.ID, "op", "no, it is not")
	must(t, err)
	_, err = s.ArchiveLetter(ctx, l.ID, "op", "later")
	must(t, err)
	must(t, s.ToldLetter(ctx, both[0])) // another teller, who was slow
	if _, types = untold(t, s); !slices.Equal(types, []execution.PlatformType{execution.LetterRestoredEvent, execution.LetterArchivedEvent}) {
		t.Errorf("%v", types)
	}
}

func TestEventsOfThePlatformAreKeptOnce(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	at := func(n int) time.Time { return moment().Add(time.Duration(n) * time.Minute) }
	for _, e := range []execution.PlatformEvent{
		{ID: "a", Type: "t", At: at(0)}, {ID: "b", Type: "u", UserID: "op", At: at(1)}, {ID: "a", Type: "t", At: at(0)}, {ID: "c", Type: "t", At: at(2)},
	} {
		must(t, s.KeepPlatformEvent(ctx, e))
	}
	for _, tt := range []struct {
		q    execution.PlatformQuery
		want []string
	}{
		{execution.PlatformQuery{}, []string{"c", "b", "a"}},
		{execution.PlatformQuery{Types: []execution.PlatformType{"t"}}, []string{"c", "a"}},
		{execution.PlatformQuery{UserID: "op"}, []string{"b"}},
		{execution.PlatformQuery{From: at(1).Add(-time.Second), To: at(2).Add(-time.Second)}, []string{"b"}},
	} {
		var got []string
		for tt.q.Limit = 1; ; {
			page, next, err := s.PlatformEvents(ctx, tt.q)
			must(t, err)
			for _, e := range page {
				got = append(got, e.ID)
			}
			if next == "" {
				break
			}
			tt.q.Cursor = next
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v", tt.q, got)
		}
	}
}
