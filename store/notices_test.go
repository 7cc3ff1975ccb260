package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

func told(t *testing.T, s *Store, user, what string, severity execution.Severity, tags ...string) execution.Notice {
	t.Helper()
	n := execution.NewNotice(user, what, severity, what, "body", noon, tags...)
	must(t, s.KeepNotice(t.Context(), n))
	return n
}

func subjects(page []execution.Notice) (all []string) {
	for _, n := range page {
		all = append(all, n.Subject)
	}
	return all
}

// NO-02: what is told twice is one, and each user sees only their own.
func TestNoticesAreKeptOnceAndInOrder(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	for _, what := range []string{"a", "b", "a", "c", "b"} {
		told(t, s, "ann", what, execution.SeverityHigh, "execution", "exec:"+what)
	}
	told(t, s, "bob", "a", execution.SeverityLow)
	all, err := s.NoticesSince(ctx, "ann", 0, 100)
	if got := subjects(all); err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("%v, %v", got, err)
	}
	rest, err := s.NoticesSince(ctx, "ann", all[0].Number, 1)
	if got := subjects(rest); err != nil || !slices.Equal(got, []string{"b"}) {
		t.Errorf("%v, %v", got, err)
	}
	last, err := s.LastNotice(ctx, "ann")
	if err != nil || last != all[2].Number {
		t.Errorf("%d, %v", last, err)
	}
	if n, err := s.LastNotice(ctx, "nobody"); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, tt := range []struct {
		f    execution.NoticeFilter
		want []string
	}{
		{execution.NoticeFilter{}, []string{"c", "b", "a"}},
		{execution.NoticeFilter{Tag: "exec:b"}, []string{"b"}},
		{execution.NoticeFilter{Tag: "exec*"}, []string{"c", "b", "a"}},
		{execution.NoticeFilter{Tag: "exec:*b"}, nil},
		{execution.NoticeFilter{Severity: execution.SeverityLow}, nil},
	} {
		var got []string
		for tt.f.Limit = 2; ; {
			page, next, err := s.Notices(ctx, "ann", tt.f)
			must(t, err)
			if got = append(got, subjects(page)...); next == "" {
				break
			}
			tt.f.Cursor = next
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v", tt.f, got)
		}
	}
	if _, _, err := s.Notices(ctx, "ann", execution.NoticeFilter{Cursor: "x", Limit: 1}); execution.KindOf(err) != execution.Invalid {
		t.Errorf("a cursor of somebody's own: %v", err)
	}
}

func TestNoticesAreReadAndDeleted(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	a, b := told(t, s, "ann", "a", execution.SeverityHigh), told(t, s, "ann", "b", execution.SeverityHigh)
	told(t, s, "ann", "c", execution.SeverityHigh)
	unread := func(want int64) {
		t.Helper()
		if n, err := s.UnreadNotices(ctx, "ann"); n != want || err != nil {
			t.Errorf("%d unread, %v; want %d", n, err, want)
		}
	}
	unread(3)
	first, err := s.ReadNotice(ctx, "ann", a.ID)
	must(t, err)
	again, err := s.ReadNotice(ctx, "ann", a.ID)
	if err != nil || first.Read.IsZero() || !again.Read.Equal(first.Read) {
		t.Errorf("%v %v %v", first.Read, again.Read, err)
	}
	unread(2)
	must(t, s.DeleteNotice(ctx, "ann", b.ID))
	unread(1)
	must(t, s.KeepNotice(ctx, b)) // it comes again
	unread(1)
	if page, _, err := s.Notices(ctx, "ann", execution.NoticeFilter{Unread: true, Limit: 10}); err != nil || !slices.Equal(subjects(page), []string{"c"}) {
		t.Errorf("%v, %v", subjects(page), err)
	}
	_, err = s.ReadNotice(ctx, "bob", a.ID)
	for name, err := range map[string]error{"read by another": err, "deleted by another": s.DeleteNotice(ctx, "bob", a.ID), "deleted twice": s.DeleteNotice(ctx, "ann", b.ID)} {
		if execution.KindOf(err) != execution.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := s.ReadNotices(ctx, "ann"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	unread(0)
}

// Two who write at once, as after a rebalance, give no number twice.
func TestNoticesOfTwoWritersAreNumberedApart(t *testing.T) {
	s := openStore(t)
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for j := range 5 {
				if err := s.KeepNotice(t.Context(), execution.NewNotice("ann", fmt.Sprint(i, j), execution.SeverityLow, "s", "", noon)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	all, err := s.NoticesSince(t.Context(), "ann", 0, 100)
	must(t, err)
	for i := range all[1:] {
		if all[i].Number >= all[i+1].Number {
			t.Errorf("%d is before %d", all[i].Number, all[i+1].Number)
		}
	}
	if len(all) != 40 {
		t.Errorf("%d notices", len(all))
	}
}
