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
		{"reserve_percent", func(p *PoolPolicy) { p.ReservePercent = 51 }},
		{"overcommit", func(p *PoolPolicy) { p.Overcommit = 0.9 }},
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

// AD-09.
func TestBudgets(t *testing.T) {
	const gib = 1 << 30
	for name, tt := range map[string]struct {
		policy       PoolPolicy
		largest, all Budget
	}{
		"no bounds":                {PoolPolicy{ReservePercent: 10, Overcommit: 2}, Budget{}, Budget{}},
		"all of it, once":          {PoolPolicy{CPUMillis: 3000, MemoryBytes: gib}, Budget{3000, gib}, Budget{3000, gib}},
		"a tenth is kept back":     {PoolPolicy{CPUMillis: 10_000, MemoryBytes: 10 * gib, ReservePercent: 10}, Budget{9000, 9 * gib}, Budget{9000, 9 * gib}},
		"but not more than enough": {PoolPolicy{CPUMillis: 32_000, MemoryBytes: 64 * gib, ReservePercent: 10, Overcommit: 1.2}, Budget{30_000, 60 * gib}, Budget{36_000, 72 * gib}},
	} {
		if tt.policy.Largest() != tt.largest || tt.policy.Budget() != tt.all {
			t.Errorf("%s: %+v and %+v, want %+v and %+v", name, tt.policy.Largest(), tt.policy.Budget(), tt.largest, tt.all)
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
