package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// spawn runs functions on one thread for as long as the program lives. The kernel sends Pdeathsig when the *thread*
// that started a child ends, and Go ends threads as it likes.
var spawn = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for f := range spawn {
			f()
		}
	}()
}

// logLimit is the size beyond which a part's next start begins a new log.
const logLimit = 32 << 20

// process is a part that was started.
type process struct {
	pid   int
	began time.Time
	// ended is closed when the process is gone and waited for; err may be read then.
	ended chan struct{}
	err   error
}

// startProcess starts a part in a group of its own, so that Ctrl-C on a terminal leaves the order of stopping to us. It
// dies with the supervisor.
func startProcess(dirs Dirs, p *Part) (*process, error) {
	if err := os.MkdirAll(filepath.Join(dirs.State, "logs"), 0o755); err != nil {
		return nil, err
	}
	if info, err := os.Stat(dirs.log(p.Name)); err == nil && info.Size() > logLimit {
		_ = os.Rename(dirs.log(p.Name), dirs.log(p.Name)+".old")
	}
	log, err := os.OpenFile(dirs.log(p.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := p.Args()
	fmt.Fprintf(log, "--- %s %s\n", time.Now().Format(time.RFC3339), strings.Join(args, " "))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dirs.State, log, log
	cmd.Env = append(environment(os.Environ()), append(p.Env, marker+"="+p.Name+"@"+dirs.State)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	began := time.Now()
	spawn <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	running := &process{pid: cmd.Process.Pid, began: began, ended: make(chan struct{})}
	go func() {
		running.err = cmd.Wait()
		close(running.ended)
	}()
	return running, recordPid(dirs, p.Name, running.pid)
}

// environment is ours without what is meant for the product and for kubectl, and with the folders of system programs.
func environment(all []string) []string {
	var kept []string
	for _, variable := range all {
		key, value, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(key, "CODESAGA_"), key == "KUBECONFIG", key == "NOTIFY_SOCKET":
		case key == "PATH":
			kept = append(kept, "PATH="+value+":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
		default:
			kept = append(kept, variable)
		}
	}
	return kept
}

// stop sends a signal and waits; after grace it sends SIGKILL.
func (p *process) stop(sig syscall.Signal, grace time.Duration) error {
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(grace):
	}
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("pid %d does not end after SIGKILL", p.pid)
	}
}

// waitReady asks until the part is ready, has ended, or patience is over; then the last answer is the error.
func (p *process) waitReady(ctx context.Context, part *Part) error {
	ctx, cancel := context.WithTimeout(ctx, part.Patience)
	defer cancel()
	for {
		err := part.Ready(ctx, p.began)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("ended before it was ready: %w", exitOf(p.err))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("not ready after %s: %w", elapsed(part.Patience), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func exitOf(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func pidFile(dirs Dirs, name string) string { return filepath.Join(dirs.State, "pids", name) }

// recordPid writes pid and start time: the pid alone may be another process later.
func recordPid(dirs Dirs, name string, pid int) error {
	start, _ := procfs("/proc").startTime(pid)
	return writeFile(pidFile(dirs, name), fmt.Appendf(nil, "%d %s\n", pid, start), 0o644)
}

// recordedPid is the process that was recorded, if it still lives.
func recordedPid(dirs Dirs, root procfs, name string) (int, bool) {
	text, err := os.ReadFile(pidFile(dirs, name))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) != 2 {
		return 0, false
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0, false
	}
	start, alive := root.startTime(pid)
	return pid, alive && start == fields[1]
}
