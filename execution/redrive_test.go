package execution

import (
	"errors"
	"testing"
	"time"
)

// Parity DL-03, by what becomes of a letter that dies again and again.
func TestDefaultRedrivePolicies(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		letter Letter
		delays []float64 // in seconds, without jitter
	}{
		{"events", Letter{Origin: LetterOrigin{Topic: "execution_events"}, EventType: "execution_queued", Class: "internal"}, []float64{30, 60, 120, 240, 300}},
		{"tasks of a pool", Letter{Origin: LetterOrigin{Topic: "execution_tasks.gpu"}, Class: "internal"}, []float64{30, 60, 120, 240, 300}},
		{"of pods", Letter{Origin: LetterOrigin{Topic: "execution_events"}, EventType: "pod_running", Class: "internal"}, []float64{60, 180, 540}},
		{"results", Letter{Origin: LetterOrigin{Topic: "result_stored"}, Class: "conflict"}, []float64{0, 0, 0}},
		{"output", Letter{Origin: LetterOrigin{Topic: "execution_output"}, Class: "internal"}, []float64{60, 150, 375, 937.5}},
		{"what cannot be read", Letter{Origin: LetterOrigin{Topic: "execution_events"}, EventType: "pod_running", Class: "invalid"}, nil},
	}
	for _, tt := range tests {
		l := tt.letter
		l.ID = LetterID(l.Origin)
		for i, want := range tt.delays {
			due, status, why := PolicyOf(nil, l).Next(l, now)
			got := due.Sub(now).Seconds()
			if status != LetterScheduled || why != "" || got < want*.9-.001 || got > want*1.1+.001 {
				t.Errorf("%s: after %d tries: %s %v s, want about %v (%s)", tt.name, i, status, got, want, why)
			}
			if again, _, _ := PolicyOf(nil, l).Next(l, now); !again.Equal(due) {
				t.Errorf("%s: another answer", tt.name)
			}
			l.Tries, l.Round = l.Tries+1, l.Round+1
		}
		if _, status, why := PolicyOf(nil, l).Next(l, now); status != LetterParked || why == "" {
			t.Errorf("%s: after %d tries: %s %q", tt.name, l.Tries, status, why)
		}
	}
}

func TestTheMostSpecialPolicyCounts(t *testing.T) {
	all := []RedrivePolicy{
		{ID: "mine", Topic: "execution_events", Strategy: RedriveManual},
		{ID: "pods", Type: "pod_*", Topic: "execution_events", Strategy: RedriveManual},
		{ID: "one", Type: "pod_running", Strategy: RedriveManual},
		{ID: "conflicts", Class: "conflict", Strategy: RedriveManual},
	}
	for want, l := range map[string]Letter{
		"mine":          {Origin: LetterOrigin{Topic: "execution_events"}, EventType: "saga_started", Class: "internal"},
		"pods":          {Origin: LetterOrigin{Topic: "execution_events"}, EventType: "pod_running", Class: "internal"},
		"one":           {Origin: LetterOrigin{Topic: "other"}, EventType: "pod_running", Class: "internal"},
		"conflicts":     {Origin: LetterOrigin{Topic: "execution_events"}, EventType: "pod_running", Class: "conflict"},
		"class:invalid": {Origin: LetterOrigin{Topic: "execution_events"}, EventType: "pod_running", Class: "invalid"},
		"rest":          {Origin: LetterOrigin{Topic: "execution_output"}, Class: "internal"},
	} {
		if p := PolicyOf(all, l); p.ID != want {
			t.Errorf("%+v: %s, want %s", l, p.ID, want)
		}
	}
}

func TestStrategies(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		p      RedrivePolicy
		due    time.Time
		status LetterStatus
	}{
		{RedrivePolicy{Strategy: RedriveManual, MaxRetries: 3}, time.Time{}, LetterPending},
		{RedrivePolicy{Strategy: RedriveFixed, MaxRetries: 3, Initial: 7}, now.Add(7 * time.Second), LetterScheduled},
		{RedrivePolicy{Strategy: RedriveScheduled, MaxRetries: 3, At: "12:30"}, now.Add(30 * time.Minute), LetterScheduled},
		{RedrivePolicy{Strategy: RedriveScheduled, MaxRetries: 3, At: "12:00"}, now.AddDate(0, 0, 1), LetterScheduled},
		{RedrivePolicy{Strategy: RedriveImmediate, MaxRetries: 1}, now, LetterScheduled},
	} {
		if due, status, _ := tt.p.Next(Letter{}, now); !due.Equal(tt.due) || status != tt.status {
			t.Errorf("%+v: %s %s", tt.p, status, due)
		}
	}
}

func TestRedrivePoliciesHaveBounds(t *testing.T) {
	good := RedrivePolicy{Topic: "a", Type: "pod_*", Class: "internal", Strategy: RedriveExponential, MaxRetries: 20, Initial: 1, Max: 1, Multiplier: 1}
	if err := good.Validate([]string{"a"}); err != nil {
		t.Error(err)
	}
	for field, spoil := range map[string]func(*RedrivePolicy){
		"topic":                 func(p *RedrivePolicy) { p.Topic = "b" },
		"event_type":            func(p *RedrivePolicy) { p.Type = "dog_*" },
		"error_class":           func(p *RedrivePolicy) { p.Class = "bad" },
		"strategy":              func(p *RedrivePolicy) { p.Strategy = "hope" },
		"max_retries":           func(p *RedrivePolicy) { p.MaxRetries = 21 },
		"initial_delay_seconds": func(p *RedrivePolicy) { p.Initial = 0 },
		"max_delay_seconds":     func(p *RedrivePolicy) { p.Max = .5 },
		"multiplier":            func(p *RedrivePolicy) { p.Multiplier = 11 },
		"at":                    func(p *RedrivePolicy) { p.Strategy, p.At = RedriveScheduled, "25:00" },
	} {
		p := good
		spoil(&p)
		wrong, _ := errors.AsType[FieldErrors](p.Validate([]string{"a"}))
		if len(wrong) != 1 || wrong[0].Field != field {
			t.Errorf("%s: %v", field, wrong)
		}
	}
}
