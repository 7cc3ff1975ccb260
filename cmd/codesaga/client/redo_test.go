package client

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheCompilerSays(t *testing.T) {
	status := func(s, more string) string {
		return fmt.Sprintf("event: status\ndata: {\"status\":%q%s}\n\n", s, more)
	}
	p := &platform{frames: []string{
		status("queued", `,"type":"queue","queue":{"position":2,"eta_seconds":3}`),
		status("scheduled", `,"type":"pod_waiting","pod":{"name":"run-x1","reason":"ImagePullBackOff","message":"no such\u001b image"}`),
		status("running", `,"type":"pod_running"`), out("1.1", "compile", 0, "a.c: warning\n"), out("1.2", "compile", 13, "half a line"),
		status("running", `,"type":"saga_started"`), out("1.3", "stdout", 0, "abc\n"),
		ended(`{"id":"x1","status":"completed","result":{"exit_code":0,"stdout_bytes":4,"compile_output_bytes":24}}`),
	}}
	for terminal, want := range map[bool]string{
		false: "a.c: warning\nhalf a lineabc\n",
		true: eraseLine + "queued, position 2, about 3 s" + eraseLine + "the pod waits: ImagePullBackOff: no such  image" + eraseLine + "running" +
			eraseLine + "a.c: warning\n" + eraseLine + "compiling" + eraseLine + "half a lineabc\n",
	} {
		var both bytes.Buffer
		Run(t.Context(), []string{"run", scriptFile(t, "a.c.py", "1")}, IO{Stdout: &both, Stderr: &both, Terminal: terminal, transport: p})
		if diff := cmp.Diff(want, both.String()); diff != "" {
			t.Errorf("terminal %t: %s", terminal, diff)
		}
	}
	p = &platform{frames: []string{ended(`{"id":"x1","status":"failed","error_type":"compile_error","result":{"exit_code":null,"compile_output_bytes":5}}`)},
		answers: map[string]string{"/executions/x1/output?stream=compile": "oops\n"}}
	if code, stdout, stderr := do(t, p, "run", scriptFile(t, "a.py", "1")); code != 1 || stdout != "" || stderr != "oops\ncodesaga: does not compile\n" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

func TestJudgedRun(t *testing.T) {
	for _, tt := range []struct {
		x      string
		code   int
		stderr string
	}{
		{`"status":"completed","result":{"exit_code":0,"judge":{"passed":true}}`, 0, ""},
		{`"status":"completed","result":{"exit_code":0,"judge":{"passed":false,"detail":"line 2: want \"1\", got \"2\""}}`, 1, "codesaga: the output is not as expected: line 2: want \"1\", got \"2\"\n"},
		{`"status":"failed","error_type":"script_error","result":{"exit_code":3,"judge":{"passed":false}}`, 3, ""},
	} {
		p := &platform{frames: []string{ended(`{"id":"x1",` + tt.x + `}`)}}
		if code, _, stderr := do(t, p, "run", scriptFile(t, "a.py", "1")); code != tt.code || stderr != tt.stderr {
			t.Errorf("%s: %d %q", tt.x, code, stderr)
		}
	}
}

const lost = `{"id":"%s","status":"error","error_type":"system_error","reason":"node_lost","attempt":%d,"retry":{"max_attempts":2,"on_loss":false},"started_at":%s,"retries":[%s]}`

func TestARunThatIsTriedAgainIsFollowed(t *testing.T) {
	tests := []struct {
		name, x1, now, x2 string
		interrupt         time.Duration
		code              int
		took              time.Duration
		stderr            string
	}{
		{"and ends well", fmt.Sprintf(lost, "x1", 1, "null", ""), fmt.Sprintf(lost, "x1", 1, "null", `"x2"`), `{"id":"x2","status":"completed","attempt":2,"result":{"exit_code":0}}`, 0, 0, retryLook,
			"codesaga: the platform failed: node_lost\ncodesaga: it is tried again, as x2\n"},
		{"and fails again", fmt.Sprintf(lost, "x1", 1, "null", `"x2"`), "", fmt.Sprintf(lost, "x2", 2, "null", ""), 0, exitPlatform, 0,
			"codesaga: the platform failed: node_lost\ncodesaga: it is tried again, as x2\ncodesaga: the platform failed: node_lost\n"},
		{"not at all", fmt.Sprintf(lost, "x1", 1, "null", ""), fmt.Sprintf(lost, "x1", 1, "null", ""), "", 0, exitPlatform, retryWithin + retryLook, "codesaga: the platform failed: node_lost\n"},
		{"not after the script had begun", fmt.Sprintf(lost, "x1", 1, `"2000-01-01T00:00:00Z"`, ""), "", "", 0, exitPlatform, 0, "codesaga: the platform failed: node_lost\n"},
		{"not when the user has had enough", fmt.Sprintf(lost, "x1", 1, "null", ""), fmt.Sprintf(lost, "x1", 1, "null", ""), "", 4 * time.Second, exitCancelled, 4 * time.Second, "codesaga: the platform failed: node_lost\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, signals := time.Now(), make(chan os.Signal, 1)
				if tt.interrupt > 0 {
					time.AfterFunc(tt.interrupt, func() { signals <- os.Interrupt })
				}
				p := &platform{streams: []string{ended(tt.x1), ended(tt.x2)}, final: tt.now}
				var stderr bytes.Buffer
				code := Run(t.Context(), []string{"run", "--retry", "2", "--language", "python", scriptFile(t, "a", "1")}, IO{Stdout: &stderr, Stderr: &stderr, transport: p, Interrupts: signals})
				if took := time.Since(start); code != tt.code || stderr.String() != tt.stderr || took != tt.took {
					t.Errorf("%d after %s: %s", code, took, cmp.Diff(tt.stderr, stderr.String()))
				}
			})
		})
	}
}

func TestRetry(t *testing.T) {
	p := &platform{answers: map[string]string{"POST /executions/x0/retry": `{"id":"x1","status":"queued","parent_id":"x0","attempt":2}`},
		frames: []string{out("1.1", "stdout", 0, "abc"), ended(`{"id":"x1","status":"failed","result":{"exit_code":3,"stdout_bytes":3}}`)}}
	if code, stdout, stderr := do(t, p, "retry", "x0"); code != 0 || stdout != "x1\n" || stderr != "" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if code, stdout, stderr := do(t, p, "retry", "x0", "--follow"); code != 3 || stdout != "abc" || stderr != "codesaga: retried as x1\n" {
		t.Errorf("--follow: %d %q %q", code, stdout, stderr)
	}
	p.refuse, p.problem = []string{"503 0", "409"}, `{"title":"Conflict","detail":"execution x0 has not ended: running"}`
	if code, stdout, stderr := do(t, p, "retry", "x0"); code != exitPlatform || stdout != "" || !strings.Contains(stderr, "has not ended") {
		t.Errorf("too early: %d %q %q", code, stdout, stderr)
	}
	posts := slices.DeleteFunc(p.asked, func(s string) bool { return !strings.HasPrefix(s, "POST") })
	if n := len(posts); n != 4 || posts[2] != posts[3] || posts[1] == posts[2] {
		t.Errorf("keys: %q", posts)
	}
}
