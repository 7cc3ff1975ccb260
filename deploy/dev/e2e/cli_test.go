package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRunStreamsLiveAndExitsWithTheScriptsCode(t *testing.T) {
	s := beside(t, time.Minute)
	label := "cli=" + s.word()
	path := s.script("hello.py", "import sys, time\nprint('first', flush=True)\nprint('warned', file=sys.stderr, flush=True)\ntime.sleep(3)\nprint('last')\nsys.exit(3)\n")
	cmd := s.command("", "run", "--label", label, path)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	first, err := out.ReadString('\n')
	if x := s.labelled(label); err != nil || first != "first\n" || terminal[x.Status] {
		t.Errorf("%q %v, while the run is %s; %s", first, err, x.Status, errs.String())
	}
	rest, _ := io.ReadAll(out)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); string(rest) != "last\n" || code != 3 || errs.String() != "warned\n" {
		t.Errorf("exit code %d, then %q, stderr %q", code, rest, errs.String())
	}
	if x := s.ended(s.labelled(label).ID); x.verdict() != "failed script_error 3" {
		t.Error(x.verdict())
	}
}

// EX-12, by the command line.
func TestRunPassesEachByteOn(t *testing.T) {
	s := beside(t, time.Minute)
	path := s.script("bytes.py", "import os\nos.write(1, bytes(range(256)) * 300)\nos.write(2, bytes(range(255, -1, -1)))\n")
	var up, down []byte
	for i := range 256 {
		up, down = append(up, byte(i)), append(down, byte(255-i))
	}
	got := s.cli("", "run", "--quiet", path)
	if want := strings.Repeat(string(up), 300); got.out != want || got.err != string(down) || got.code != 0 {
		t.Errorf("%d, stdout: %s, stderr: %s", got.code, difference(got.out, want), difference(got.err, string(down)))
	}
}

func TestExitCodesOfRun(t *testing.T) {
	group(t)
	s := begin(t, time.Minute)
	quick := s.script("quick.py", "print('hi')\n")
	slow := s.script("slow.py", "import time\nprint('before', flush=True)\ntime.sleep(25)\n")
	killed := s.script("killed.py", "import os\nos.kill(os.getpid(), 11)\n")
	eater := s.script("eater.py", "held = []\nwhile True: held.append(b'x' * (8 << 20))\n")
	for _, c := range []struct {
		name string
		args []string
		code int
		err  string // is in stderr
	}{
		{"good", []string{quick}, 0, ""},
		{"timeout", []string{"--timeout", "1s", slow}, 124, "timed out"},
		{"signal", []string{killed}, 139, "SIGSEGV"},
		{"memory", []string{"--memory", "64Mi", eater}, 137, "memory"},
		{"a limit beyond its bound", []string{"--timeout", "9999", quick}, 2, "limits.timeout_seconds"},
		{"unknown language", []string{"--language", "klingon", quick}, 2, "language"},
		{"unknown version", []string{"--version", "2.7", quick}, 2, "version"},
		{"no such file", []string{"nowhere.py"}, 2, "nowhere.py"},
		{"unknown flag", []string{"--fast", quick}, 2, "fast"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sub := beside(t, 50*time.Second)
			got := sub.cli("", append([]string{"run"}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.err, c.err) || c.code == 0 && got.out != "hi\n" {
				t.Errorf("exit code %d, want %d, with %q; stdout %q, stderr %q", got.code, c.code, c.err, got.out, got.err)
			}
			if lines := strings.Count(got.err, "\n"); lines > 1 {
				t.Errorf("%d lines on stderr: %s", lines, got.err)
			}
		})
	}
}

func TestAnInterruptCancelsTheRun(t *testing.T) {
	s := beside(t, time.Minute)
	label := "cli=" + s.word()
	cmd := s.command("", "run", "--label", label, s.script("slow.py", "import time\nprint('before', flush=True)\ntime.sleep(25)\n"))
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	if line, err := out.ReadString('\n'); line != "before\n" {
		t.Fatalf("%q %v", line, err)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_, _ = io.ReadAll(out)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	x := s.ended(s.labelled(label).ID)
	if x.Status != "cancelled" || x.stdout() != "before\n" {
		t.Errorf("%s", jsonOf(x))
	}
	s.gone(x.ID, 10*time.Second)
}

func TestAServerThatIsNotThereIsThePlatformsFault(t *testing.T) {
	s := beside(t, 90*time.Second)
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	got := s.cli("", "run", "--server", "http://"+address, "--language", "python", s.script("x.py", "print(1)"))
	if got.code != 125 || !strings.Contains(got.err, address) {
		t.Errorf("exit code %d, want 125; stderr %q", got.code, got.err)
	}
	if got := s.cli("", "get", "0197f0a0-6c1e-7a4e-9d0e-3f7a2b1c4d5e"); got.code == 0 || got.err == "" {
		t.Errorf("get of what is not there: %+v", got)
	}
}

func TestTheScriptMayComeFromStdin(t *testing.T) {
	s := beside(t, time.Minute)
	got := s.cli("import sys; print(sys.argv[1:], sys.stdin.read())", "run", "--language", "py", "--stdin", "é", "-", "--", "--a", "b c")
	if got.code != 0 || got.out != "['--a', 'b c'] é\n" {
		t.Errorf("%+v", got)
	}
	if got := s.cli("print(1)", "run", "-"); got.code != 2 || !strings.Contains(got.err, "--language") {
		t.Errorf("without --language: %+v", got)
	}
}

func TestTheOtherCommandsShowTheSameRun(t *testing.T) {
	s := beside(t, time.Minute)
	sub := "import sys; print('out'); print('err', file=sys.stderr); sys.exit(4)"
	ran := s.cli(sub, "run", "--json", "--language", "python", "-")
	var x execution
	if err := json.Unmarshal([]byte(ran.out), &x); err != nil || ran.code != 4 || x.verdict() != "failed script_error 4" {
		t.Fatalf("%v %+v", err, ran)
	}
	s.note(x.ID)
	if got := s.cli("", "logs", x.ID); got.out != "out\n" || got.err != "err\n" || got.code != 0 {
		t.Errorf("logs: %+v", got)
	}
	if got := s.cli("", "logs", "-f", x.ID); got.out != "out\n" || got.err != "err\n" || got.code != 0 {
		t.Errorf("logs -f: %+v", got)
	}
	var same execution
	if got := s.cli("", "get", "--json", x.ID); json.Unmarshal([]byte(got.out), &same) != nil || jsonOf(same) != jsonOf(s.get(x.ID)) {
		t.Errorf("get --json: %+v", got)
	}
	for _, c := range []struct {
		args []string
		has  []string
	}{
		{[]string{"get", x.ID}, []string{x.ID, "failed", "python"}},
		{[]string{"list", "--status", "failed", "--all"}, []string{x.ID, "failed"}},
		{[]string{"events", x.ID}, []string{"execution_requested", "pod_running", "execution_failed"}},
		{[]string{"languages"}, []string{"python", "bash", "static"}},
		{[]string{"version"}, nil},
		{[]string{"run", "--help"}, []string{"--timeout", "--language"}},
	} {
		got := s.cli("", c.args...)
		for _, want := range c.has {
			if !strings.Contains(got.out, want) {
				t.Errorf("%v: no %s in %s %s", c.args, want, got.out, got.err)
			}
		}
		if got.code != 0 || got.out == "" {
			t.Errorf("%v: %+v", c.args, got)
		}
	}
	if got := s.cli("", "cancel", x.ID); got.code == 0 || !strings.Contains(got.err, "failed") {
		t.Errorf("cancel of what has ended: %+v", got)
	}
}

func TestCancelWaitsIfAsked(t *testing.T) {
	s := beside(t, time.Minute)
	ran := s.cli("import time; time.sleep(25)", "run", "--detach", "--language", "python", "-")
	id := strings.TrimSpace(ran.out)
	if ran.code != 0 || id == "" {
		t.Fatalf("%+v", ran)
	}
	s.note(id)
	if got := s.cli("", "cancel", "--wait", "--reason", "enough", id); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if x := s.get(id); x.Status != "cancelled" || x.Reason == nil || *x.Reason != "enough" {
		t.Errorf("%s", jsonOf(x))
	}
}

// The page and the API ask nobody to sign in.
func TestTheWorldIsNotListenedToByAccident(t *testing.T) {
	s := beside(t, 30*time.Second)
	began := time.Now()
	got := s.cli("", "web", "--listen", "0.0.0.0:0")
	if got.code == 0 || !strings.Contains(got.err, "insecure-listen") || time.Since(began) > 5*time.Second {
		t.Errorf("%+v after %s", got, time.Since(began))
	}
}

// DE-03.
func TestAllThatIsWrongWithTheConfigurationIsReportedAtOnce(t *testing.T) {
	s := beside(t, 30*time.Second)
	cmd := s.command("", "worker")
	cmd.Env = append(cmd.Env, "CODESAGA_MAX_CONCURRENT_EXECUTIONS=many", "CODESAGA_START_TIMEOUT=1ms")
	got := s.finish(cmd)
	if got.code == 0 || !strings.Contains(got.err, "CODESAGA_MAX_CONCURRENT_EXECUTIONS") || !strings.Contains(got.err, "start-timeout") {
		t.Errorf("%+v", got)
	}
}
