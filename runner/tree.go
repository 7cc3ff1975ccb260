//go:build linux

package runner

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a process of the script's and all that come from it. We are where
// orphans go (PID 1, or a subreaper), so that none gets away, and when wait4
// says that we have no child there is none of them left.
type tree struct {
	pid                   int
	stdin, stdout, stderr *os.File                // our ends of its pipes; stderr is nil if stdout has both
	listener              *listener               // for the kernel's questions
	files                 *descriptors            // nil: there is no limit of them
	ended                 chan syscall.WaitStatus // gets that of pid
	gone                  chan struct{}           // closed when none is left

	// Of the processes that were waited for, by us or by one of them, see getrusage(2).
	cpu     atomic.Int64 // nanoseconds
	largest atomic.Int64 // resident set of one of them, in bytes
}

// reap is the only one that waits: os/exec would take statuses from it.
func (t *tree) reap() {
	defer close(t.gone)
	for {
		var status syscall.WaitStatus
		var took syscall.Rusage
		pid, err := syscall.Wait4(-1, &status, 0, &took)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		default:
			t.cpu.Add(took.Utime.Nano() + took.Stime.Nano())
			t.largest.Store(max(t.largest.Load(), took.Maxrss<<10))
			if pid == t.pid {
				t.ended <- status
			}
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

// processes are all of t.
func (t *tree) processes() []int {
	if os.Getpid() != 1 {
		return descendants(os.Getpid())
	}
	return slices.DeleteFunc(numbers("/proc"), func(pid int) bool { return pid == 1 })
}

// numbers are those among the names in a folder.
func numbers(folder string) (found []int) {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	dir := os.NewFile(uintptr(fd), folder)
	defer dir.Close() //nolint:errcheck // it was only read
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			found = append(found, n)
		}
	}
	return found
}

// descendants reads them from /proc/*/stat, see proc_pid_stat(5).
func descendants(of int) (found []int) {
	children := make(map[int][]int)
	for _, pid := range numbers("/proc") {
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat") // it may have ended
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
