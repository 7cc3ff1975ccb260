//go:build linux

package runner

import (
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A script has the uid of the runner, so the kernel would let it take the
// runner's limits, its CPUs or its turn on them. A filter of seccomp(2), which
// the stage installs for the script and all that comes from it, lets it do that
// to itself and to its own processes only. The same filter makes the kernel ask
// about descriptors, see listener.go.
//
// What it does not name is closed otherwise: signals by Shield; and what asks
// for the rights of a debugger, because the runner is not dumpable.

// archs are AUDIT_ARCH_* of the machines that this was written for. On both,
// the low half of a system call's argument comes first.
var archs = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// byPID are the calls that change a process named by their first argument, and
// byKind those where the first says what the second is: a process, a group of
// them, or, with this value, all of a user. Kernels take the low half of both.
var (
	byPID  = []uint32{unix.SYS_PRLIMIT64, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER}
	byKind = []struct{ call, user uint32 }{{unix.SYS_SETPRIORITY, unix.PRIO_USER}, {unix.SYS_IOPRIO_SET, ioprioUser}}
)

const (
	ioprioUser = 3          // IOPRIO_WHO_USER of linux/ioprio.h
	x32        = 0x40000000 // __X32_SYSCALL_BIT of asm/unistd.h
)

// labels are places in a filter.
type label int

const (
	next label = iota
	allow
	refuse  // EPERM
	unknown // ENOSYS
	ask     // the runner
	lastArgument
	pidArgument
	kindArgument // and one for each more of byKind
)

// instruction is one of classic BPF that goes on at yes or no, where it tests
// the value loaded, and at next where it does anything else.
type instruction struct {
	code    uint16
	k       uint32
	yes, no label
}

const (
	load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	give  = unix.BPF_RET | unix.BPF_K

	offNumber, offArch, offFirst, offSecond = 0, 4, 16, 24 // in struct seccomp_data
)

// filter is the program for arch. It asks about descriptors if there is a last
// one, and about other processes if it can; if not they are refused, for they
// may be threads of the runner.
func filter(arch uint32, last int64, canAsk bool) []unix.SockFilter {
	f := program{at: map[label]int{}}
	f.add(instruction{code: load, k: offArch})
	f.add(instruction{code: equal, k: arch, no: unknown}) // numbers of another kind of machine would get past
	f.add(instruction{code: load, k: offNumber})
	if arch == unix.AUDIT_ARCH_X86_64 {
		f.add(instruction{code: least, k: x32, yes: unknown})
	}
	watch := canAsk && last > 0
	if watch {
		f.add(instruction{code: equal, k: unix.SYS_EXIT_GROUP, yes: ask})
		for _, call := range watchedCalls {
			f.add(instruction{code: equal, k: call, yes: lastArgument})
		}
	}
	for _, call := range byPID {
		f.add(instruction{code: equal, k: call, yes: pidArgument})
	}
	for i, kind := range byKind {
		f.add(instruction{code: equal, k: kind.call, yes: kindArgument + label(i)})
	}
	f.add(instruction{code: give, k: unix.SECCOMP_RET_ALLOW})
	if watch {
		f.here(lastArgument)
		f.add(instruction{code: load, k: offFirst})
		f.add(instruction{code: equal, k: uint32(last), yes: ask, no: allow})
	}
	others := refuse
	if canAsk {
		others = ask
	}
	target := func(offset uint32) {
		f.add(instruction{code: load, k: offset})
		f.add(instruction{code: equal, k: 0, yes: allow}) // itself
		f.add(instruction{code: equal, k: 1, yes: refuse, no: others})
	}
	f.here(pidArgument)
	target(offFirst)
	for i, kind := range byKind {
		f.here(kindArgument + label(i))
		f.add(instruction{code: load, k: offFirst})
		f.add(instruction{code: equal, k: kind.user, yes: refuse})
		target(offSecond)
	}
	f.end(allow, unix.SECCOMP_RET_ALLOW) // jumps lead forward only
	f.end(refuse, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
	f.end(unknown, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	f.end(ask, unix.SECCOMP_RET_USER_NOTIF)
	return f.assemble()
}

// program is a filter under construction.
type program struct {
	lines []instruction
	at    map[label]int
}

func (p *program) add(i instruction) { p.lines = append(p.lines, i) }

// here is where l leads to.
func (p *program) here(l label) { p.at[l] = len(p.lines) }

// end puts an answer at l.
func (p *program) end(l label, answer uint32) {
	p.here(l)
	p.add(instruction{code: give, k: answer})
}

// assemble turns labels into counts of instructions to be left out.
func (p *program) assemble() []unix.SockFilter {
	var out []unix.SockFilter
	for i, line := range p.lines {
		skip := func(l label) uint8 {
			if l == next {
				return 0
			}
			return uint8(p.at[l] - i - 1)
		}
		out = append(out, unix.SockFilter{Code: line.code, K: line.k, Jt: skip(line.yes), Jf: skip(line.no)})
	}
	return out
}

// install puts the filter on the thread that calls it, and on all that comes
// from it, and sends the listener through socket. It is no error if the kernel
// does not do it; if it only refuses the listener, as gVisor does, the filter
// asks nobody.
func install(socket int, last int64) error {
	arch, ok := archs[runtime.GOARCH]
	if !ok {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil //nolint:nilerr // as said
	}
	asking := filter(arch, last, true)
	// Killable: a signal does not take a process out of a notice that was read.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER} {
		if listener, errno := setFilter(flags, asking); errno == 0 {
			defer unix.Close(listener) //nolint:errcheck // the runner has it now
			return os.NewSyscallError("sendmsg", unix.Sendmsg(socket, []byte{0}, unix.UnixRights(listener), nil, 0))
		}
	}
	_, _ = setFilter(0, filter(arch, last, false))
	return nil
}

func setFilter(flags uintptr, f []unix.SockFilter) (listener int, errno unix.Errno) {
	program := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program))) //nolint:gosec // a system call
	runtime.KeepAlive(f)
	return int(fd), errno
}

// ours reports whether a thread is one of the runner's.
func ours(tid int) bool { return unix.Tgkill(os.Getpid(), tid, 0) == nil }

// forbidden reports whether a call that the filter asked about is aimed at the
// runner. A thread that the runner starts in the moment after is not seen: it
// cannot be named before it is there.
func forbidden(c call) bool {
	if slices.Contains(byPID, uint32(c.number)) {
		return ours(int(int32(c.arguments[0])))
	}
	for _, kind := range byKind {
		if uint32(c.number) == kind.call {
			return ours(int(int32(c.arguments[1])))
		}
	}
	return false
}
