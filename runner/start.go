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
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stage = "exec" // the argument that makes the program the stage before a script

	// From fork to exec: reading an interpreter from a slow disk is in it.
	startTimeout = 30 * time.Second

	reports, orders, socket = 3, 4, 5 // the stage's descriptors beside stdio
	begun                   = '!'     // what it reports when all that is missing is exec
)

// order is what the stage is told, in JSON.
type order struct {
	Argv   []string         `json:"argv"`
	Env    []string         `json:"env"`
	Limits map[int][2]int64 `json:"limits"` // RLIMIT_*: soft, hard
	Last   int64            `json:"last"`   // the descriptor to watch, see install; 0: none
}

// start starts s and returns when the script's program runs. Between fork and
// exec Go can set no rlimits, so the process is first this program again, as
// the stage. It is started by syscall.ForkExec, for what os.StartProcess
// returns wants to wait for itself.
func (r *runner) start(s step) (*tree, error) {
	o := order{Argv: s.argv, Env: s.env, Limits: rlimits(s.limits)}
	var pipes pipes
	defer pipes.closeTheirs()
	t := &tree{ended: make(chan syscall.WaitStatus, 1), gone: make(chan struct{})}
	t.stdin, t.stdout = pipes.in(), pipes.out()
	if s.phase == Compile {
		pipes.same() // one pipe for both keeps the order of what is written
	} else {
		t.stderr = pipes.out()
	}
	report, tell := pipes.out(), pipes.in()
	defer report.Close() //nolint:errcheck // it was only read
	defer tell.Close()   //nolint:errcheck // the report says what came of it
	if s.limits.OpenFiles > 0 {
		o.Last = s.limits.OpenFiles - 1
		t.files = &descriptors{limit: s.limits.OpenFiles}
	}
	t.listener = &listener{files: t.files, socket: pipes.socket(), done: make(chan struct{})}
	text, err := json.Marshal(o)
	if err != nil {
		pipes.err = errors.Join(pipes.err, err)
	}
	if pipes.err == nil {
		t.pid, pipes.err = syscall.ForkExec("/proc/self/exe", []string{"runner", stage}, &syscall.ProcAttr{ //nolint:gosec // it is ourselves
			Dir: r.dir, Files: pipes.theirs, Sys: &syscall.SysProcAttr{Setsid: true},
		})
	}
	if pipes.err != nil {
		pipes.closeOurs()
		return nil, fmt.Errorf("start: %w", pipes.err)
	}
	pipes.closeTheirs()
	go t.reap()
	go t.listener.listen()
	if err := await(tell, report, text); err != nil {
		t.clear()
		t.listener.stop()
		pipes.closeOurs()
		return nil, err
	}
	return t, nil
}

// await gives the stage its order and waits for the end of its report: close on
// exec, or what kept it from that.
func await(tell, report *os.File, text []byte) error {
	_ = report.SetReadDeadline(time.Now().Add(startTimeout))
	_ = tell.SetWriteDeadline(time.Now().Add(startTimeout))
	_, _ = tell.Write(text)
	_ = tell.Close()
	said, err := io.ReadAll(report)
	switch why, ok := bytes.CutPrefix(said, []byte{begun}); {
	case err != nil:
		return fmt.Errorf("start: %w", err)
	case len(why) > 0:
		return fmt.Errorf("cannot exec: %s", why)
	case !ok:
		return errors.New("start: ended before exec")
	}
	return nil
}

// execute is the stage: it is in the script's process, with the script's
// pipes, and becomes the script's program.
func execute() int {
	runtime.LockOSThread()
	report := os.NewFile(reports, "report")
	// What is left after exec is stdio. Our own descriptors, to begin with.
	unix.CloseOnExec(reports)
	unix.CloseOnExec(orders)
	unix.CloseOnExec(socket)
	_ = unix.CloseRange(reports, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11
	_, _ = report.WriteString(string(begun))
	_, _ = report.WriteString(become(os.NewFile(orders, "orders")).Error())
	return failed
}

// become does not return, but for an error.
func become(orders io.Reader) error {
	var o order
	if err := json.NewDecoder(orders).Decode(&o); err != nil {
		return err
	}
	os.Clearenv()
	for _, pair := range o.Env {
		if path, ok := bytes.CutPrefix([]byte(pair), []byte("PATH=")); ok {
			_ = os.Setenv("PATH", string(path))
		}
	}
	program, err := exec.LookPath(o.Argv[0])
	if err != nil {
		return err
	}
	// What is caught is at its default after exec; what is ignored would stay so.
	if err := hear(); err != nil {
		return err
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, new(unix.Sigset_t), nil); err != nil {
		return err
	}
	stepBack()
	if err := install(socket, o.Last); err != nil {
		return err
	}
	// The last one may keep us from starting a thread.
	for _, which := range []int{unix.RLIMIT_CORE, unix.RLIMIT_CPU, unix.RLIMIT_NOFILE, unix.RLIMIT_FSIZE, unix.RLIMIT_NPROC} {
		if err := limit(which, o.Limits); err != nil {
			return err
		}
	}
	err = syscall.Exec(program, o.Argv, o.Env) //nolint:gosec // strangers' programs are what it is for
	return &os.PathError{Op: "exec", Path: program, Err: err}
}

// stepBack lets the runner, which is beside the script in its cgroup, go first:
// to a CPU, or a bomb of processes would keep it from stopping them; and not to
// its end when memory runs out, though it is larger than each of many small
// processes. What the script has of the machine is the cgroup's share, and stays
// the same. Where that does not work there is nothing lost.
func stepBack() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}
