package store

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestAnAlarmIsToldOnce(t *testing.T) {
	s := openStore(t)
	for i, step := range []struct {
		level, was string
		changes    int64
	}{{"ok", "ok", 0}, {"warning", "ok", 1}, {"warning", "warning", 0}, {"critical", "warning", 1}, {"ok", "critical", 1}} {
		var changes atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				was, changed, err := s.Raise(t.Context(), "x", step.level)
				if err != nil {
					t.Error(err)
				}
				if changed {
					if changes.Add(1); was != step.was {
						t.Errorf("%d: it was %s", i, was)
					}
				}
			})
		}
		if all.Wait(); changes.Load() != step.changes {
			t.Errorf("%d: %d changes, want %d", i, changes.Load(), step.changes)
		}
	}
}
