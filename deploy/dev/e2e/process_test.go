package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is one of the product's, under a supervisor such as any installation
// has: what ends by itself is started again, and remembered.
type process struct {
	name  string // such as worker or web-2
	bin   string
	args  []string
	env   []string
	log   string // path
	ready string // URL of /readyz

	mu     sync.Mutex
	cmd    *exec.Cmd     // nil unless it runs
	done   chan struct{} // closed when cmd has ended
	wanted bool
	falls  []string // how it ended, when nobody had asked
}

// start starts p; it must not run.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	return p.launch()
}

func (p *process) launch() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(p.bin, p.args...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.done = make(chan struct{})
	go p.watch(p.cmd, p.done)
	return nil
}

// watch waits for the end of cmd.
func (p *process) watch(cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	fell := p.wanted
	if fell {
		p.falls = append(p.falls, fmt.Sprintf("%s: %s ended by itself (%v), see %s", time.Now().Format(time.TimeOnly), p.name, err, p.log))
	}
	close(done)
	p.mu.Unlock()
	if !fell {
		return
	}
	<-time.After(500 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted && p.done == done {
		if err := p.launch(); err != nil {
			p.falls = append(p.falls, err.Error())
		}
	}
}

// end sends sig and waits. The error says that p did not end in time, or not
// well.
func (p *process) end(sig os.Signal, within time.Duration) error {
	p.mu.Lock()
	p.wanted = false
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	select {
	case <-done:
	case <-time.After(within):
		_ = cmd.Process.Kill()
		<-done
		return fmt.Errorf("%s: did not end within %s of %s", p.name, within, sig)
	}
	if code := cmd.ProcessState.ExitCode(); sig != syscall.SIGKILL && code != 0 {
		return fmt.Errorf("%s: ended with %d after %s, see %s", p.name, code, sig, p.log)
	}
	return nil
}

// fallen is how often p ended by itself, and how.
func (p *process) fallen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.falls...)
}

// awaitReady returns when p says that it can work.
func (p *process) awaitReady(ctx context.Context, d time.Duration) error {
	err := await(ctx, d, func() (bool, string) {
		body, status, err := fetch(ctx, p.ready)
		return err == nil && status == http.StatusOK, fmt.Sprintf("%d %s %v", status, body, err)
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w; see %s", p.name, err, p.log)
	}
	return nil
}

// fetch gets a small page.
func fetch(ctx context.Context, url string) (body []byte, status int, err error) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return body, resp.StatusCode, err
}
