package store

import (
	"slices"
	"testing"
	"time"
)

func TestSetupIsIdempotent(t *testing.T) {
	s := openStore(t) // the first time
	changes, err := s.Setup(t.Context())
	if err != nil || len(changes) != 0 {
		t.Errorf("the second time: %q, %v", changes, err)
	}
	must(t, s.keys.Indexes().DropOne(t.Context(), "life"))
	changes, err = s.Setup(t.Context())
	if want := []string{"created index life of idempotency_keys"}; err != nil || !slices.Equal(changes, want) {
		t.Errorf("after one was lost: %q, %v", changes, err)
	}
	must(t, s.Ping(t.Context()))
}

// EV-16: how long events are kept is a setting, and a change of it counts for
// those that are there.
func TestEventsLiveAsLongAsIsSaid(t *testing.T) {
	s := openStore(t)
	s.EventLife = 7 * 24 * time.Hour
	changes, err := s.Setup(t.Context())
	want := []string{"documents of events live 168h0m0s, they lived 2160h0m0s", "documents of events_archive live 168h0m0s, they lived 2160h0m0s"}
	if err != nil || !slices.Equal(changes, want) {
		t.Fatalf("%q, %v", changes, err)
	}
	if changes, err = s.Setup(t.Context()); err != nil || len(changes) != 0 {
		t.Errorf("the second time: %q, %v", changes, err)
	}
}
