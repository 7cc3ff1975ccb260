//go:build linux

package runner

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a process of the script's and all that come from it. We are where
// orphans go (PID 1, or a subreaper), so that none gets away, and when wait4
// says that we have no child there is none of them left.
type tree struct {
	pid                   int
	stdin, stdout, stderr *os.File                // our ends of its pipes
	ended                 chan syscall.WaitStatus // gets that of pid
	gone                  chan struct{}           // closed when none is left
}

// reap is the only one that waits: os/exec would take statuses from it.
func (t *tree) reap() {
	defer close(t.gone)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		case pid == t.pid:
			t.ended <- status
		}
	}
}

// clear kills what is left, until nothing is or it does not die.
func (t *tree) clear() (left bool) {
	tooLong := time.After(survivors)
	for {
		t.signal(unix.SIGKILL)
		select {
		case <-t.gone:
			return false
		case <-tooLong:
			return true
		case <-time.After(again):
		}
	}
}

// signal sends sig to all of t: as PID 1 that is all there are. (The kernel
// holds the list meanwhile, and a fork with a SIGKILL pending fails, so that
// a fork bomb does not outrun it.) Elsewhere a bomb could, and it has to be sent
// again.
func (t *tree) signal(sig unix.Signal) {
	if os.Getpid() == 1 {
		_ = unix.Kill(-1, sig) // ESRCH: nobody is there
		return
	}
	for _, pid := range descendants(os.Getpid()) {
		_ = unix.Kill(pid, sig)
	}
}

// descendants reads them from /proc/*/stat, see proc_pid_stat(5).
func descendants(of int) (found []int) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := make(map[int][]int)
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + dir.Name() + "/stat") // it may have ended
		// pid (any name) state ppid
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || fields[0][0] == 'Z' {
			continue
		}
		if parent, err := strconv.Atoi(string(fields[1])); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	for next := children[of]; len(next) > 0; next = next[1:] {
		found = append(found, next[0])
		next = append(next, children[next[0]]...)
	}
	return found
}
