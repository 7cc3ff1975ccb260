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

	"golang.org/x/sys/unix"
)

// failed is the exit code of the runner when there is none of a script: it
// could not be started, or what became of it could not be told.
const failed = 125

// Main is the program. As `runner /job/job.json` it does the job in that file,
// tells of it in frames on stdout, and returns the script's exit code, or 125
// when there is none. It is meant to be PID 1 of a container; anywhere else it
// has to be alone, for it ends and reaps whatever descends from it.
// As `runner exec` it is the last step before a script, see execute. As `runner
// copy TARGET` it puts itself there: for clusters without image volumes, where
// an init container has to bring the runner.
func Main(args []string) int {
	if len(args) == 3 && args[1] == "copy" {
		if err := copySelf(args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "runner: copy:", err)
			return failed
		}
		return 0
	}
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: runner <job file> | runner copy <target>")
		return failed
	}
	if args[1] == stage {
		return execute()
	}
	stop, err := Shield()
	r := newRunner(os.Stdout, stop)
	if os.Getpid() == 1 {
		r.cgroup = "/sys/fs/cgroup"
	} else if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	var job Job
	if err == nil {
		job, err = open(args[1])
	}
	return r.do(job, err)
}

// copySelf writes the program that runs to a file that is not there yet.
func copySelf(target string) (err error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, self.Close()) }()
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // a program, and whoever starts us says where
	if err != nil {
		return err
	}
	_, err = io.Copy(f, self)
	return errors.Join(err, f.Close())
}

func open(name string) (Job, error) {
	f, err := os.Open(name) //nolint:gosec // whoever starts us says what to do
	if err != nil {
		return Job{}, fmt.Errorf("read job: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return readJob(f)
}

// runner does one job.
type runner struct {
	dir    string // where the script is, and works
	cgroup string // the container's own cgroup as it is mounted in it; "": unknown
	stop   <-chan os.Signal

	teller         teller
	all            ceiling
	stdout, stderr stream
}

func newRunner(w io.Writer, stop <-chan os.Signal) *runner {
	r := &runner{dir: "/work", stop: stop}
	r.teller = teller{w: w, failed: make(chan struct{})}
	r.all.reached = make(chan struct{})
	r.stdout = stream{kind: Stdout, teller: &r.teller, all: &r.all}
	r.stderr = stream{kind: Stderr, teller: &r.teller, all: &r.all}
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
	if r.teller.final(end) != nil || end.ExitCode < 0 {
		return failed
	}
	return int(end.ExitCode)
}

func (r *runner) work(job Job) (End, error) {
	r.all.limit = job.Limits.OutputCeilingBytes
	r.stdout.limit, r.stderr.limit = job.Limits.OutputBytes, job.Limits.OutputBytes
	if err := write(r.dir, job.Files); err != nil {
		return End{ExitCode: -1, Phase: Run}, err
	}
	var compiled End
	if len(job.Compile) > 0 {
		var err error
		compiled, err = r.step(step{
			phase: Compile, argv: job.Compile, env: r.env(job),
			limits: Limits{WallSeconds: job.Limits.CompileSeconds},
		})
		if err != nil || compiled.ExitCode != 0 || compiled.cut() {
			return compiled, err
		}
	}
	end, err := r.step(step{phase: Run, argv: job.Run, env: r.env(job), stdin: job.Stdin, limits: job.Limits})
	end.CompileWallSeconds, end.CompileCPUSeconds = compiled.WallSeconds, compiled.CPUSeconds
	end.PeakMemoryBytes = max(end.PeakMemoryBytes, compiled.PeakMemoryBytes)
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
	phase  Phase
	argv   []string
	env    []string
	stdin  []byte
	limits Limits
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
		return end, err
	}
	end.StartedAt = time.Now()
	var pumps sync.WaitGroup
	drained := new(atomic.Bool)
	pumps.Go(func() { r.carry(t, s, end.StartedAt, drained) })
	f := r.watch(t, s.limits, m)
	f.finished = time.Now()
	left := t.clear()
	drained.Store(true)
	_ = t.stdout.SetReadDeadline(f.finished)
	_ = t.stderr.SetReadDeadline(f.finished)
	_ = t.stdin.Close()
	pumps.Wait()
	m.stop(&f)
	f.tell(&end)
	if left && s.phase == Compile { // whoever waits for it would wait for the next step, too
		return end, errors.New("compile: left a process that cannot be killed")
	}
	return end, nil
}

// carry tells that s has started, and pumps its three streams. It is none of
// the supervisor's business: each of them may block, and the script's clock runs.
func (r *runner) carry(t *tree, s step, at time.Time, drained *atomic.Bool) {
	var pumps sync.WaitGroup
	defer pumps.Wait()
	pumps.Go(func() {
		_, _ = t.stdin.Write(s.stdin) // it need not be read
		_ = t.stdin.Close()
	})
	r.teller.started(s.phase, at)
	pumps.Go(func() { r.stderr.carry(t.stderr, drained) })
	r.stdout.carry(t.stdout, drained)
}
