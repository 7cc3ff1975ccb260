package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name, x string
		code    int
		stderr  string
	}{
		{"completed", `"status":"completed","result":{"exit_code":0}`, 0, ""},
		{"script error", `"status":"failed","error_type":"script_error","result":{"exit_code":3}`, 3, ""},
		{"signal", `"status":"failed","error_type":"script_error","result":{"exit_code":139,"signal":"SIGSEGV"}`, 139, "codesaga: ended by SIGSEGV\n"},
		{"compile error", `"status":"failed","error_type":"compile_error","result":{"exit_code":1}`, 1, "codesaga: does not compile\n"},
		{"compile error without a code", `"status":"failed","error_type":"compile_error","result":null`, 1, "codesaga: does not compile\n"},
		{"memory", `"status":"failed","error_type":"resource_limit","limit":"memory","limits":{"memory_bytes":134217728},"result":{"exit_code":137,"oom_killed":true}`,
			137, "codesaga: ended by its limit of memory: 128 MiB\n"},
		{"memory of a child", `"status":"failed","error_type":"resource_limit","limit":"memory","result":{"exit_code":0}`, 137, "codesaga: ended by its limit of memory\n"},
		{"disk", `"status":"failed","error_type":"resource_limit","limit":"disk","limits":{"disk_bytes":1610612736},"result":{"exit_code":1}`, 1, "codesaga: ended by its limit of disk: 1.5 GiB\n"},
		{"processes", `"status":"failed","error_type":"resource_limit","limit":"processes","limits":{"processes":64}`, 1, "codesaga: ended by its limit of processes: 64\n"},
		{"eviction", `"status":"failed","error_type":"resource_limit","limit":"eviction","message":"node low"`, 1, "codesaga: ended by its limit of eviction: node low\n"},
		{"timeout", `"status":"timeout","error_type":"timeout","limits":{"timeout_seconds":10},"result":{"exit_code":143}`, 124, "codesaga: timed out after 10 s\n"},
		{"cancelled", `"status":"cancelled","reason":"too\u001b[2J slow","result":null`, 130, "codesaga: cancelled: too [2J slow\n"},
		{"error", `"status":"error","error_type":"system_error","reason":"image_pull","message":"no such image"`, 125, "codesaga: the platform failed: image_pull: no such image\n"},
		{"truncated", `"status":"completed","result":{"exit_code":0,"stdout_bytes":5000,"stdout_truncated":true,"stderr_bytes":0}`, 0,
			"codesaga: stdout was cut: of 5000 bytes the first 4 were kept\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames := []string{out("1.1", "stdout", 0, "abcd"), ended(`{"id":"x1",` + tt.x + `}`)}
			code, stdout, stderr := do(t, &platform{frames: frames}, "run", scriptFile(t, "a.py", "1"))
			if code != tt.code || stdout != "abcd" || stderr != tt.stderr {
				t.Errorf("%d %q %q, want %d %q", code, stdout, stderr, tt.code, tt.stderr)
			}
			if code, _, stderr := do(t, &platform{frames: frames}, "run", "--quiet", scriptFile(t, "a.py", "1")); code != tt.code || stderr != "" {
				t.Errorf("quiet: %d %q", code, stderr)
			}
		})
	}
}

// tee calls see with all that was written so far, each time.
type tee struct {
	bytes.Buffer
	see func(string)
}

func (w *tee) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	w.see(w.String())
	return n, err
}

func TestOutputIsLive(t *testing.T) {
	seen := make(chan struct{}) // until the client printed the one half, the server has not got the other
	p := &platform{frames: []string{out("1.1", "stdout", 0, "one\n"), "WAIT", out("1.2", "stdout", 4, "two\n"), ended(completed(8, 0))}, cancelled: seen}
	s := httptest.NewServer(p)
	defer s.Close()
	w := &tee{see: func(all string) {
		if all == "one\n" {
			close(seen)
		}
	}}
	code := Run(t.Context(), []string{"run", "--language", "py", "-"}, IO{Stdin: strings.NewReader("1"), Stdout: w, Stderr: io.Discard, Getenv: env(s.URL)})
	if code != 0 || w.String() != "one\ntwo\n" {
		t.Errorf("%d %q", code, w)
	}
}

func TestInterruptCancelsAndStaysToTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name, answer, final, stderr string
	}{
		{"running", "", `{"id":"x1","status":"cancelled","reason":"interrupted"}`, "codesaga: cancelled: interrupted\n"},
		{"server was away", "503 0", `{"id":"x1","status":"cancelled"}`, "codesaga: cancelled\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signals := make(chan os.Signal, 1)
			p := &platform{frames: []string{out("1.1", "stdout", 0, "before\n"), "WAIT", out("1.2", "stdout", 7, "after\n"), ended(tt.final)},
				refuse: []string{"", "", tt.answer}, cancelled: make(chan struct{})}
			s := httptest.NewServer(p)
			defer s.Close()
			var stderr bytes.Buffer
			w := &tee{see: func(all string) {
				if all == "before\n" {
					signals <- os.Interrupt
				}
			}}
			code := Run(t.Context(), []string{"run", scriptFile(t, "a.py", "1")}, IO{Stdout: w, Stderr: &stderr, Getenv: env(s.URL), Interrupts: signals})
			if code != exitCancelled || w.String() != "before\nafter\n" || !strings.HasSuffix(stderr.String(), tt.stderr) {
				t.Errorf("%d %q %q", code, w, &stderr)
			}
			if !slices.Contains(p.bodies, `{"reason":"interrupted"}`) || !slices.Contains(p.asked, "POST /executions/x1/cancel") {
				t.Errorf("sent %q %q", p.asked, p.bodies)
			}
		})
	}
}

func TestInterruptThatComesTooLate(t *testing.T) {
	signals := make(chan os.Signal, 1)
	p := &platform{frames: []string{out("1.1", "stdout", 0, "x"), "WAIT", ended(completed(1, 0))}, cancelled: make(chan struct{}),
		refuse: []string{"", "", "409"}, problem: `{"title":"Conflict","detail":"it is completed"}`}
	s := httptest.NewServer(p)
	defer s.Close()
	var stderr bytes.Buffer
	w := &tee{see: func(string) { signals <- syscall.SIGTERM }}
	code := Run(t.Context(), []string{"run", scriptFile(t, "a.py", "1")}, IO{Stdout: w, Stderr: &stderr, Getenv: env(s.URL), Interrupts: signals})
	if code != exitCancelled || strings.Contains(stderr.String(), "cannot cancel") {
		t.Errorf("%d %q", code, &stderr)
	}
}

func TestSecondInterruptLeavesAtOnce(t *testing.T) {
	signals := make(chan os.Signal, 2)
	p := &platform{frames: []string{out("1.1", "stdout", 0, "before\n"), "WAIT"}, refuse: []string{"", "", "500"}, cancelled: make(chan struct{})}
	s := httptest.NewServer(p)
	defer s.Close()
	defer close(p.cancelled)
	w := &tee{see: func(string) { signals <- os.Interrupt; signals <- os.Interrupt }}
	code := Run(t.Context(), []string{"run", scriptFile(t, "a.py", "1")}, IO{Stdout: w, Stderr: io.Discard, Getenv: env(s.URL), Interrupts: signals})
	if code != exitCancelled {
		t.Errorf("%d", code)
	}
}

func TestInterruptBeforeAnythingWasSent(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	p, stdin := &platform{}, make(chan struct{})
	defer close(stdin)
	read := readFunc(func([]byte) (int, error) { <-stdin; return 0, io.EOF }) // a terminal at which nobody types
	if code := Run(t.Context(), []string{"run", "--language", "python", "-"}, IO{Stdin: read, Stdout: io.Discard, Stderr: io.Discard, transport: p, Interrupts: signals}); code != exitCancelled || len(p.asked) > 0 {
		t.Errorf("%d, sent %q", code, p.asked)
	}
}

func TestInterruptWhileTheServerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		time.AfterFunc(2*time.Second, func() { signals <- os.Interrupt })
		var stderr bytes.Buffer
		p := &platform{refuse: slices.Repeat([]string{"cut"}, 1000)}
		start := time.Now()
		code := Run(t.Context(), []string{"run", "--language", "python", "-"}, IO{Stdin: strings.NewReader("1"), Stdout: io.Discard, Stderr: &stderr, transport: p, Interrupts: signals})
		if code != exitCancelled || !strings.Contains(stderr.String(), "may have been started") || time.Since(start) != 2*time.Second {
			t.Errorf("%d %q after %s", code, &stderr, time.Since(start))
		}
	})
}

func TestSubmissionIsRepeatedUnderOneKey(t *testing.T) {
	tests := []struct {
		name   string
		refuse []string
		code   int
		took   time.Duration
	}{
		{"at once", nil, 0, 0},
		{"connections cut", []string{"cut", "cut", "cut"}, 0, (250 + 500 + 1000) * time.Millisecond},
		{"away for a while", []string{"503", "502", "504"}, 0, (250 + 500 + 1000) * time.Millisecond},
		{"away, and says how long", []string{"503 6", "cut"}, 0, 6500 * time.Millisecond},
		{"away for too long", []string{"503 31"}, exitPlatform, 0},
		{"away for ever", slices.Repeat([]string{"cut"}, 1000), exitPlatform, 27750 * time.Millisecond},
		{"internal", []string{"500"}, exitPlatform, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := &platform{refuse: tt.refuse, frames: []string{ended(completed(0, 0))}}
				code, _, stderr := doUnreal(t, p, "run", "--language", "python", scriptFile(t, "a", "print(1)"))
				if took := time.Since(start); code != tt.code || took != tt.took {
					t.Errorf("%d %q after %s, want %d after %s", code, stderr, took, tt.code, tt.took)
				}
				posts := slices.DeleteFunc(slices.Clone(p.asked), func(s string) bool { return !strings.HasPrefix(s, "POST") })
				if len(posts[0]) < len("POST /executions ")+32 || len(slices.Compact(posts)) != 1 || len(slices.Compact(p.bodies)) != 1 {
					t.Errorf("sent %q %q: not the same each time", posts, p.bodies)
				}
			})
		})
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	code, _, stderr := doUnreal(t, &platform{refuse: []string{"cut"}}, "cancel", "--server", "example.com:1/", "x1")
	if code != 0 { // it was repeated
		t.Errorf("%d %q", code, stderr)
	}
	synctest.Test(t, func(t *testing.T) {
		code, _, stderr := doUnreal(t, away{}, "run", "--server", "example.com:1/", scriptFile(t, "a.py", "1"))
		if want := "codesaga: cannot reach http://example.com:1: unexpected EOF\n"; code != exitPlatform || stderr != want {
			t.Errorf("%d %q", code, stderr)
		}
	})
}

// away is a server that nobody can reach.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func TestSubmissionSaysWhatTheFlagsSay(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a.PY": "print(1)\n", "bin": "\xff\x00", "in": "from a file"} {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		args string
		want string
	}{
		{"D/a.PY", `{"language":"python","script":"print(1)\n"}`},
		{"D/a.PY -- --timeout 1 -- x", `{"language":"python","script":"print(1)\n","args":["--timeout","1","--","x"]}`},
		{"D/a.PY --x y", `{"language":"python","script":"print(1)\n","args":["--x","y"]}`},
		{"--language ruby --version 3.3 -", `{"language":"ruby","version":"3.3","script":"from stdin"}`},
		{"--stdin - D/a.PY", `{"language":"python","script":"print(1)\n","stdin":"from stdin"}`},
		{"--stdin text D/a.PY", `{"language":"python","script":"print(1)\n","stdin":"text"}`},
		{"--stdin-file D/in D/a.PY", `{"language":"python","script":"print(1)\n","stdin":"from a file"}`},
		{"--timeout 1m30s --memory 256Mi --cpu 500m --output-bytes 1Ki D/a.PY",
			`{"language":"python","script":"print(1)\n","limits":{"timeout_seconds":90,"cpu_millis":500,"memory_bytes":268435456,"output_bytes":1024}}`},
		{"--env A=b=c --env B= --label course=cs1 --priority high --pool gpu D/a.PY",
			`{"language":"python","script":"print(1)\n","env":{"A":"b=c","B":""},"priority":"high","pool":"gpu","labels":{"course":"cs1"}}`},
		{"--file D/bin --file D/in:d/x.txt D/a.PY",
			`{"language":"python","script":"print(1)\n","files":[{"path":"bin","content_base64":"/wA="},{"path":"d/x.txt","content_base64":"ZnJvbSBhIGZpbGU="}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			p := &platform{frames: []string{ended(completed(0, 0))}}
			var stderr bytes.Buffer
			args := append([]string{"run", "--idempotency-key", "k1"}, strings.Fields(strings.ReplaceAll(tt.args, "D/", dir+"/"))...)
			code := Run(t.Context(), args, IO{Stdin: strings.NewReader("from stdin"), Stdout: io.Discard, Stderr: &stderr, transport: p})
			if code != 0 || !slices.Contains(p.asked, "POST /executions k1") {
				t.Fatalf("%d %q after %q", code, &stderr, p.asked)
			}
			if diff := cmp.Diff(tt.want, p.bodies[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDetachedAndAsJSON(t *testing.T) {
	p, py := &platform{frames: []string{out("1.1", "stdout", 0, "abc"), ended(`{"id":"x1","status":"failed","result":{"exit_code":3,"stdout":"abc","stdout_bytes":3}}`)}}, scriptFile(t, "a.py", "1")
	if code, stdout, stderr := do(t, p, "run", "--detach", py); code != 0 || stdout != "x1\n" || stderr != "" {
		t.Errorf("--detach: %d %q %q", code, stdout, stderr)
	}
	if code, stdout, _ := do(t, p, "run", "--detach", "--json", py); code != 0 || !strings.Contains(stdout, `"status": "queued"`) {
		t.Errorf("--detach --json: %d %q", code, stdout)
	}
	code, stdout, stderr := do(t, p, "run", "--json", py)
	var x struct{ Result struct{ Stdout string } }
	if err := json.Unmarshal([]byte(stdout), &x); err != nil || code != 3 || x.Result.Stdout != "abc" || stderr != "" {
		t.Errorf("--json: %d %q %q %v", code, stdout, stderr, err)
	}
}

func TestStagesAreShownUntilThereIsOutput(t *testing.T) {
	status := func(s, more string) string {
		return fmt.Sprintf("event: status\ndata: {\"status\":%q%s}\n\n", s, more)
	}
	p := &platform{frames: []string{
		status("queued", `,"type":"snapshot"`), status("queued", `,"type":"execution_queued","queue":{"position":3,"eta_seconds":4.2}`), status("queued", `,"type":"saga_started"`),
		status("scheduled", `,"type":"execution_scheduled"`), status("scheduled", `,"type":"pod_created"`), status("scheduled", `,"type":"pod_scheduled"`),
		status("running", `,"type":"pod_running"`), out("1.1", "stdout", 0, "abc"), status("running", `,"type":"pod_running"`),
		ended(`{"id":"x1","status":"timeout","result":{"stdout_bytes":3}}`),
	}}
	for terminal, want := range map[bool]string{
		false: "abccodesaga: timed out\n", // the one is stdout, the other stderr
		true: eraseLine + "queued" + eraseLine + "queued, position 3, about 4 s" + eraseLine + "scheduled" + eraseLine + "pod created" +
			eraseLine + "pod starting" + eraseLine + "running" + eraseLine + "abc\ncodesaga: timed out\n",
	} {
		var both bytes.Buffer
		Run(t.Context(), []string{"run", scriptFile(t, "a.py", "1")}, IO{Stdout: &both, Stderr: &both, Terminal: terminal, transport: p})
		if diff := cmp.Diff(want, both.String()); diff != "" {
			t.Errorf("terminal %t: %s", terminal, diff)
		}
	}
}
