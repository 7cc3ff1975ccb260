//go:build linux

package runner

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// talk launches an interactive script, and returns where feeds go.
func talk(t *testing.T, job Job, options ...func(*exec.Cmd)) (*played, *os.File) {
	t.Helper()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	job.Interactive = true
	p := launch(t, job, append(options, func(cmd *exec.Cmd) { cmd.Stdin = theirs })...)
	p.must(theirs.Close())
	return p, ours
}

func (p *played) say(to *os.File, feeds ...feed) {
	p.Helper()
	for _, f := range feeds {
		_, err := to.Write(EncodeFeed(f.id, f.data, f.close, f.signal))
		p.must(err)
	}
}

// acknowledged reads frames until so many feeds are.
func (p *played) acknowledged(n int) *played {
	p.Helper()
	for len(p.acked) < n {
		if !p.next() {
			p.Fatalf("acknowledged %q: %+v", p.acked, p.end)
		}
	}
	return p
}

func TestInputComesWhileTheScriptRuns(t *testing.T) {
	job := self("echo")
	job.Stdin = []byte("first ")
	p, to := talk(t, job)
	p.until("first ")
	p.say(to, feed{id: "1", data: []byte("a\n\\")})
	p.until("a\n\\")
	_, err := to.WriteString("no feed at all\ni 7 - 3 abc")
	p.must(err)
	_, err = to.WriteString("\n")
	p.must(err)
	p.say(to, feed{id: "1", data: []byte("twice")}, feed{id: "2", data: []byte("b")}, feed{id: "3", data: []byte("c"), close: true}, feed{id: "4", data: []byte("late")})
	p.wait().ended(End{}).printed(Stdout, []byte("first a\n\\abcbc|EOF"))
	if want := []string{"1", "7", "1", "2", "3", "4"}; len(p.acked) < 5 || !reflect.DeepEqual(p.acked, want[:len(p.acked)]) {
		t.Errorf("acknowledged %q", p.acked)
	}
}

// Whoever is attached goes away, and comes back: a pipe that nobody has open
// any more, and then somebody has again.
func TestTheEndOfTheFeedsIsNotTheEndOfTheInput(t *testing.T) {
	name := filepath.Join(t.TempDir(), "feeds")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	job := self("echo")
	job.Interactive = true
	p := launch(t, job, func(cmd *exec.Cmd) { cmd.Stdin = theirs })
	for i, f := range []feed{{id: "1", data: []byte("a")}, {id: "2", data: []byte("b")}, {id: "3", close: true}} {
		to, err := os.OpenFile(name, os.O_WRONLY, 0)
		p.must(err)
		p.say(to, f)
		p.acknowledged(i + 1)
		p.must(to.Close())
	}
	p.wait().ended(End{}).printed(Stdout, []byte("ab|EOF"))
	if cpu := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(); cpu.Seconds() > 1 {
		t.Errorf("it took %v", cpu)
	}
}

// One that does not read is given what fits, and the rest waits; a signal
// before that comes through.
func TestAScriptThatDoesNotReadHoldsUpOnlyItsInput(t *testing.T) {
	p, to := talk(t, self("deaf"))
	p.until("ready")
	piece := bytes.Repeat([]byte("x"), MaxFeed)
	const pieces = 40 // of which the queue and the pipe take about 17
	sent := make(chan error)
	go func() {
		for i := range pieces {
			if _, err := to.Write(EncodeFeed(fmt.Sprint(i), piece, i == pieces-1, "")); err != nil {
				sent <- err
				return
			}
		}
		close(sent)
	}()
	p.acknowledged(mostQueued / MaxFeed)
	if n := len(p.acked); n > 20 {
		t.Errorf("%d feeds are acknowledged, and nobody reads", n)
	}
	for _, pid := range descendants(p.cmd.Process.Pid) {
		p.must(unix.Kill(pid, unix.SIGUSR1))
	}
	p.wait().ended(End{}).printed(Stdout, append(append([]byte("ready\n"), bytes.Repeat(piece, pieces)...), "|EOF"...))
	p.must(<-sent)
}

// The runner does not hear it.
func TestASignalIsForTheScript(t *testing.T) {
	p, to := talk(t, self("interrupted"))
	p.until("ready")
	p.say(to, feed{id: "x", signal: "SIGINT"})
	p.wait().ended(End{})
	if !strings.HasSuffix(string(p.out[Stdout]), "\ninterrupted\n") || len(p.acked) != 1 {
		t.Errorf("%q, acknowledged %q", p.out[Stdout], p.acked)
	}
	p, to = talk(t, self("sleeper"))
	p.say(to, feed{id: "x", signal: "SIGQUIT"})
	p.wait()
	if p.end.ExitCode == 0 || p.end.Stopped {
		t.Errorf("%+v", p.end)
	}
}

// The script ends, and its input is open.
func TestInputDoesNotHoldUpTheEnd(t *testing.T) {
	p, to := talk(t, self("exit", "3"))
	p.wait().ended(End{ExitCode: 3}).printed(Stdout, []byte("out\n"))
	p.must(to.Close())
	job := with(self("sleeper"), nil, func(l *Limits) { l.WallSeconds = 0.5 })
	p, to = talk(t, job)
	for i := range 20 {
		p.say(to, feed{id: fmt.Sprint(i), data: make([]byte, 1000)})
	}
	p.wait()
	if !p.end.TimedOut {
		t.Errorf("%+v", p.end)
	}
}

// A job that is not interactive reads nothing, whatever stands there.
func TestWithoutInteractionNothingIsFed(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	job := self("echo")
	job.Stdin = []byte("all")
	if _, err := ours.Write(EncodeFeed("1", []byte("more"), false, "")); err != nil {
		t.Fatal(err)
	}
	p := play(t, job, func(cmd *exec.Cmd) { cmd.Stdin = theirs }).ended(End{}).printed(Stdout, []byte("all|EOF"))
	if len(p.acked) > 0 {
		t.Errorf("acknowledged %q", p.acked)
	}
}

// The runner's own stdin is where feeds come from, and its stdout where frames
// go: a script reads and writes neither.
func TestScriptCannotReachTheFeeds(t *testing.T) {
	p, to := talk(t, self("steal", "PID"), first)
	p.say(to, feed{id: "1", data: []byte("secret")})
	p.wait().ended(End{ExitCode: 7}).printed(Stdout, []byte("opened 0\n"))
}

func TestSeenFeedsAreForgottenInOrder(t *testing.T) {
	in := newInput(nil, nil, nil, nil)
	for i := range mostSeen + 10 {
		if !in.take(feed{id: fmt.Sprint(i)}) {
			t.Fatal("too late")
		}
	}
	if len(in.seen) != mostSeen || in.seen["9"] || !in.seen["10"] {
		t.Errorf("%d are remembered", len(in.seen))
	}
}
