//go:build linux

package runner

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// first makes cmd PID 1 of a container, as far as anybody may.
func first(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 65534, HostID: os.Getuid(), Size: 1}},
	}
}

// The real thing: PID 1 of a namespace, a script that sends it every signal
// there is, and a stop from outside.
func TestPID1OutlivesItsScript(t *testing.T) {
	p := launch(t, self("signals"), first).until("survived")
	p.must(p.cmd.Process.Signal(unix.SIGTERM))
	p.wait().ended(End{ExitCode: 143, Signal: "SIGTERM", Stopped: true}).
		printed(Stdout, []byte("ignored 0000000000000000\nsurvived\n"))
}

// A signal that is caught takes time, and one that Go does not handle would end
// PID 1 in the moments in which its main thread blocks signals: all but SIGKILL,
// SIGSTOP, SIGTERM and SIGCHLD are ignored, and of those that are caught there
// is one.
func TestShieldIgnoresSignals(t *testing.T) {
	p := launch(t, self("stubborn")).until("partial")
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	p.must(err)
	if _, ignored, _ := strings.Cut(string(status), "SigIgn:\t"); ignored[:16] != "fffffffffffabeff" {
		t.Errorf("ignores %s", ignored[:16])
	}
	if _, caught, _ := strings.Cut(string(status), "SigCgt:\t"); caught[:16] != "0000000000004000" {
		t.Errorf("catches %s", caught[:16])
	}
	p.must(p.cmd.Process.Signal(unix.SIGTERM))
	p.wait()
}

// What a script of the same uid may open of PID 1. The test's /proc is that of
// the machine, so the runner puts its PID there in place of the argument.
func TestScriptCannotReachTheFrames(t *testing.T) {
	p := play(t, self("reach", "PID"), first).ended(End{ExitCode: 7}).printed(Stdout, []byte("reached 0\n"))
	if p.end.Frames != 1 {
		t.Errorf("%d frames", p.end.Frames)
	}
}

// As PID 1 there is one kill for everybody, and a limit of the uid's processes.
func TestPID1LeavesNothing(t *testing.T) {
	begun := time.Now()
	play(t, self("holder"), first).ended(End{})
	play(t, with(self("stubborn"), nil, func(l *Limits) { l.WallSeconds = 0.5 }), first).
		ended(End{ExitCode: 137, Signal: "SIGKILL", TimedOut: true})
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
	p := play(t, with(self("rlimits"), nil, func(l *Limits) { l.Processes = 50 }), first).ended(End{})
	if got := string(p.out[Stdout]); !strings.Contains(got, "\n6 164 164\n") {
		t.Errorf("rlimits %s", got)
	}
}
