package store

import (
	"slices"
	"testing"
	"time"
)

func TestSetupIsIdempotent(t *testing.T) {
	s := openStore(t) // the first time
	changes, err := s.Setup(t.Context(), false)
	if err != nil || len(changes) != 0 {
		t.Errorf("the second time: %q, %v", changes, err)
	}
	must(t, s.keys.Indexes().DropOne(t.Context(), "life"))
	for _, dry := range []bool{true, true, false} {
		changes, err = s.Setup(t.Context(), dry)
		if want := []string{"created index life of idempotency_keys"}; err != nil || !slices.Equal(changes, want) {
			t.Errorf("after one was lost, dry %t: %q, %v", dry, changes, err)
		}
	}
	must(t, s.Ping(t.Context()))
}

// EV-16: how long events are kept is a setting, and a change of it counts for
// those that are there.
func TestEventsLiveAsLongAsIsSaid(t *testing.T) {
	s := openStore(t)
	s.EventLife = 7 * 24 * time.Hour
	var want []string
	for _, name := range []string{"events", "events_archive", "platform_events"} {
		want = append(want, "let documents of "+name+" live 168h0m0s (was 2160h0m0s)")
	}
	for _, dry := range []bool{true, true, false} {
		if changes, err := s.Setup(t.Context(), dry); err != nil || !slices.Equal(changes, want) {
			t.Fatalf("dry %t: %q, %v", dry, changes, err)
		}
	}
	if changes, err := s.Setup(t.Context(), false); err != nil || len(changes) != 0 {
		t.Errorf("the second time: %q, %v", changes, err)
	}
}
