package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// talker is a script that hears what is sent to it.
func talker(script string) submission {
	sub := python(script)
	sub.Interactive = true
	return sub
}

// input sends something to an execution, and wants the answer status.
func (s *story) input(id string, status int, body any, header ...string) answer {
	s.Helper()
	a := s.do(http.MethodPost, "/api/v1/executions/"+id+"/input", body, header...)
	if a.status != status {
		s.Errorf("input: answered %d, want %d: %.500s", a.status, status, a.body)
	}
	return a
}

// hears waits until a follower has been told text.
func (s *story) hears(f *follower, text string) {
	s.Helper()
	eventually(s, 20*time.Second, func() (bool, string) {
		return strings.HasSuffix(f.stdout(), text), "printed so far: " + f.stdout()
	})
}

type data struct {
	Data   string `json:"data,omitempty"`
	Base64 []byte `json:"data_base64,omitempty"`
	Close  bool   `json:"close,omitempty"`
	Signal string `json:"signal,omitempty"`
}

// EX-33: a talk with a script, a line at a time; each line arrives once, in
// order, behind what was submitted, whichever process passes it on.
func TestAScriptHearsWhatIsSentToIt(t *testing.T) {
	s := beside(t, time.Minute)
	sub := talker(`
import sys
print("ready", flush=True)
for line in sys.stdin:
    print("heard", line.rstrip("\n"), flush=True)
print("end", flush=True)
`)
	sub.Stdin = "submitted\n"
	x := s.submit(sub)
	f := s.pursue(x.ID, nil)
	s.hears(f, "ready\nheard submitted\n")
	s.input(x.ID, http.StatusAccepted, data{Data: "é one\n"}, "Idempotency-Key", "k1")
	s.base = the.urls[1]
	s.input(x.ID, http.StatusAccepted, data{Data: "é one\n"}, "Idempotency-Key", "k1")
	s.input(x.ID, http.StatusAccepted, data{Data: "ha"})
	s.input(x.ID, http.StatusAccepted, data{Base64: []byte("lf\n")})
	s.hears(f, "heard é one\nheard half\n")
	long := strings.Repeat("x", 64<<10-1)
	s.input(x.ID, http.StatusAccepted, data{Data: long + "\n"})
	s.hears(f, "heard "+long+"\n")
	s.input(x.ID, http.StatusAccepted, data{Data: "last", Close: true})
	r := f.wait()
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	want := "ready\nheard submitted\nheard é one\nheard half\nheard " + long + "\nheard last\nend\n"
	if got := s.output(x.ID, "stdout"); x.verdict() != "completed 0" || got != want {
		t.Errorf("%s: %s", x.verdict(), difference(got, want))
	}
	s.refuse(s.input(x.ID, http.StatusConflict, data{Data: "late"}), http.StatusConflict, "")
}

// EX-33: Ctrl-C is a signal to all that the script started.
func TestAScriptHearsSignals(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(talker(`
import signal, subprocess, sys
def interrupted(n, frame):
    print("interrupted", flush=True)
signal.signal(signal.SIGINT, interrupted)
child = subprocess.Popen(["sh", "-c", "trap 'echo child interrupted; exit 5' INT; while :; do sleep 0.1; done"])
print("ready", flush=True)
print("child", child.wait(), flush=True)
for line in sys.stdin: print("heard", line, end="", flush=True)
`))
	f := s.pursue(x.ID, nil)
	s.hears(f, "ready\n")
	pause(s.ctx, time.Second) // the child sets its trap
	s.input(x.ID, http.StatusAccepted, data{Signal: "SIGINT"})
	s.hears(f, "child 5\n")
	s.input(x.ID, http.StatusAccepted, data{Data: "still here\n", Close: true})
	f.wait()
	x = s.ended(x.ID)
	if out := x.stdout(); x.verdict() != "completed 0" || !strings.Contains(out, "interrupted\n") || !strings.Contains(out, "child interrupted\n") || !strings.HasSuffix(out, "child 5\nheard still here\n") {
		t.Errorf("%s %q %s", x.verdict(), out, x.stderr())
	}
}

// EX-33: without a handler, a signal ends the script, as on a terminal.
func TestAnInterruptEndsAScript(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(talker("import time\nprint('ready', flush=True)\ntime.sleep(25)"))
	f := s.pursue(x.ID, nil)
	s.hears(f, "ready\n")
	s.input(x.ID, http.StatusAccepted, data{Signal: "SIGINT"})
	f.wait()
	if x := s.ended(x.ID); x.Status != "failed" || !strings.Contains(x.stderr(), "KeyboardInterrupt") {
		t.Errorf("%s %s", x.verdict(), x.stderr())
	}
}

// EX-33: who did not ask for it gets nothing; what is wrong is named.
func TestInputThatIsRefused(t *testing.T) {
	s := beside(t, time.Minute)
	deaf := s.submit(python("import sys, time\nprint('ready', flush=True)\ntime.sleep(3)\nprint(repr(sys.stdin.read()))"))
	f := s.pursue(deaf.ID, nil)
	s.hears(f, "ready\n")
	s.refuse(s.input(deaf.ID, http.StatusConflict, data{Data: "a"}), http.StatusConflict, "")
	f.wait()
	if x := s.ended(deaf.ID); x.stdout() != "ready\n''\n" {
		t.Errorf("%q", x.stdout())
	}
	x := s.submit(talker("print('ready', flush=True)\ninput()"))
	f = s.pursue(x.ID, nil)
	s.hears(f, "ready\n")
	for _, c := range []struct {
		body   any
		status int
		field  string
	}{
		{data{}, 422, "data"}, {data{Signal: "SIGKILL"}, 422, "signal"}, {data{Data: "a", Signal: "SIGINT"}, 422, "signal"},
		{`{"data_base64":"!"}`, 422, "data_base64"}, {data{Data: strings.Repeat("x", 64<<10+1)}, 413, ""}, {`{"text":"a"}`, 400, "text"},
	} {
		s.refuse(s.input(x.ID, c.status, c.body), c.status, c.field)
	}
	s.input(x.ID, http.StatusAccepted, data{Data: "\n"})
	f.wait()
	if x := s.ended(x.ID); x.verdict() != "completed 0" {
		t.Errorf("%s %s", x.verdict(), x.stderr())
	}
}

// EX-33: a script that reads to the end of its input waits for that, and a
// cancel ends it as any other.
func TestAScriptThatWaitsForInputIsCancelled(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(talker("import sys\nprint('ready', flush=True)\nsys.stdin.read()"))
	f := s.pursue(x.ID, nil)
	s.hears(f, "ready\n")
	s.input(x.ID, http.StatusAccepted, data{Data: "a"})
	s.cancel(x.ID, http.StatusAccepted)
	f.wait()
	if x := s.ended(x.ID); x.Status != "cancelled" {
		t.Error(x.verdict())
	}
	s.gone(x.ID, 15*time.Second)
}
