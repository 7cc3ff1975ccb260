package e2e

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// EX-02, EX-03, DF-42.
func TestDF42TheScriptGetsItsInputByteForByte(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python(`
import json, os, sys
read = lambda p: open(p, "rb").read().hex()
print(json.dumps({
    "args": sys.argv[1:],
    "stdin": sys.stdin.buffer.read().hex(),
    "env": {k: v for k, v in os.environ.items() if k.startswith("E2E_")},
    "files": {p: read(p) for p in ["d/x.txt", "y.bin"]},
}))
`)
	sub.Args = []string{"a b", "", "é\n\"'$HOME`x`", "--flag", "*"}
	sub.Stdin = "line\r\n\u0000漢字 🐘 no newline"
	sub.Env = map[string]string{"E2E_A": "é\n\"' $x", "E2E_EMPTY": ""}
	sub.Files = []file{{Path: "d/x.txt", Content: "text\r\né"}, {Path: "y.bin", Base64: []byte{0, 255, 10, 13}}}
	sub.Limits = &limits{Timeout: 7, CPUMillis: 900, Memory: 100 << 20, Output: 100_000, Processes: 32, Disk: 32 << 20}
	x := s.run(sub)
	if x.verdict() != "completed 0" {
		t.Fatalf("%s: %s", x.verdict(), x.stderr())
	}
	var got struct {
		Args  []string
		Stdin string
		Env   map[string]string
		Files map[string]string
	}
	if err := json.Unmarshal([]byte(x.stdout()), &got); err != nil {
		t.Fatalf("%v: %s", err, x.stdout())
	}
	if !slices.Equal(got.Args, sub.Args) {
		t.Errorf("args: %q, want %q", got.Args, sub.Args)
	}
	if got.Stdin != hex.EncodeToString([]byte(sub.Stdin)) {
		t.Errorf("stdin: %s", got.Stdin)
	}
	if !maps.Equal(got.Env, sub.Env) {
		t.Errorf("env: %q, want %q", got.Env, sub.Env)
	}
	if got.Files["d/x.txt"] != hex.EncodeToString([]byte("text\r\né")) || got.Files["y.bin"] != "00ff0a0d" {
		t.Errorf("files: %q", got.Files)
	}
	if x.Limits != *sub.Limits {
		t.Errorf("limits: %+v, want %+v", x.Limits, *sub.Limits)
	}
}

// EX-03: a script near the bound, with all else that fits beside it.
func TestLargeInputArrivesWhole(t *testing.T) {
	s := beside(t, time.Minute)
	script := "import hashlib, sys\nb = sys.stdin.buffer.read()\nprint(len(b), hashlib.sha256(b).hexdigest())\n#"
	for len(script) < 49_000 {
		script += "0123456789"
	}
	stdin := make([]byte, 800<<10)
	for i := range stdin {
		stdin[i] = 'a' + byte(i*7%26)
	}
	sub := python(script)
	sub.Stdin = string(stdin)
	x := s.run(sub)
	if want := "819200 " + sha256Hex(sub.Stdin) + "\n"; x.verdict() != "completed 0" || x.stdout() != want {
		t.Errorf("%s %q, want %q; %s", x.verdict(), x.stdout(), want, x.stderr())
	}
}

// EX-03, EX-30: a project, of which one file is run from the folder that all lie
// in.
func TestAProjectRunsItsEntryPoint(t *testing.T) {
	s := beside(t, time.Minute)
	files := []file{
		{Path: "app/main.py", Content: "import sys; sys.path.insert(0, '.')\nfrom app.deep.lib import answer\nprint(answer, open('data/x.txt').read(), sys.argv[1:])\n"},
		{Path: "app/deep/lib.py", Content: "answer = 42\n"},
		{Path: "app/__init__.py", Content: "#\n"}, {Path: "app/deep/__init__.py", Content: "#\n"},
		{Path: "data/x.txt", Content: "é"},
	}
	for i := len(files); i < 32; i++ {
		files = append(files, file{Path: fmt.Sprintf("data/%d", i), Content: "x"})
	}
	checked := submission{Language: "checked", EntryPoint: "app/main.py", Files: files, Args: []string{"a"}}
	beside := submission{Language: "checked", EntryPoint: "bin/run.py", Script: "print(open('data/x.txt').read())", Files: files[4:5]} // data/x.txt
	all := s.runs(checked, beside)
	if x := all[0]; x.verdict() != "completed 0" || x.stdout() != "42 é ['a']\n" || deref(x.EntryPoint) != "app/main.py" {
		t.Errorf("%s %q %s", x.verdict(), x.stdout(), x.stderr())
	}
	if x := all[1]; x.verdict() != "completed 0" || x.stdout() != "é\n" || deref(x.EntryPoint) != "bin/run.py" {
		t.Errorf("a script at the entry point: %s %q %s", x.verdict(), x.stdout(), x.stderr())
	}
}

// EX-07: what a compiler says is kept apart, streamed, and there if it fails.
func TestCompileOutputIsKeptApart(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(submission{Language: "checked", Script: "print('ran')"})
	r := s.follow(s.base, x.ID)
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	lines := func(text string) []string { return slices.Sorted(slices.Values(strings.Fields(text))) } // of two streams as they came
	if want := lines("checking main.py to stderr"); x.verdict() != "completed 0" || x.stdout() != "ran\n" || x.stderr() != "" || !slices.Equal(lines(*x.Result.CompileOutput), want) {
		t.Errorf("%s, stdout %q, stderr %q, compile %q", x.verdict(), x.stdout(), x.stderr(), *x.Result.CompileOutput)
	}
	if n := int64(len(*x.Result.CompileOutput)); x.Result.CompileBytes != n || int64(len(r.printed["compile"])) != n {
		t.Errorf("%d bytes, and %d were streamed", x.Result.CompileBytes, len(r.printed["compile"]))
	}
	broken := s.run(submission{Language: "checked", Script: "print('never'\n"})
	if broken.Status != "failed" || deref(broken.ErrorType) != "compile_error" || broken.stdout() != "" || !strings.Contains(*broken.Result.CompileOutput, "SyntaxError") {
		t.Errorf("%s, stdout %q, compile %q", broken.verdict(), broken.stdout(), *broken.Result.CompileOutput)
	}
	a := s.do("GET", "/api/v1/executions/"+broken.ID+"/output?stream=compile&format=text", nil)
	if string(a.body) != *broken.Result.CompileOutput || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%s: %q", a.header.Get("Content-Type"), a.body)
	}
}

// EX-33.
func TestWhatIsPrintedIsJudged(t *testing.T) {
	s := beside(t, time.Minute)
	cases := []struct {
		script, want, comparison string
		passed                   bool
		detail                   string
	}{
		{"print(1)", "1\n", "exact", true, ""},
		{"print(1)", "1", "exact", false, `line 2: want the end, got ""`},
		{"print('1  ')", "1", "trim", true, ""},
		{"print('1\\n2')", "1 2", "tokens", true, ""},
		{"print(0.1 + 0.2)", "0.3", "float", true, ""},
		{"print(0.31)", "0.3", "float", false, `token 1: want "0.3", got "0.31"`},
		{"print(1); raise SystemExit(1)", "1\n", "exact", false, "the run did not complete: failed"},
	}
	var subs []submission
	for _, c := range cases {
		sub := python(c.script)
		sub.Expected = map[string]any{"stdout": c.want, "comparison": c.comparison}
		subs = append(subs, sub)
	}
	for i, x := range s.runs(subs...) {
		if j := x.Result.Judge; j == nil || j.Passed != cases[i].passed || j.Detail != cases[i].detail {
			t.Errorf("%+v: %s", cases[i], jsonOf(j))
		}
	}
}

// EX-31: not before its time; a cancel does not wait for that.
func TestARunCanWaitForItsTime(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("print('now')")
	sub.ScheduledAt = new(time.Now().Add(3 * time.Second).UTC().Truncate(time.Millisecond))
	x := s.submit(sub)
	sub.ScheduledAt = new(time.Now().Add(time.Hour))
	later := s.submit(sub)
	if x.Status != "queued" || x.ScheduledFor == nil {
		t.Errorf("%s", jsonOf(x))
	}
	x = s.ended(x.ID)
	if early := x.ScheduledFor.Sub(*x.StartedAt); x.verdict() != "completed 0" || early > 0 || *x.Result.QueueSeconds > x.StartedAt.Sub(*x.ScheduledFor).Seconds() {
		t.Errorf("%s %s early, queued %.1f s", x.verdict(), early, *x.Result.QueueSeconds)
	}
	s.cancel(later.ID, 202)
	if x := s.ended(later.ID); x.Status != "cancelled" || x.StartedAt != nil {
		t.Errorf("%s", jsonOf(x))
	}
}

// EX-05: a language is data, and needs no shell.
func TestAnImageWithoutAShellWorks(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(submission{
		Language: "static", Script: "print hi\nerr oops\nsleep 100\nexit 4\n",
		Args: []string{"x y"}, Env: map[string]string{"CODESAGA_TEST": "v"},
	})
	if want := "arg 1 main.txt\narg 2 x y\nenv CODESAGA_TEST=v\nhi\n"; x.stdout() != want || x.stderr() != "oops\n" || x.verdict() != "failed script_error 4" {
		t.Errorf("%s, stdout %q, stderr %q", x.verdict(), x.stdout(), x.stderr())
	}
}

// EX-06.
func TestBashWorks(t *testing.T) {
	s := beside(t, time.Minute)
	sub := bash(`read -r line; echo "$1 $line ${BASH_VERSION%%.*}"; echo é >&2; exit 3`)
	sub.Args, sub.Stdin = []string{"a"}, "from stdin\n"
	x := s.run(sub)
	if x.stdout() != "a from stdin 5\n" || x.stderr() != "é\n" || x.verdict() != "failed script_error 3" {
		t.Errorf("%s, stdout %q, stderr %q", x.verdict(), x.stdout(), x.stderr())
	}
}

// EX-02: what is not asked for has a default that is shown.
func TestLimitsThatAreNotGivenHaveDefaults(t *testing.T) {
	s := beside(t, time.Minute)
	want := limits{Timeout: 30, CPUMillis: 1000, Memory: 128 << 20, Output: 1 << 20, Processes: 64, Disk: 64 << 20}
	x := s.run(python("import tempfile; open('here', 'w').write('x'); tempfile.TemporaryFile().write(b'x')"))
	if x.verdict() != "completed 0" || x.Limits != want || x.Language != "python" || x.Version != "3.11" {
		t.Errorf("%s %s", x.verdict(), jsonOf(x))
	}
}
