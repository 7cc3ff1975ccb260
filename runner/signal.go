//go:build linux

package runner

import (
	"fmt"
	"os"
	"os/signal"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Shield makes PID 1 hard to hurt for the script beside it, which has the same
// uid: no signal ends us, and our memory and descriptors are closed to it.
// Call it first in main. What is received is told to stop: SIGTERM means that
// whoever sends it, for a script that sends it ends only itself, and the kube
// worker knows whether it had asked.
//
// A script can still starve us by prlimit. Then there is no final frame, and
// the verdict is never "completed".
func Shield() (stop <-chan os.Signal, err error) {
	// Listened to, not ignored: what is ignored is so in the script, too.
	signal.Notify(make(chan os.Signal, 1), deaf()...)
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	for _, sig := range untaken {
		if err := dispose(sig, ignore); err != nil {
			return nil, fmt.Errorf("ignore signal %d: %w", sig, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // exec undoes it
		return nil, fmt.Errorf("set dumpable: %w", err)
	}
	return term, nil
}

// deaf are the signals that nobody needs. SIGURG is the Go scheduler's own.
func deaf() (signals []os.Signal) {
	for s := unix.Signal(1); s < 32; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGTERM, unix.SIGURG:
		default:
			signals = append(signals, s)
		}
	}
	return signals
}

// untaken are the signals that Go leaves to the C library and does not handle
// even when asked to. At its default such a signal does end PID 1, although the
// kernel promises otherwise, if it comes while the main thread blocks signals,
// as Go's does at each fork (complete_signal in kernel/signal.c looks at the
// other threads, and no longer at SIGNAL_UNKILLABLE). So we ignore these, and
// the stage before a script puts them back.
var untaken = []unix.Signal{32, 33, 34}

const (
	byDefault = 0 // SIG_DFL
	ignore    = 1 // SIG_IGN
)

// dispose sets what becomes of sig, see rt_sigaction(2): os/signal does not
// take these.
func dispose(sig unix.Signal, handler uintptr) error {
	action := [4]uintptr{handler}                                                                                      // flags, restorer, mask: none
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0) //nolint:gosec // a system call
	if errno != 0 {
		return errno
	}
	return nil
}
