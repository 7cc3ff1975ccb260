package web

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

func TestCrowdedPools(t *testing.T) {
	c := execution.Capacity{UserID: "ann", Language: "python", CPUMillis: 1000, MemoryBytes: 100}
	free := execution.PoolStatus{Policy: execution.PoolPolicy{Executions: 2}, Running: 1, CPUMillis: 1000, MemoryBytes: 100}
	tests := []struct {
		name   string
		change func(*execution.PoolStatus)
		want   bool
	}{
		{"there is room", func(*execution.PoolStatus) {}, false},
		{"somebody waits", func(p *execution.PoolStatus) { p.Waiting = 1 }, true},
		{"as many run as may", func(p *execution.PoolStatus) { p.Running = 2 }, true},
		{"it is paused", func(p *execution.PoolStatus) { p.Policy.Paused = true }, true},
		{"another language is paused", func(p *execution.PoolStatus) { p.Policy.PausedLanguages = []string{"go"} }, false},
		{"the language is paused", func(p *execution.PoolStatus) { p.Policy.PausedLanguages = []string{"python"} }, true},
		{"the CPU just fits", func(p *execution.PoolStatus) { p.Policy.CPUMillis = 2000 }, false},
		{"the CPU does, for it is given out twice", func(p *execution.PoolStatus) { p.Policy.CPUMillis, p.Policy.Overcommit = 1000, 2 }, false},
		{"the CPU does not", func(p *execution.PoolStatus) { p.Policy.CPUMillis = 1999 }, true},
		{"the memory does not", func(p *execution.PoolStatus) { p.Policy.MemoryBytes = 199 }, true},
		{"the user runs as many as may", func(p *execution.PoolStatus) {
			p.Policy.UserRunning, p.TopUsers = 1, []execution.UserCount{{UserID: "bob"}, {UserID: "ann", Running: 1}}
		}, true},
		{"another user does", func(p *execution.PoolStatus) {
			p.Policy.UserRunning, p.TopUsers = 1, []execution.UserCount{{UserID: "bob", Running: 1}}
		}, false},
	}
	for _, tt := range tests {
		p := free
		tt.change(&p)
		if got := crowded(p, c); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// Who will wait is told where, in the answer; nobody else is held up.
func TestAnswerShowsThePlaceInTheQueue(t *testing.T) {
	const later = `{"language":"py","script":"1","scheduled_at":"2000-01-05T00:00:00Z"}` // it is 2000-01-01
	tests := []struct {
		name, body string
		paused     bool
		placed     time.Duration // when its saga has taken the place; 0: never
		took       time.Duration // at most
		want       bool
	}{
		{"it will wait", small, true, 12 * time.Millisecond, 20 * time.Millisecond, true},
		{"it got in, after all", small, true, 0, placeTimeout, false},
		{"there is room", small, false, time.Millisecond, 0, false},
		{"it waits for its time", later, true, time.Millisecond, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, _ := serve(nil)
				q := s.Queue.(*queue)
				q.policy.Paused = tt.paused
				if tt.placed > 0 {
					time.AfterFunc(tt.placed, func() { q.mu.Lock(); q.place = &execution.Queue{Position: 7}; q.mu.Unlock() })
				}
				start := time.Now()
				v := read[View](t, ask(s, "POST", executions, tt.body))
				if took := time.Since(start); (v.Queue != nil) != tt.want || v.ID == "" || took > tt.took {
					t.Errorf("%+v after %s", v.Queue, took)
				}
			})
		})
	}
}
