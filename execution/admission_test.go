package execution

import (
	"testing"
	"time"
)

func TestPoliciesAreWithinBounds(t *testing.T) {
	good := PoolPolicy{Executions: 10, UserQueued: 1000, Queued: 10_000, MaxQueueSeconds: 3600, AgeingSeconds: 300, Weights: []Weight{{"ann", 0.01}, {"bob", 100}}}
	tests := []struct {
		field string // that is wrong; empty: none
		edit  func(*PoolPolicy)
	}{
		{"", func(*PoolPolicy) {}},
		{"", func(p *PoolPolicy) { p.UserQueued, p.MaxQueueSeconds, p.AgeingSeconds = 0, 0, 0 }},
		{"max_executions", func(p *PoolPolicy) { p.Executions = 0 }},
		{"max_executions", func(p *PoolPolicy) { p.Executions = 1001 }},
		{"max_running_per_user", func(p *PoolPolicy) { p.UserRunning = -1 }},
		{"max_queued_per_user", func(p *PoolPolicy) { p.UserQueued = 10_001 }},
		{"max_queued", func(p *PoolPolicy) { p.Queued = 0 }},
		{"max_queued", func(p *PoolPolicy) { p.Queued = 50_001 }},
		{"cpu_millis", func(p *PoolPolicy) { p.CPUMillis = -1 }},
		{"memory_bytes", func(p *PoolPolicy) { p.MemoryBytes = -1 }},
		{"max_queue_seconds", func(p *PoolPolicy) { p.MaxQueueSeconds = 59 }},
		{"ageing_seconds", func(p *PoolPolicy) { p.AgeingSeconds = 0.5 }},
		{"paused_languages", func(p *PoolPolicy) { p.PausedLanguages = make([]string, 101) }},
		{"weights", func(p *PoolPolicy) { p.Weights = make([]Weight, 1001) }},
		{"weights.weight", func(p *PoolPolicy) { p.Weights = []Weight{{"ann", 0}} }},
		{"weights.user_id", func(p *PoolPolicy) { p.Weights = []Weight{{"ann", 1}, {"ann", 2}} }},
	}
	for _, tt := range tests {
		p := good
		tt.edit(&p)
		err := p.Validate()
		fields, _ := err.(FieldErrors) //nolint:errorlint // as it is
		if (err == nil) != (tt.field == "") || err != nil && fields[0].Field != tt.field {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
}

// A run may wait since it was submitted, or since the time that it was
// submitted for.
func TestCapacityIsDue(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, later := range []time.Duration{-time.Hour, 0, time.Hour} {
		x := Execution{CreatedAt: noon, NotBefore: new(noon.Add(later))}
		if got := CapacityOf(x).Due; !got.Equal(noon.Add(max(0, later))) {
			t.Errorf("%s later: due %s", later, got)
		}
	}
	if got := CapacityOf(Execution{CreatedAt: noon}).Due; !got.Equal(noon) {
		t.Errorf("due %s", got)
	}
}
