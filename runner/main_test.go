//go:build linux

package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays every part: the runner (it must be alone, for it reaps
// what it finds), its stage, and the scripts, so that no interpreter is needed.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == stage {
		os.Exit(execute())
	}
	switch role := os.Getenv("RUNNER_TEST_ROLE"); role {
	case "":
		os.Exit(m.Run())
	case "runner":
		os.Exit(playRunner())
	default:
		scripts[role]()
	}
	syscall.Exit(0) // os.Exit waits for a second in race builds
}

func playRunner() int {
	stop, err := Shield()
	check(err)
	r := newRunner(os.Stdout, stop)
	if os.Getpid() != 1 {
		check(subreaper())
	}
	r.dir, r.cgroup, r.stdin = os.Getenv("DIR"), os.Getenv("CGROUP"), pollable(os.Stdin)
	r.out = filepath.Join(r.dir, "..", "out")
	r.folders = []string{r.dir, r.out}
	job, err := openJob(filepath.Join(r.dir, "..", "job.json"))
	if i := slices.Index(job.Run, "PID"); i > 0 { // /proc is the machine's, also in a namespace
		job.Run[i], err = os.Readlink("/proc/self")
	}
	return r.do(job, err)
}

// self is a job whose script is one of scripts.
func self(name string, args ...string) Job {
	return Job{
		Run:    append([]string{os.Args[0]}, args...),
		Env:    map[string]string{"RUNNER_TEST_ROLE": name},
		Limits: Limits{WallSeconds: 20},
	}
}

// played is a runner at work, and what it told.
type played struct {
	*testing.T
	cmd     *exec.Cmd
	frames  *Reader
	dir     string
	all     []Frame
	output  int64 // frames
	started []Started
	acked   []string
	out     map[Kind][]byte
	end     *End
	code    int
}

func launch(t *testing.T, job Job, options ...func(*exec.Cmd)) *played {
	t.Helper()
	if job.Limits.OutputCeilingBytes == 0 {
		job.Limits.OutputCeilingBytes = outputCeiling
	}
	top := t.TempDir()
	p := &played{T: t, dir: filepath.Join(top, "work"), out: make(map[Kind][]byte)}
	text, err := EncodeJob(job)
	p.must(err)
	p.must(errors.Join(os.Mkdir(p.dir, 0o755), os.Mkdir(filepath.Join(top, "out"), 0o755)))
	p.must(os.WriteFile(filepath.Join(top, "job.json"), text, 0o644))
	binary, err := os.Executable()
	p.must(err)
	p.cmd = exec.CommandContext(t.Context(), binary)
	p.cmd.Env = append(os.Environ(), "RUNNER_TEST_ROLE=runner", "DIR="+p.dir, "GORACE=atexit_sleep_ms=0", "KUBERNETES_SERVICE_HOST=10.0.0.1")
	p.cmd.Stderr = os.Stderr
	for _, option := range options {
		option(p.cmd)
	}
	out, err := p.cmd.StdoutPipe()
	p.must(err)
	if err := p.cmd.Start(); err != nil {
		if p.cmd.SysProcAttr != nil {
			t.Skipf("no namespaces here: %v", err)
		}
		t.Fatal(err)
	}
	p.frames = NewReader(out)
	return p
}

func env(pairs ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, pairs...) }
}

// fifo is a named pipe in the folder, through which script and test wait for each other.
func fifo(cmd *exec.Cmd) {
	for _, pair := range cmd.Env {
		if dir, ok := strings.CutPrefix(pair, "DIR="); ok {
			_ = syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600)
		}
	}
}

func (p *played) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// next reads one frame; false at the end.
func (p *played) next() bool {
	p.Helper()
	f, err := p.frames.Read()
	if errors.Is(err, io.EOF) {
		return false
	}
	p.must(err)
	var want int64 // of output only
	if f.output() {
		p.output++
		want = p.output
	}
	if p.end != nil || f.Number != want {
		p.Fatalf("frame %d in place of %d, end %v", f.Number, want, p.end)
	}
	p.all = append(p.all, f)
	switch f.Kind {
	case Start:
		var s Started
		p.must(json.Unmarshal(f.Bytes, &s))
		p.started = append(p.started, s)
	case Ack:
		p.acked = append(p.acked, string(f.Bytes))
	case Final:
		p.end = new(End)
		p.must(json.Unmarshal(f.Bytes, p.end))
	default:
		if f.Position != int64(len(p.out[f.Kind])) || len(f.Bytes) == 0 {
			p.Errorf("frame %d: %d bytes at %d, after %d", f.Number, len(f.Bytes), f.Position, len(p.out[f.Kind]))
		}
		p.out[f.Kind] = append(p.out[f.Kind], f.Bytes...)
	}
	return true
}

// until reads frames until stdout has text.
func (p *played) until(text string) *played {
	p.Helper()
	for !strings.Contains(string(p.out[Stdout]), text) {
		if !p.next() {
			p.Fatalf("%q never came: %s %+v", text, p.out[Stdout], p.end)
		}
	}
	return p
}

// wait reads the rest, and checks what holds at every end.
func (p *played) wait() *played {
	p.Helper()
	for p.next() {
	}
	err := p.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	p.code = p.cmd.ProcessState.ExitCode()
	if p.end == nil {
		p.Fatalf("no final frame; exit %d", p.code)
	}
	if p.end.Frames != p.output {
		p.Errorf("end counts %d frames, there were %d", p.end.Frames, p.output)
	}
	if want := int(p.end.ExitCode); p.code != want && (want != -1 || p.code != failed) {
		p.Errorf("exit code %d, told %d", p.code, want)
	}
	return p
}

func play(t *testing.T, job Job, options ...func(*exec.Cmd)) *played {
	t.Helper()
	return launch(t, job, options...).wait()
}

// ended checks how it ended: of End the fields that are not measured.
func (p *played) ended(want End) *played {
	p.Helper()
	got := *p.end
	if got.ExitCode >= 0 {
		if got.StartedAt.IsZero() || got.FinishedAt.Before(got.StartedAt) || got.PeakMemoryBytes <= 0 || got.WallSeconds <= 0 {
			p.Errorf("measured %+v", got)
		}
	}
	if want.Phase == "" {
		want.Phase = Run
	}
	if want.Error != "" && strings.Contains(got.Error, want.Error) {
		got.Error = want.Error
	}
	got.StartedAt, got.FinishedAt = time.Time{}, time.Time{}
	got.WallSeconds, got.CPUSeconds, got.PeakMemoryBytes = 0, 0, 0
	got.CompileWallSeconds, got.CompileCPUSeconds = 0, 0
	got.Frames, got.StdoutBytes, got.StderrBytes, got.CompileBytes = 0, 0, 0, 0
	got.Artifacts = nil
	if !reflect.DeepEqual(got, want) {
		p.Errorf("got  %+v\nwant %+v\nstderr: %s", got, want, p.out[Stderr])
	}
	return p
}

// printed checks all that came on one stream.
func (p *played) printed(kind Kind, want []byte) *played {
	p.Helper()
	if got := p.out[kind]; !bytes.Equal(got, want) {
		p.Errorf("%c: got %d bytes %.60q, want %d bytes %.60q", kind, len(got), got, len(want), want)
	}
	return p
}

// dead checks that nobody has pid any more.
func (p *played) dead(pid int) {
	p.Helper()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		p.Errorf("process %d: %v", pid, err)
	}
}

func with(job Job, env map[string]string, limits func(*Limits)) Job {
	maps.Copy(job.Env, env)
	if limits != nil {
		limits(&job.Limits)
	}
	return job
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
