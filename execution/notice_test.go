package execution

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// NO-01, DF-50: a notice says how a run ended, and nothing that it printed.
func TestNoticesSayHowARunEnded(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	code := func(n int32) *int32 { return &n }
	for _, tt := range []struct {
		o             Outcome
		severity      Severity
		subject, body string
	}{
		{Outcome{Status: Completed, ExitCode: code(0)}, SeverityMedium, "python run completed", "The script ended with exit code 0."},
		{Outcome{Status: Failed, ErrorType: "script_error", ExitCode: code(3)}, SeverityHigh, "python run failed", "The script ended with exit code 3."},
		{Outcome{Status: Failed, ErrorType: "script_error", ExitCode: code(139), Signal: "SIGSEGV"}, SeverityHigh, "python run failed", "The script ended by SIGSEGV."},
		{Outcome{Status: Failed, ErrorType: "compile_error", ExitCode: code(1)}, SeverityHigh, "python run did not compile", "The compiler ended with exit code 1."},
		{Outcome{Status: Failed, ErrorType: "resource_limit", Limit: "memory", ExitCode: code(137), Signal: "SIGKILL"}, SeverityHigh, "python run went beyond a limit", "The limit is memory; the script ended by SIGKILL."},
		{Outcome{Status: TimedOut, ExitCode: code(143), Signal: "SIGTERM"}, SeverityHigh, "python run timed out", "The script took longer than it may and was ended by SIGTERM."},
		{Outcome{Status: Errored, Message: "no node"}, SeverityHigh, "python run could not be done", "The platform failed, not the script. no node"},
		{Outcome{Status: Cancelled}, SeverityMedium, "python run was cancelled", "It was cancelled by op."},
	} {
		r := Result{ExecutionID: "x1", UserID: "ann", Language: "python", StoredAt: at, Outcome: tt.o, Stdout: []byte("secret"), Stderr: []byte("secret"), CancelledBy: "op"}
		n, ok := r.Notice()
		if !ok || n.Severity != tt.severity || n.Subject != tt.subject || n.Body != tt.body || n.UserID != "ann" || n.ExecutionID != "x1" || !n.At.Equal(at) {
			t.Errorf("%+v", n)
		}
		if again, _ := r.Notice(); again.ID != n.ID || !slices.Equal(n.Tags, []string{"execution", string(tt.o.Status), "exec:x1"}) {
			t.Errorf("%+v, and again %+v", n, again)
		}
		r.UserID = "bob"
		if other, _ := r.Notice(); other.ID == n.ID {
			t.Error("two users share a notice")
		}
	}
	for name, r := range map[string]Result{
		"an item of a batch":        {UserID: "ann", BatchID: "b", Outcome: Outcome{Status: Failed}},
		"what they cancelled":       {UserID: "ann", CancelledBy: "ann", Outcome: Outcome{Status: Cancelled}},
		"cancelled, nobody knows":   {UserID: "ann", Outcome: Outcome{Status: Cancelled}},
		"an item that completed":    {UserID: "ann", BatchID: "b", Outcome: Outcome{Status: Completed}},
		"an item that op has ended": {UserID: "ann", BatchID: "b", CancelledBy: "op", Outcome: Outcome{Status: Cancelled}},
	} {
		if n, ok := r.Notice(); ok {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestNoticesAreBounded(t *testing.T) {
	n := NewNotice("ann", "x", SeverityLow, "s", strings.Repeat("é", 1200), time.Now())
	if r := []rune(n.Body); len(r) != 1000 || r[999] != '…' {
		t.Errorf("%d characters", len(r))
	}
}

// DL-08: each operator is told of a crossing.
func TestOperatorsAreToldOfTheAlarm(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	f := LetterFigures{Waiting: 120, ByStatus: map[LetterStatus]int64{LetterParked: 7}, Oldest: at.Add(-time.Hour)}
	all := f.Notices([]string{"op", "eve"}, AlarmWarning, AlarmOK, at)
	if len(all) != 2 || all[0].UserID != "op" || all[1].UserID != "eve" || all[0].ID == all[1].ID || all[0].Severity != SeverityHigh ||
		all[0].Subject != "dead letters: warning" || all[0].Body != "120 wait, 7 of them for a person. The level was ok. The oldest is of 2026-11-27T11:00:00Z." {
		t.Errorf("%+v", all)
	}
	if later := f.Notices([]string{"op"}, AlarmCritical, AlarmWarning, at.Add(time.Minute)); later[0].ID == all[0].ID || later[0].Severity != SeverityUrgent {
		t.Errorf("%+v", later)
	}
}
