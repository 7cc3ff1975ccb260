package execution

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestWhenAScheduleRuns(t *testing.T) {
	good := Schedule{Name: "nightly", Cron: "30 6 * * 1-5", TimeZone: "Europe/Vienna", Overlap: "skip", CatchUpSeconds: 3600}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	tests := []struct {
		field  string // that is wrong; empty: none
		change func(*Schedule)
	}{
		{"", func(s *Schedule) { s.Cron, s.EverySeconds = "", 60 }},
		{"", func(s *Schedule) { s.Cron = "*/5 0-6,22 1 JAN MON-FRI" }},
		{"", func(s *Schedule) { s.Cron = "@daily" }},
		{"", func(s *Schedule) { s.TimeZone = "UTC" }},
		{"name", func(s *Schedule) { s.Name = "" }},
		{"name", func(s *Schedule) { s.Name = "two\nlines" }},
		{"cron", func(s *Schedule) { s.Cron = "" }},
		{"cron", func(s *Schedule) { s.EverySeconds = 60 }},
		{"cron", func(s *Schedule) { s.Cron = "0 30 6 * * 1" }}, // with seconds it could run more often than each minute
		{"cron", func(s *Schedule) { s.Cron = "@every 1s" }},
		{"cron", func(s *Schedule) { s.Cron = "CRON_TZ=UTC 0 0 * * *" }},
		{"every_seconds", func(s *Schedule) { s.Cron, s.EverySeconds = "", 59 }},
		{"every_seconds", func(s *Schedule) { s.Cron, s.EverySeconds = "", -1 }},
		{"time_zone", func(s *Schedule) { s.TimeZone = "Vienna" }},
		{"time_zone", func(s *Schedule) { s.TimeZone = "" }},
		{"time_zone", func(s *Schedule) { s.TimeZone = "Local" }},
		{"time_zone", func(s *Schedule) { s.TimeZone = "../../etc/passwd" }},
		{"overlap", func(s *Schedule) { s.Overlap = "all" }},
		{"catch_up_seconds", func(s *Schedule) { s.CatchUpSeconds = 0 }},
	}
	for _, tt := range tests {
		s := good
		tt.change(&s)
		err := s.Validate()
		if tt.field == "" && err != nil || tt.field != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.field+":")) {
			t.Errorf("%+v: %v, want %q", s, err, tt.field)
		}
	}
}

func TestScheduledIDFollowsFromItsWorkflow(t *testing.T) {
	const name = "fire-0190c0de-0000-7000-8000-000000000000-2026-03-29T01:30:00Z"
	a, b := ScheduledID(name), ScheduledID(strings.Replace(name, "01:30", "01:31", 1))
	if a != ScheduledID(name) || a == b || a[14] != '7' || len(a) != 36 {
		t.Errorf("%s and %s", a, b)
	}
	at := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	if stamp := fmt.Sprintf("%012x", at.UnixMilli()); strings.ReplaceAll(string(a), "-", "")[:12] != stamp || a > b {
		t.Errorf("%s is not of its time, %s", a, stamp)
	}
	if c := ScheduledID("x"); len(c) != 36 || c == ScheduledID("y") {
		t.Error(c)
	}
}

// A history keeps the digest of what is run, and nothing of it.
func TestBriefHasNoScript(t *testing.T) {
	x := Execution{ID: "x1", Input: Input{Script: "secret", Stdin: "secret", Files: []File{{Path: "secret.py", Content: []byte("secret")}}}, Program: Program{CompileSeconds: 60, CompileMemoryBytes: 1 << 30}}
	text, err := json.Marshal(BriefOf(x))
	if err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%s %v", text, err)
	}
	byFile := x
	byFile.Input.Script, byFile.Program.FileName = "", "secret.py"
	if a, b := BriefOf(x).Request.ScriptSHA256, BriefOf(byFile).Request.ScriptSHA256; a != b {
		t.Errorf("the same text has the digests %s and %s", a, b)
	}
	if b := BriefOf(x); b.Awaited || b.CompileSeconds != 60 || b.Capacity.MemoryBytes != 1<<30 {
		t.Errorf("%+v", b)
	}
	for _, y := range []Execution{{BatchID: "b"}, {ScheduleID: "s"}} {
		if !BriefOf(y).Awaited {
			t.Errorf("%+v is not awaited", y)
		}
	}
}
