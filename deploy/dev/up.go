package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// progressVariable tells a detached supervisor that whoever waits for it sits at a terminal.
	progressVariable = "CODESAGA_DEV_PROGRESS"
	progressPipe     = 3
	allReady         = "\x00ready\n"
)

// up is the supervisor: it ends with ctx, with "down", or when the start fails.
func up(ctx context.Context, dirs Dirs) error {
	if err := os.MkdirAll(filepath.Join(dirs.State, "logs"), 0o755); err != nil {
		return err
	}
	unlock, err := lockState(dirs)
	if errors.Is(err, errLocked) {
		return alreadyUp(ctx, dirs)
	}
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, tty := os.Stderr, isTerminal(os.Stderr)
	detached := os.Getenv(progressVariable)
	if detached != "" {
		out, tty = os.NewFile(progressPipe, "progress"), detached == "terminal"
		syscall.CloseOnExec(progressPipe)
	}
	p := newProgress(out, tty, 0)
	s, err := raise(ctx, cancel, dirs, p)
	p.Close()
	if s == nil {
		return tellFailure(out, detached != "", err)
	}
	if err != nil {
		fmt.Fprintln(out, "codesaga-dev: stopping what was started")
		return tellFailure(out, detached != "", errors.Join(err, s.lower()))
	}
	if detached != "" {
		fmt.Fprint(out, allReady)
		_ = out.Close()
	} else {
		fmt.Fprintln(out, "Ctrl-C stops everything.")
	}
	<-ctx.Done()
	fmt.Fprintln(os.Stderr, "codesaga-dev: stopping")
	return s.lower()
}

// tellFailure prints an error where the one who waits sees it.
func tellFailure(out *os.File, detached bool, err error) error {
	if !detached {
		return err
	}
	fmt.Fprintf(out, "codesaga-dev: %s\n", explain(err))
	return exitCode(1)
}

// raise builds, cleans up and starts everything. The supervisor it returns must be lowered; it is nil if nothing was
// started.
func raise(ctx context.Context, cancel func(), dirs Dirs, p *Progress) (*Supervisor, error) {
	given := given(dirs, os.Getenv)
	for key, value := range given {
		p.Say("given, not started here: " + key + "=" + value)
	}
	if err := sweep(dirs); err != nil {
		return nil, fmt.Errorf("removing what an earlier run left behind: %w", err)
	}
	cache, runner, err := prepare(ctx, dirs, given, p)
	if err != nil {
		return nil, err
	}
	all := parts(dirs, cache, given)
	if err := checkPorts(all); err != nil {
		return nil, err
	}
	if err := configure(dirs, cache, given); err != nil {
		return nil, err
	}
	if err := writeSettings(dirs, settings(dirs, given, runner)); err != nil {
		return nil, err
	}
	s := newSupervisor(dirs, all, func(line string) { fmt.Fprintln(os.Stderr, line) })
	up := make(chan struct{})
	err = s.serve(ctx, func(ctx context.Context, r request) reply {
		answer := reply{Pid: os.Getpid()}
		switch r.Do {
		case "status":
			answer.Parts = s.report()
		case "down":
			cancel()
		default:
			if err := s.do(ctx, r); err != nil {
				answer.Error = err.Error()
			}
		}
		select {
		case <-up:
			answer.Up = true
		default:
		}
		return answer
	})
	if err != nil {
		return nil, err
	}
	p.expect(len(all))
	if err := s.startAll(ctx, p); err != nil {
		return s, err
	}
	close(up)
	p.Say("all is ready after " + elapsed(time.Since(p.began)) + "; settings: codesaga-dev env")
	return s, nil
}

// prepare brings everything into the cache.
func prepare(ctx context.Context, dirs Dirs, given map[string]string, p *Progress) (folders, string, error) {
	if err := install(ctx, dirs, needs, given, p); err != nil {
		return nil, "", err
	}
	recipes, err := missing(dirs, given)
	if err != nil {
		return nil, "", err
	}
	p.expect(len(recipes))
	if err := buildAll(ctx, dirs, recipes, p); err != nil {
		return nil, "", err
	}
	cache, err := cacheFolders(dirs)
	if err != nil || given["KUBECONFIG"] != "" {
		return cache, "", err
	}
	images, err := allImages(dirs)
	if err != nil {
		return nil, "", err
	}
	if err := buildImages(ctx, dirs, firstImages(images), p); err != nil {
		return nil, "", err
	}
	// The product may not compile just now; the stack stands all the same.
	runner, err := buildRunner(ctx, dirs)
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if err != nil {
		p.Say(fmt.Sprintf("NO RUNNER IMAGE (codesaga-dev images makes it): %v", err))
	}
	return cache, runner, nil
}

// lower stops everything and removes what is left.
func (s *Supervisor) lower() error {
	return errors.Join(s.stopAll(), sweep(s.dirs))
}

var errLocked = errors.New("a supervisor is running")

// lockState makes this program the supervisor, and writes its pid into the lock.
func lockState(dirs Dirs) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dirs.State, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = f.Close()
		return nil, errLocked
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, err
	}
	return func() { _ = f.Truncate(0); _ = f.Close() }, nil
}

// supervisorPid is the holder of the lock, 0 if nobody holds it.
func supervisorPid(dirs Dirs) int {
	f, err := os.OpenFile(filepath.Join(dirs.State, "lock"), os.O_RDWR, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return 0
	}
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid
}

// alreadyUp waits for a supervisor that is starting, and fails if a part that should run does not.
func alreadyUp(ctx context.Context, dirs Dirs) error {
	for {
		answer, err := ask(ctx, dirs, request{Do: "status"})
		if err == nil && answer.Up {
			if bad := notReady(answer.Parts); bad != "" {
				return fmt.Errorf("up, but %s; codesaga-dev status", bad)
			}
			fmt.Fprintf(os.Stderr, "already up (supervisor: pid %d)\n", answer.Pid)
			return nil
		}
		if supervisorPid(dirs) == 0 {
			return errors.New("the other supervisor has ended: try again")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// upDetached starts the supervisor in a session of its own and passes on what it says until all is ready.
func upDetached(ctx context.Context, dirs Dirs) error {
	if err := os.MkdirAll(filepath.Join(dirs.State, "logs"), 0o755); err != nil {
		return err
	}
	if supervisorPid(dirs) != 0 {
		if err := alreadyUp(ctx, dirs); err != nil {
			return err
		}
		if given(dirs, os.Getenv)["KUBECONFIG"] != "" {
			return nil
		}
		p := newProgress(os.Stderr, isTerminal(os.Stderr), 0)
		defer p.Close()
		return refreshRunner(ctx, dirs, p)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := createLog(dirs, "supervisor")
	if err != nil {
		return err
	}
	defer log.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	cmd := exec.Command(program, "up")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{writer}
	kind := "lines"
	if isTerminal(os.Stderr) {
		kind = "terminal"
	}
	cmd.Env = append(os.Environ(), progressVariable+"="+kind)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	if passOn(reader, os.Stderr) {
		return nil
	}
	if err := cmd.Wait(); err == nil {
		return errors.New("the supervisor ended: someone else was faster or stopped it")
	}
	return exitCode(1)
}
