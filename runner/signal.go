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
// uid: no signal ends us or keeps us busy, and our memory and descriptors are
// closed to it. Call it first in main. What is received is told to stop: SIGTERM
// means that, whoever sends it, for a script that sends it ends only itself, and
// the kube worker knows whether it had asked.
//
// That the script does not starve us is the ward's, see ward.go. Where the kernel
// has none it can, by prlimit: then there is no final frame, and the verdict is
// never "completed".
func Shield() (stop <-chan os.Signal, err error) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	// Ignored, not listened to: the kernel drops what is ignored, but each signal
	// that is caught takes a thread of ours a moment, and a storm of them all
	// threads, for ever. Go has to know of SIGPIPE, and of what else it takes.
	for _, sig := range deaf() {
		signal.Ignore(sig)
		if err := dispose(sig, ignore); err != nil {
			return nil, fmt.Errorf("ignore signal %d: %w", sig, err)
		}
	}
	// Who ignores this one has no children to wait for. By default it is dropped as well.
	if err := dispose(unix.SIGCHLD, byDefault); err != nil {
		return nil, fmt.Errorf("ignore SIGCHLD: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // exec undoes it
		return nil, fmt.Errorf("set dumpable: %w", err)
	}
	return term, nil
}

// deaf are the signals that nobody needs. SIGURG is by what Go's scheduler stops
// a loop that calls nothing: we have none. SIGSEGV and its like still end us
// when it is we who made the mistake. 32 to 34 are those that Go leaves to the C
// library and never handles: at its default such a signal does end PID 1,
// although the kernel promises otherwise, if it comes while the main thread
// blocks signals, as Go's does at each fork (complete_signal in kernel/signal.c
// looks at the other threads, and no longer at SIGNAL_UNKILLABLE).
func deaf() (signals []unix.Signal) {
	for s := unix.Signal(1); s <= 64; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGTERM:
		default:
			signals = append(signals, s)
		}
	}
	return signals
}

// hear undoes what the script would inherit of that.
func hear() error {
	for _, sig := range deaf() {
		if err := dispose(sig, byDefault); err != nil {
			return fmt.Errorf("signal %d: %w", sig, err)
		}
	}
	return nil
}

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
