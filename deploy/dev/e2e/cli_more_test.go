package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// talk starts a command whose stdin and stdout the test holds.
func (s *story) talk(args ...string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader, errs *bytes.Buffer) {
	s.Helper()
	cmd, errs = s.command("", args...), &bytes.Buffer{}
	cmd.Stdin, cmd.Stderr = nil, errs
	in, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	return cmd, in, bufio.NewReader(pipe), errs
}

// folder writes files, by their paths, for the command line.
func (s *story) folder(files map[string]string) string {
	s.Helper()
	dir := s.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return dir
}

// EX-33, by the command line.
func TestRunTalksWithTheScript(t *testing.T) {
	s := beside(t, time.Minute)
	script := "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: print('heard', line.strip(), flush=True)\nprint('end')\nsys.exit(4)\n"
	cmd, in, out, errs := s.talk("run", "-i", s.script("echo.py", script))
	expect := func(want string) {
		t.Helper()
		if line, err := out.ReadString('\n'); line != want+"\n" {
			t.Fatalf("%q %v, want %q; %s", line, err, want, errs)
		}
	}
	expect("ready")
	for _, word := range []string{"one", "zwölf", "3"} { // each answer comes before the next question
		if _, err := io.WriteString(in, word+"\n"); err != nil {
			t.Fatal(err)
		}
		expect("heard " + word)
	}
	if _, err := io.WriteString(in, "the last"); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	expect("heard the last")
	expect("end")
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 4 || errs.Len() > 0 {
		t.Errorf("exit code %d, %s", code, errs)
	}
}

func TestAnInterruptOfAnInteractiveRunIsForTheScript(t *testing.T) {
	s := beside(t, time.Minute)
	script := "import signal, sys, time\ndef heed(*_):\n    print('heeded', flush=True)\n    sys.exit(5)\nsignal.signal(signal.SIGINT, heed)\nprint('ready', flush=True)\ntime.sleep(25)\n"
	cmd, in, out, errs := s.talk("run", "-i", s.script("heed.py", script))
	defer in.Close()
	if line, err := out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q %v %s", line, err, errs)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	rest, _ := io.ReadAll(out)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 || string(rest) != "heeded\n" {
		t.Errorf("exit code %d, %q, %s", code, rest, errs)
	}
}

func TestInputAndSignalsFromAnotherTerminal(t *testing.T) {
	s := beside(t, time.Minute)
	ran := s.cli("", "run", "-i", "--detach", "--language", "python", s.script("reverse.py", "import sys; print(sys.stdin.read()[::-1])\n"))
	id := strings.TrimSpace(ran.out)
	if ran.code != 0 || id == "" {
		t.Fatalf("%+v", ran)
	}
	s.note(id)
	eventually(s, 40*time.Second, func() (bool, string) { return s.get(id).Status == "running", "it does not run" })
	if got := s.cli("abc", "input", id); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := s.cli("def", "input", "--close", id, "-"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if x := s.ended(id); x.stdout() != "fedcba\n" {
		t.Errorf("%s", jsonOf(x))
	}
	if got := s.cli("", "signal", id, "INT"); got.code != 125 || !strings.Contains(got.err, "ended") {
		t.Errorf("after the end: %+v", got)
	}
}

// EX-32 and BY-11, by the command line.
func TestAProjectGoesInAndFilesComeOut(t *testing.T) {
	s := beside(t, time.Minute)
	project := s.folder(map[string]string{
		"src/main.py":      "import os, sys\nsys.path.insert(0, 'lib')\nimport words\nos.makedirs('/out/d')\nopen('/out/a.txt', 'w').write(words.hello + ' ' + ' '.join(sys.argv[1:]))\nopen('/out/d/b.bin', 'wb').write(bytes(range(256)))\n",
		"lib/words.py":     "hello = 'grüß dich'\n",
		".git/config":      "not sent",
		"lib/.hidden.py":   "not sent",
		"data/numbers.txt": "1\n2\n",
	})
	out := filepath.Join(s.TempDir(), "made", "by", "it")
	label := "cli=" + s.word()
	got := s.cli("", "run", "--label", label, "--dir", project, "--entry", "src/main.py", "--out", out, "a", "b c")
	x := s.labelled(label)
	if got.code != 0 || got.out != "" || !strings.Contains(got.err, "wrote 2 files") {
		t.Errorf("%+v", got)
	}
	all := ""
	for i := range 256 {
		all += string([]byte{byte(i)})
	}
	for name, want := range map[string]string{"a.txt": "grüß dich a b c", "d/b.bin": all} {
		if text, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
	if got := s.cli("", "artifacts", x.ID); got.code != 0 || !strings.Contains(got.out, "a.txt") || !strings.Contains(got.out, "d/b.bin") {
		t.Errorf("artifacts: %+v", got)
	}
	if got := s.cli("", "artifacts", "--download", out, x.ID); got.code == 0 || !strings.Contains(got.err, "already") {
		t.Errorf("into the same folder: %+v", got)
	}
	if got := s.cli("", "artifacts", "--download", out, "--force", x.ID, "a.txt"); got.code != 0 || !strings.Contains(got.err, "wrote 1 file") {
		t.Errorf("one, by force: %+v", got)
	}
}

// EX-21, by the command line.
func TestRetryByCommand(t *testing.T) {
	s := beside(t, 90*time.Second)
	label := "cli=" + s.word()
	if got := s.cli("", "run", "--label", label, s.script("three.py", "print('three')\nraise SystemExit(3)\n")); got.code != 3 {
		t.Fatalf("%+v", got)
	}
	id := s.labelled(label).ID
	if got := s.cli("", "retry", "--follow", id); got.code != 3 || got.out != "three\n" {
		t.Errorf("%+v", got)
	}
	listed := s.cli("", "list", "--parent", id, "--json")
	var page struct{ Items []execution }
	if err := json.Unmarshal([]byte(listed.out), &page); err != nil || len(page.Items) != 1 || page.Items[0].verdict() != "failed script_error 3" {
		t.Fatalf("%v %+v", err, listed)
	}
	s.note(page.Items[0].ID)
	for of, has := range map[string]string{id: page.Items[0].ID, page.Items[0].ID: id} {
		if got := s.cli("", "get", of); !strings.Contains(got.out, has) {
			t.Errorf("get %s does not name %s: %+v", of, has, got)
		}
	}
	if got := s.cli("", "saga", id); got.code != 0 || !strings.Contains(got.out, "completed") {
		t.Errorf("saga: %+v", got)
	}
	if got := s.cli("", "sagas", "--execution", id); got.code != 0 || !strings.Contains(got.out, id) {
		t.Errorf("sagas: %+v", got)
	}
}

// EX-33 and BY-13, by the command line.
func TestBatchRunJudgesAScript(t *testing.T) {
	s := beside(t, 2*time.Minute)
	cases := s.folder(map[string]string{
		"1.in": "1 2\n", "1.out": "3\n", "2.in": "5 5\n", "2.out": "10", "10.in": "2 2\n", "10.out": "5\n", "empty.out": "0\n", "notes.txt": "no case",
	})
	script := s.script("sum.py", "import sys\nprint(sum(map(int, sys.stdin.read().split())))\n")
	got := s.cli("", "batch", "run", "python", script, "--cases", cases, "--max-parallel", "2")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	if got.code != 1 || len(lines) != 5 || !strings.HasSuffix(got.err, "3 of 4 passed\n") {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"1 passed", "2 passed", "10 failed", "empty passed"} {
		if fields := strings.Fields(lines[i+1]); strings.Join(fields[:2], " ") != want {
			t.Errorf("line %d is %q, want %q", i+1, lines[i+1], want)
		}
	}
	if err := os.Remove(filepath.Join(cases, "10.out")); err != nil {
		t.Fatal(err)
	}
	if got := s.cli("", "batch", "run", "python", script, "--cases", cases); got.code != 2 || !strings.Contains(got.err, "10.in") {
		t.Errorf("a case without an answer: %+v", got)
	}
}

// EX-30, by the command line.
func TestBatchByCommand(t *testing.T) {
	s := beside(t, 2*time.Minute)
	body := `{"language":"python","script":"import sys; print(sys.argv[1:])","items":[{"args":["a"]},{"args":["b"]},{"language":"klingon"}]}`
	submitted := s.cli(body, "batch", "submit", "-", "--max-parallel", "2")
	id := strings.TrimSpace(submitted.out)
	if submitted.code != 1 || id == "" || !strings.Contains(submitted.err, "item 2 was refused") {
		t.Fatalf("%+v", submitted)
	}
	if got := s.cli("", "batch", "follow", id); got.code != 1 || !strings.Contains(got.err, "2 of 3 passed") {
		t.Errorf("follow: %+v", got)
	}
	for _, args := range [][]string{{"batch", "get", id}, {"batch", "list", "--all"}} {
		if got := s.cli("", args...); got.code != 0 || !strings.Contains(got.out, id) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := s.cli("", "batch", "items", id, "--status", "completed"); got.code != 0 || strings.Count(got.out, "\n") != 3 {
		t.Errorf("items: %+v", got)
	}
	if got := s.cli("", "list", "--batch", id); got.code != 0 || strings.Count(got.out, "\n") != 3 {
		t.Errorf("list --batch: %+v", got)
	}
	if got := s.cli("", "batch", "cancel", id); got.code == 0 {
		t.Errorf("cancel of what has ended: %+v", got)
	}
}

// EX-31, by the command line.
func TestSchedulesByCommand(t *testing.T) {
	s := beside(t, 2*time.Minute)
	made := s.cli("", "schedule", "create", "--cron", "0 0 1 1 *", "--time-zone", "Europe/Vienna", "--overlap", "skip", s.word(), s.script("tick.py", "print('tick')\n"))
	id := strings.TrimSpace(made.out)
	if made.code != 0 || id == "" {
		t.Fatalf("%+v", made)
	}
	if got := s.cli("", "schedule", "trigger", id); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	var page struct{ Items []execution }
	eventually(s, 60*time.Second, func() (bool, string) {
		got := s.cli("", "list", "--schedule", id, "--status", "completed", "--json")
		return json.Unmarshal([]byte(got.out), &page) == nil && len(page.Items) == 1, "no run of the schedule: " + got.out + got.err
	})
	s.note(page.Items[0].ID)
	for _, c := range []struct{ verb, shows string }{{"pause", "paused"}, {"resume", "Europe/Vienna"}} {
		if got := s.cli("", "schedule", c.verb, id); got.code != 0 {
			t.Errorf("%s: %+v", c.verb, got)
		}
		if got := s.cli("", "schedule", "get", id); got.code != 0 || !strings.Contains(got.out, c.shows) {
			t.Errorf("get: %+v", got)
		}
	}
	if got := s.cli("", "schedule", "list"); got.code != 0 || !strings.Contains(got.out, id) {
		t.Errorf("list: %+v", got)
	}
	if got := s.cli("", "schedule", "delete", id); got.code != 0 {
		t.Errorf("delete: %+v", got)
	}
	if got := s.cli("", "schedule", "get", id); got.code == 0 {
		t.Errorf("get of what was deleted: %+v", got)
	}
}

// AD-14 and AD-11, by the command line. It holds up all others, so it is alone.
func TestThePauseOfAPoolByCommand(t *testing.T) {
	s := begin(t, 2*time.Minute)
	s.user = operator
	s.restored()
	if got := s.cli("", "queue", "pause", "default"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	script := s.script("hi.py", "print('hi')\n")
	ran := s.cli("", "run", "--detach", "--priority", "low", script)
	id := strings.TrimSpace(ran.out)
	s.note(id)
	eventually(s, 20*time.Second, func() (bool, string) {
		x := s.get(id)
		return x.Queue != nil && x.Queue.Position == 1, "it does not wait: " + jsonOf(x)
	})
	if got := s.cli("", "queue"); got.code != 0 || !strings.Contains(got.out, "all") || !strings.Contains(got.out, "default") {
		t.Errorf("queue: %+v", got)
	}
	if got := s.cli("", "queue", "move", id, "high"); got.code != 0 {
		t.Errorf("move: %+v", got)
	}
	if got := s.cli("", "get", id); !strings.Contains(got.out, "high") {
		t.Errorf("get: %+v", got)
	}
	dropped := strings.TrimSpace(s.cli("", "run", "--detach", script).out)
	s.note(dropped)
	eventually(s, 20*time.Second, func() (bool, string) {
		got := s.cli("", "queue", "drop", "--reason", "enough", dropped)
		return got.code == 0, "it cannot be dropped: " + got.err
	})
	if x := s.ended(dropped); x.Status != "cancelled" {
		t.Errorf("%s", jsonOf(x))
	}
	if got := s.cli("", "queue", "resume", "default"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	if x := s.ended(id); x.Status != "completed" {
		t.Errorf("%s", jsonOf(x))
	}
	if got := s.cli("", "queue", "move", id, "low"); got.code == 0 {
		t.Errorf("move of what has ended: %+v", got)
	}
}

// BY-18, by the command line.
func TestUsageByCommand(t *testing.T) {
	s := beside(t, time.Minute)
	s.run(python("print(sum(range(10**6)))"))
	got := s.cli("", "usage", "--group-by", "language", "--csv")
	if got.code != 0 || !strings.HasPrefix(got.out, "language,runs,") || !strings.Contains(got.out, "\npython,") {
		t.Errorf("%+v", got)
	}
	if got := s.cli("", "usage"); got.code != 0 || !strings.Contains(got.out, "CPU SECONDS") {
		t.Errorf("%+v", got)
	}
	if got := s.cli("", "usage", "--group-by", "moon"); got.code != 2 {
		t.Errorf("%+v", got)
	}
}
