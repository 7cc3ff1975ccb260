//go:build linux

package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestExitCodeIsTheScripts(t *testing.T) {
	p := play(t, self("exit", "3")).ended(End{ExitCode: 3}).printed(Stdout, []byte("out\n"))
	if len(p.started) != 1 || p.started[0].Phase != Run || p.all[0].Kind != Start || !p.started[0].At.Equal(p.end.StartedAt) {
		t.Errorf("started %+v, end %+v", p.started, p.end)
	}
	play(t, self("exit", "0")).ended(End{})
	play(t, self("exit", "137")).ended(End{ExitCode: 137})
}

func TestSignalThatEndedIt(t *testing.T) {
	play(t, self("segv")).ended(End{ExitCode: 139, Signal: "SIGSEGV"})
}

func TestScriptGetsWhatItWasGivenAndNoMore(t *testing.T) {
	t.Setenv("SECRET_OF_THE_RUNNER", "1")
	job := self("given", "a", "b c", "é\"\\", "")
	job.Stdin = everyByte()
	job.Files = []File{{Path: "main.py", Content: []byte("x")}, {Path: "d/x.txt", Content: []byte("text")}}
	job.Env["USER_SET"] = "a=b\nc"
	job.Env["LANG"] = "de_DE.UTF-8"
	leak, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	p := play(t, job, func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{leak, leak, leak, leak} }).ended(End{})
	var got gift
	p.must(json.Unmarshal(p.out[Stdout], &got))
	want := gift{
		Args: []string{"a", "b c", "é\"\\", ""}, Stdin: job.Stdin, Dir: p.dir, File: "text", FDs: []string{"0", "1", "2"}, Session: true,
		Env: sorted("PATH="+os.Getenv("PATH"), "HOME="+p.dir, "LANG=de_DE.UTF-8", "TMPDIR=/tmp", "USER_SET=a=b\nc", "RUNNER_TEST_ROLE=given"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %.900v\nwant %.900v", fmt.Sprint(got), fmt.Sprint(want))
	}
}

func TestStdinNeedNotBeRead(t *testing.T) {
	job := self("exit", "0")
	job.Stdin = make([]byte, 1<<20)
	play(t, job).ended(End{})
}

func TestCompiledLanguage(t *testing.T) {
	job := self("exit", "4")
	job.Compile = []string{os.Args[0], "0"}
	job.Limits.CompileSeconds = 10
	p := play(t, job).ended(End{ExitCode: 4}).printed(CompileOut, []byte("out\n")).printed(Stdout, []byte("out\n"))
	if len(p.started) != 2 || p.started[0].Phase != Compile || p.started[1].Phase != Run {
		t.Errorf("started %+v", p.started)
	}
	if p.end.CompileWallSeconds <= 0 || p.end.StdoutBytes != 4 || p.end.CompileBytes != 4 {
		t.Errorf("end %+v", p.end)
	}
	job.Compile = []string{os.Args[0], "2"}
	p = play(t, job).ended(End{ExitCode: 2, Phase: Compile}).printed(CompileOut, []byte("out\n"))
	if len(p.started) != 1 {
		t.Errorf("started %+v", p.started)
	}
	job = with(self("stubborn"), nil, func(l *Limits) { l.CompileSeconds = 2 }) // by then it has begun to ignore SIGTERM, also on a busy machine
	job.Compile = job.Run
	play(t, job).ended(End{ExitCode: 137, Signal: "SIGKILL", TimedOut: true, Phase: Compile})
	job.Compile = []string{"no-such-compiler"}
	play(t, job).ended(End{ExitCode: -1, Phase: Compile, Error: "cannot exec"})
}

func TestWhatCannotBeExecuted(t *testing.T) {
	job := self("exit")
	for program, why := range map[string]string{
		"no-such-program": "not found in $PATH", "./absent": "no such file", "./text": "permission denied", "/": "directory",
	} {
		job.Run = []string{program}
		job.Files = []File{{Path: "text", Content: []byte("#!/bin/sh\n")}}
		p := play(t, job).ended(End{ExitCode: -1, Error: why})
		if len(p.all) != 1 || p.code != 125 {
			t.Errorf("%s: %d frames, exit %d", program, len(p.all), p.code)
		}
	}
}

// The stage says when it is about to exec, so that its death is no success.
func TestStageThatDiesIsNoStart(t *testing.T) {
	for said, want := range map[string]bool{"!": true, "!why": false, "": false, "why": false} {
		var pipes pipes
		report, tell := pipes.out(), pipes.in()
		if pipes.err != nil {
			t.Fatal(pipes.err)
		}
		if _, err := unix.Write(int(pipes.theirs[0]), []byte(said)); err != nil {
			t.Fatal(err)
		}
		pipes.closeTheirs()
		if err := await(tell, report, []byte("{}")); (err == nil) != want {
			t.Errorf("%q: %v", said, err)
		}
	}
}

func TestJobsThatAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":        `{`,
		"unknown field":  `{"run":["x"],"limits":{"wall_time_seconds":1,"gpus":1}}`,
		"nothing to run": `{"limits":{"wall_time_seconds":1}}`,
		"no deadline":    `{"run":["x"],"limits":{}}`,
		"none, compile":  `{"compile":["x"],"run":["x"],"limits":{"wall_time_seconds":1}}`,
		"negative":       `{"run":["x"],"limits":{"wall_time_seconds":1,"output_bytes":-1}}`,
		"env":            `{"run":["x"],"env":{"A=B":""},"limits":{"wall_time_seconds":1}}`,
		"too short":      `{"run":["x"],"stdin_bytes":9,"limits":{"wall_time_seconds":1}}` + "\n12345678",
		"too long":       `{"run":["x"],"files":[{"path":"x","bytes":1}],"limits":{"wall_time_seconds":1}}` + "\n12",
		"a negative":     `{"run":["x"],"stdin_bytes":-1,"limits":{"wall_time_seconds":1}}`,
		"path":           `{"run":["x"],"files":[{"path":"../x"}],"limits":{"wall_time_seconds":1}}`,
	} {
		var out bytes.Buffer
		code := newRunner(&out, nil).do(readJob(strings.NewReader(text)))
		f, err := NewReader(&out).Read()
		var end End
		if err != nil || json.Unmarshal(f.Bytes, &end) != nil || code != 125 || end.ExitCode != -1 || end.Error == "" || f.Kind != Final {
			t.Errorf("%s: %d, %v, %+v", name, code, err, end)
		}
	}
	job, err := readJob(strings.NewReader(`{"run":["x"],"limits":{"wall_time_seconds":1}}`))
	if err != nil || job.Limits.OutputCeilingBytes != 1<<30 {
		t.Errorf("%v, %+v", err, job)
	}
}

func TestRunnerCopiesItself(t *testing.T) {
	target := filepath.Join(t.TempDir(), "runner")
	if code := Main([]string{"runner", "copy", target}); code != 0 {
		t.Fatalf("exit %d", code)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(target)
	info, _ := os.Stat(target)
	if err != nil || !bytes.Equal(copied, self) || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %d of %d bytes, %v", err, len(copied), len(self), info)
	}
	if code := Main([]string{"runner", "copy", target}); code != failed {
		t.Error("it wrote over what was there")
	}
}

// A job travels in a ConfigMap, which takes 1 MiB: its bytes go as they are.
func TestEncodedJobIsHardlyLargerThanItsBytes(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	want := Job{
		Files: []File{{"a/x", bytes.Repeat(all, 2000)}, {"empty", []byte{}}, {"y", []byte("\n")}},
		Run:   []string{"x", "a\nb"}, Env: map[string]string{"A": "b"}, Stdin: all,
		Limits: Limits{WallSeconds: 1, OutputCeilingBytes: 1},
	}
	text, err := EncodeJob(want)
	if err != nil || len(text) > 256*2001+500 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	got, err := readJob(bytes.NewReader(text))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFilesStayBelowTheFolder(t *testing.T) {
	for _, path := range []string{"", ".", "..", "/x", "../x", "a/../../x", "a/../b", "./a", "a//b", "a/", `a\b`, "a\x00b"} {
		if safe(path) {
			t.Errorf("%q is taken", path)
		}
	}
	for _, path := range []string{"main.py", "a/b/c.txt", "..a", "é/x"} {
		if !safe(path) {
			t.Errorf("%q is refused", path)
		}
	}
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][]File{{{Path: "link/x"}}, {{Path: "link"}}, {{Path: "twice"}, {Path: "twice"}}} {
		if err := write(dir, files); err == nil {
			t.Errorf("%v was written", files)
		}
	}
}

func TestStopBeforeTheStart(t *testing.T) {
	stop := make(chan os.Signal, 1)
	stop <- unix.SIGTERM
	var out bytes.Buffer
	r := newRunner(&out, stop)
	r.dir = t.TempDir()
	code := r.do(self("exit", "0"), nil)
	frames := NewReader(&out)
	f, err := frames.Read()
	var end End
	if err != nil || json.Unmarshal(f.Bytes, &end) != nil || f.Kind != Final || !end.Stopped || end.ExitCode != -1 || code != 125 {
		t.Errorf("%d, %v, %+v", code, err, end)
	}
	if _, err := frames.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("then %v", err)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	p := play(t, with(self("stubborn"), nil, func(l *Limits) { l.WallSeconds = 0.5 })).
		ended(End{ExitCode: 137, Signal: "SIGKILL", TimedOut: true}).printed(Stdout, []byte("partial\n"))
	if wall := p.end.WallSeconds; wall < 2.5 || wall > 3.5 {
		t.Errorf("%v s", wall)
	}
	if p.end.CPUSeconds <= 0 {
		t.Errorf("usage %+v", p.end)
	}
}

func TestStopFromOutside(t *testing.T) {
	t.Parallel()
	p := launch(t, self("polite")).until("ready")
	p.must(p.cmd.Process.Signal(unix.SIGTERM))
	p.wait().ended(End{Stopped: true}).printed(Stdout, []byte("ready\nbye\n"))
	p = launch(t, self("stubborn")).until("partial")
	p.must(p.cmd.Process.Signal(unix.SIGTERM))
	p.wait().ended(End{ExitCode: 137, Signal: "SIGKILL", Stopped: true})
}

// Each is in a session of its own; one lost its parent, the other has stdout.
func TestNothingIsLeft(t *testing.T) {
	for _, script := range []string{"parent", "holder"} {
		begun := time.Now()
		p := play(t, self(script)).ended(End{})
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s took %v", script, took)
		}
		for pid := range strings.FieldsSeq(string(p.out[Stdout])) {
			if pid, err := strconv.Atoi(pid); err == nil {
				p.dead(pid)
			}
		}
	}
}
