//go:build linux

package runner

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// runner does one job.
type runner struct {
	dir     string   // where the script is, and works
	out     string   // where it leaves its artifacts
	folders []string // all that it can write to
	cgroup  string   // the container's own cgroup as it is mounted in it; "": unknown
	stop    <-chan os.Signal
	stdin   *os.File // where feeds come from

	teller                  teller
	all                     ceiling
	stdout, stderr, compile stream
}

func newRunner(w io.Writer, stop <-chan os.Signal) *runner {
	r := &runner{dir: "/work", out: "/out", folders: []string{"/work", "/tmp", "/out"}, stop: stop}
	r.teller = teller{w: w, failed: make(chan struct{})}
	r.all.reached = make(chan struct{})
	r.stdout = stream{kind: Stdout, teller: &r.teller, all: &r.all}
	r.stderr = stream{kind: Stderr, teller: &r.teller, all: &r.all}
	r.compile = stream{kind: CompileOut, teller: &r.teller, all: &r.all}
	return r
}

// do does the job, unless there is an error already, and tells how it ended.
func (r *runner) do(job Job, err error) int {
	end := End{ExitCode: -1, Phase: Run}
	if err == nil {
		end, err = r.work(job)
	}
	if err != nil {
		end.Error = fmt.Sprintf("%.1000s", err)
	}
	end.StdoutBytes, end.StdoutTruncated = r.stdout.bytes, r.stdout.truncated
	end.StderrBytes, end.StderrTruncated = r.stderr.bytes, r.stderr.truncated
	end.CompileBytes, end.CompileTruncated = r.compile.bytes, r.compile.truncated
	if r.teller.final(end) != nil || end.ExitCode < 0 {
		return failed
	}
	return int(end.ExitCode)
}

func (r *runner) work(job Job) (End, error) {
	r.all.limit = job.Limits.OutputCeilingBytes
	r.stdout.limit, r.stderr.limit, r.compile.limit = job.Limits.OutputBytes, job.Limits.OutputBytes, job.Limits.OutputBytes
	if err := write(r.dir, job.Files); err != nil {
		return End{ExitCode: -1, Phase: Run}, err
	}
	var compiled End
	if len(job.Compile) > 0 {
		var err error
		compiled, err = r.step(step{
			phase: Compile, argv: job.Compile, env: r.env(job), limits: job.Limits.compile(),
		})
		if err != nil || compiled.ExitCode != 0 || compiled.cut() {
			return compiled, err
		}
	}
	end, err := r.step(step{
		phase: Run, argv: job.Run, env: r.env(job), stdin: job.Stdin, interactive: job.Interactive, limits: job.Limits,
	})
	end.CompileWallSeconds, end.CompileCPUSeconds = compiled.WallSeconds, compiled.CPUSeconds
	if err == nil && !end.Stopped {
		r.collect(&end)
	}
	return end, err
}

// cut says that it was not the process that chose to end.
func (e End) cut() bool { return e.TimedOut || e.Stopped || e.Limit != "" }

// env is all that the script finds in its environment: nothing of Kubernetes,
// and of ours only where the image has its programs.
func (r *runner) env(job Job) []string {
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	all := map[string]string{"PATH": path, "HOME": r.dir, "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
	maps.Copy(all, job.Env)
	env := make([]string, 0, len(all))
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// step is one of the two: one process and all that come from it.
type step struct {
	phase       Phase
	argv        []string
	env         []string
	stdin       []byte
	interactive bool // its stdin stays open behind that
	limits      Limits
}

// step runs s until nothing is left of it. An error is the platform's: the
// process did not start.
func (r *runner) step(s step) (End, error) {
	end := End{ExitCode: -1, Phase: s.phase}
	select {
	case <-r.stop:
		end.Stopped = true
		return end, nil
	default:
	}
	m := measure(r.cgroup)
	t, err := r.start(s)
	if err != nil {
		m.cgroup.close()
		return end, err
	}
	end.StartedAt = time.Now()
	var pumps sync.WaitGroup
	drained := new(atomic.Bool)
	over := r.give(t, s, &pumps)
	pumps.Go(func() { r.carry(t, s, end.StartedAt, drained) })
	survey := r.survey(t, s.limits)
	f := r.watch(t, s.limits, m, survey)
	f.finished = time.Now()
	survey.stop()
	left := t.clear()
	t.listener.stop()
	drained.Store(true)
	_ = t.stdout.SetReadDeadline(f.finished)
	if t.stderr != nil {
		_ = t.stderr.SetReadDeadline(f.finished)
	}
	over()
	pumps.Wait()
	m.stop(t, &f)
	survey.end(&f)
	f.tell(&end)
	if left && s.phase == Compile { // whoever waits for it would wait for the next step, too
		return end, errors.New("compile: left a process that cannot be killed")
	}
	return end, nil
}

// give pumps what s has to read to its stdin, and returns what ends that.
func (r *runner) give(t *tree, s step, pumps *sync.WaitGroup) (over func()) {
	if !s.interactive {
		pumps.Go(func() {
			_, _ = t.stdin.Write(s.stdin) // it need not be read
			_ = t.stdin.Close()
		})
		return func() { _ = t.stdin.Close() }
	}
	in, done := newInput(r.stdin, t, s.stdin, r.teller.acknowledge), make(chan struct{})
	pumps.Go(in.pour)
	pumps.Go(func() { in.hear(done) })
	return func() { close(done); in.stop() }
}

// carry tells that s has started, and makes frames of what it writes. It is
// none of the supervisor's business: it may block, and the script's clock runs.
func (r *runner) carry(t *tree, s step, at time.Time, drained *atomic.Bool) {
	r.teller.started(s.phase, at)
	if s.phase == Compile {
		r.compile.carry(t.stdout, drained)
		return
	}
	var pumps sync.WaitGroup
	defer pumps.Wait()
	pumps.Go(func() { r.stderr.carry(t.stderr, drained) })
	r.stdout.carry(t.stdout, drained)
}
