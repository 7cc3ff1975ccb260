package e2e

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"
)

// EX-02, EX-03, DF-42.
func TestTheScriptGetsItsInputByteForByte(t *testing.T) {
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
