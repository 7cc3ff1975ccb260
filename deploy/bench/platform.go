package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	namespace  = "codesaga-bench" // at Temporal, and of pods
	userHeader = "X-Bench-User"
	operator   = "op"
)

// platform is the roles, as processes, with names of their own on the stack.
type platform struct {
	server    string   // URL
	webs      []string // likewise, of all that serve people
	prefix    string   // of topics
	dir       string   // of logs
	database  string
	bin       string
	env       []string
	roles     []string
	processes map[string]*exec.Cmd
}

func startPlatform(ctx context.Context, roles, settings []string) (*platform, error) {
	bin := os.Getenv("CODESAGA_BIN")
	if bin == "" {
		return nil, errors.New("CODESAGA_BIN is not set; use make bench")
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "codesaga-bench-")
	if err != nil {
		return nil, err
	}
	name := "bench-" + strings.ToLower(rand.Text()[:6])
	p := &platform{server: "http://" + address, webs: []string{"http://" + address}, prefix: name + "_", dir: dir, database: name, bin: bin, roles: roles, processes: map[string]*exec.Cmd{}}
	env := append(os.Environ(),
		"CODESAGA_LISTEN="+address, "CODESAGA_TOPIC_PREFIX="+p.prefix, "CODESAGA_MONGO_DATABASE="+name,
		"CODESAGA_TEMPORAL_NAMESPACE="+namespace, "CODESAGA_POD_NAMESPACE="+namespace,
		"CODESAGA_MAX_STREAMS_PER_USER=0", "CODESAGA_USER_HEADER="+userHeader, "CODESAGA_OPERATORS="+operator)
	env = append(env, settings...)
	p.env = env
	setup := exec.CommandContext(ctx, bin, "setup")
	setup.Env = env
	if out, err := setup.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("codesaga setup: %w\n%s", err, out)
	}
	for _, role := range roles {
		if err := p.start(role, role, env); err != nil {
			p.stop()
			return nil, err
		}
	}
	if err := p.ready(ctx, p.server); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// startWeb starts another process that serves people, and waits for it.
func (p *platform) startWeb(ctx context.Context, name string) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	if err := p.start(name, "web", append(slices.Clip(p.env), "CODESAGA_LISTEN="+address)); err != nil {
		return err
	}
	p.roles, p.webs = append(p.roles, name), append(p.webs, "http://"+address)
	return p.ready(ctx, "http://"+address)
}

// start starts a process under a name of its own.
func (p *platform) start(name, role string, env []string) error {
	log, err := os.Create(filepath.Join(p.dir, name+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(p.bin, role)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.processes[name] = cmd
	return cmd.Start()
}

func (p *platform) ready(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if r, err := send(ctx, http.MethodGet, server+"/readyz", nil); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the platform is not ready; its logs are in %s", p.dir)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *platform) stop() {
	for _, cmd := range p.processes {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, cmd := range p.processes {
		_ = cmd.Wait()
	}
}

// printMemory prints the resident memory of each role, now and at most.
func (p *platform) printMemory() {
	fmt.Println("memory, MiB: now / peak")
	for _, role := range p.roles {
		now, peak := p.memory(role)
		fmt.Printf("  %-8s %d / %d\n", role, now>>10, peak>>10)
	}
}

// memory is that of one process, in KiB: now, and at most.
func (p *platform) memory(name string) (now, peak int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.processes[name].Process.Pid))
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now)
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	return now, peak
}

// resident is the memory of some processes together, in KiB.
func (p *platform) resident(names ...string) (all int64) {
	for _, name := range names {
		now, _ := p.memory(name)
		all += now
	}
	return all
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

type userKey struct{}

// as makes the requests of ctx those of user.
func as(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// send asks as the user of ctx, or else as ann. A body is JSON.
func send(ctx context.Context, method, url string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	user, ok := ctx.Value(userKey{}).(string)
	if !ok {
		user = "ann"
	}
	r.Header.Set(userHeader, user)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return http.DefaultClient.Do(r)
}
