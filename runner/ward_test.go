//go:build linux

package runner

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KU-10: what a script may do to itself and to its own, it may not do to the
// runner, by whichever of its threads it names it; when it is compiled as little
// as when it runs, and whether or not its descriptors are counted.
func TestRunnerKeepsItsLimitsAndTurns(t *testing.T) {
	want := []byte("itself: may\nits own: may\nthe runner: EPERM\nPID 1: EPERM\nall of a user: EPERM\n")
	play(t, self("harm")).ended(End{}).printed(Stdout, want)
	play(t, with(self("harm"), nil, func(l *Limits) { l.OpenFiles = 64 })).ended(End{}).printed(Stdout, want)
	job := self("harm")
	job.Compile = job.Run
	job.Limits.CompileSeconds = 20
	play(t, job).ended(End{}).printed(CompileOut, want).printed(Stdout, want)
}

// A kernel that hands out no listener leaves the runner's threads unknown: then
// a script may name itself only as 0.
func TestWardThatCannotAsk(t *testing.T) {
	p := play(t, self("unheard"))
	p.ended(End{}).printed(Stdout, []byte("itself: may\nits own: EPERM\nthe runner: EPERM\nPID 1: EPERM\nall of a user: EPERM\n"))
}

// The numbers of system calls are others for 32-bit programs. Machines whose
// kernel runs none cannot show it.
func TestNoForeignSystemCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the code is for amd64")
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	direct := exec.CommandContext(t.Context(), binary)
	direct.Env = []string{"RUNNER_TEST_ROLE=foreign"}
	if out, err := direct.Output(); err != nil || string(out) != "it answers\n" {
		t.Skipf("no 32-bit system calls here: %v %s", err, out)
	}
	play(t, self("foreign")).ended(End{}).printed(Stdout, []byte("ENOSYS\n"))
}

// harm tries all that is in the ward, so that it changes nothing where it works.
func harm() {
	pid := child("sleeper")
	report("itself", attempts(0, 0))
	report("its own", attempts(unix.Gettid(), unix.Getpgrp()), attempts(pid, pid))
	var runner [][]error
	for _, tid := range numbers("/proc/" + strconv.Itoa(os.Getppid()) + "/task") {
		runner = append(runner, attempts(tid, 0)[:len(byPID)+2])
	}
	if len(runner) < 2 {
		fmt.Println("the runner has one thread?")
	}
	report("the runner", runner...)
	report("PID 1", attempts(1, 1))
	const nobody = 54321
	report("all of a user", []error{unix.Setpriority(unix.PRIO_USER, nobody, 0), ioprio(ioprioUser, nobody)})
	check(unix.Kill(pid, unix.SIGKILL))
}

// attempts are the calls of the ward at a process, and at a group.
func attempts(pid, group int) []error {
	var limit unix.Rlimit
	var cpus unix.CPUSet
	check(unix.SchedGetaffinity(0, &cpus))
	policy, zero := unix.SCHED_BATCH, int32(0) // the niceness stays
	return []error{
		unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit),
		unix.SchedSetaffinity(pid, &cpus),
		unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: uint32(policy), Nice: 19}, 0),
		plain(unix.SYS_SCHED_SETPARAM, uintptr(pid), uintptr(unsafe.Pointer(&zero))),
		plain(unix.SYS_SCHED_SETSCHEDULER, uintptr(pid), uintptr(policy), uintptr(unsafe.Pointer(&zero))),
		unix.Setpriority(unix.PRIO_PROCESS, pid, 19),
		ioprio(1, pid),
		unix.Setpriority(unix.PRIO_PGRP, group, 19),
		ioprio(2, group),
	}
}

// ioprio asks for the class "best effort" at its lowest.
func ioprio(kind, who int) error {
	return plain(unix.SYS_IOPRIO_SET, uintptr(kind), uintptr(who), 2<<13|7)
}

func plain(number uintptr, arguments ...uintptr) error {
	var a [3]uintptr
	copy(a[:], arguments)
	if _, _, errno := unix.Syscall(number, a[0], a[1], a[2]); errno != 0 {
		return errno
	}
	return nil
}

// report says what all of them came to, or each, if they differ.
func report(whom string, all ...[]error) {
	var seen []string
	for _, err := range slices.Concat(all...) {
		if err == nil {
			seen = append(seen, "may")
		} else {
			seen = append(seen, unix.ErrnoName(err.(unix.Errno))) //nolint:errorlint,forcetypeassert // as they come
		}
	}
	if strings.Count(strings.Join(seen, " "), seen[0]) == len(seen) {
		seen = seen[:1]
	}
	fmt.Printf("%s: %s\n", whom, strings.Join(seen, " "))
}

// unheard is harm within a filter more: the kernel gives no second listener.
func unheard() {
	runtime.LockOSThread()
	check(install(-1, 0))
	harm()
}

// foreign makes a 32-bit system call, getpid, with code of its own.
func foreign() {
	code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	check(err)
	copy(code, []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3}) // mov eax, 20; int 0x80; ret
	at := unsafe.Pointer(&code[0])
	fn := unsafe.Pointer(&at)
	switch got := int32((*(*func() uintptr)(unsafe.Pointer(&fn)))()); {
	case int(got) == os.Getpid():
		fmt.Println("it answers")
	default:
		fmt.Println(unix.ErrnoName(unix.Errno(-got)))
	}
}
