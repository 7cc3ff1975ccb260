package store

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

func TestAnAlarmIsToldOnce(t *testing.T) {
	s := openStore(t)
	for i, step := range []struct{ from, to, is execution.AlarmLevel }{
		{execution.AlarmOK, execution.AlarmWarning, execution.AlarmWarning},
		{execution.AlarmWarning, execution.AlarmCritical, execution.AlarmCritical},
		{execution.AlarmCritical, execution.AlarmOK, execution.AlarmOK},
		{execution.AlarmOK, execution.AlarmWarning, execution.AlarmWarning},
	} {
		var changes atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				changed, err := s.Raise(t.Context(), "x", step.from, step.to)
				if err != nil {
					t.Error(err)
				}
				if changed {
					changes.Add(1)
				}
			})
		}
		all.Wait()
		if level, err := s.Alarm(t.Context(), "x"); changes.Load() != 1 || level != step.is || err != nil {
			t.Errorf("%d: %d changes, %s, %v", i, changes.Load(), level, err)
		}
	}
	if changed, err := s.Raise(t.Context(), "x", execution.AlarmOK, execution.AlarmCritical); changed || err != nil { // it is at warning
		t.Errorf("from another level: %v, %v", changed, err)
	}
	if level, err := s.Alarm(t.Context(), "never raised"); level != execution.AlarmOK || err != nil {
		t.Errorf("%s, %v", level, err)
	}
}
