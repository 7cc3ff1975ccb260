package store

import (
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

func TestDeliveriesAreKeptInOrder(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := execution.Execution{ID: execution.NewID(), UserID: "ann", CallbackURL: "https://example.com/"}
	must(t, s.Create(ctx, x))
	for i, f := range []execution.DeliveryFailure{execution.BadAnswer, execution.NoAnswer, ""} {
		must(t, s.Note(ctx, execution.Delivery{ExecutionID: x.ID, UserID: "ann", Host: "example.com", Delivery: 1, Number: i + 1, At: noon.Add(time.Duration(i) * time.Second), Failure: f}))
	}
	must(t, s.Note(ctx, execution.Delivery{ExecutionID: "other", UserID: "ann", Host: "example.com", At: noon}))
	all, err := s.Deliveries(ctx, x.ID)
	if err != nil || len(all) != 3 || all[0].Failure != execution.BadAnswer || all[2].Number != 3 || all[2].Failure != "" || !all[2].At.Equal(noon.Add(2*time.Second)) {
		t.Errorf("%+v, %v", all, err)
	}
	for id, want := range map[execution.ID]string{x.ID: "https://example.com/", "nobody": ""} {
		if url, err := s.CallbackOf(ctx, id); url != want || err != nil {
			t.Errorf("%s: %q, %v", id, url, err)
		}
	}
}

// A host is left alone after twenty failures in a row, but not within an hour;
// one success brings it back. Those of others are not concerned.
func TestAHostThatAlwaysFailsIsSwitchedOff(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	at := noon
	note := func(user string, every time.Duration, n int, f execution.DeliveryFailure) {
		t.Helper()
		for range n {
			must(t, s.Note(ctx, execution.Delivery{ExecutionID: "x", UserID: user, Host: "Example.com:8443", At: at, Failure: f}))
			at = at.Add(every)
		}
	}
	off := func(user string, want bool) {
		t.Helper()
		if got, err := s.SwitchedOff(ctx, user, "example.com:8443"); got != want || err != nil {
			t.Errorf("of %s: %t, %v; want %t", user, got, err, want)
		}
	}
	off("ann", false)
	note("ann", time.Second, 30, execution.BadAnswer) // a burst
	off("ann", false)
	at = at.Add(time.Hour)
	note("ann", 0, 1, execution.NoAnswer)
	off("ann", true)
	off("bob", false)
	note("ann", 0, 5, execution.SwitchedOff) // nothing was tried, so nothing was learnt
	off("ann", true)
	note("ann", 0, 1, "")
	off("ann", false)
	note("bob", 5*time.Minute, 19, execution.NotConnected) // long enough, too few
	off("bob", false)
	note("bob", 0, 1, execution.NotConnected)
	off("bob", true)
}
