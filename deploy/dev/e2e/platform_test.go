package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	capacity     = 10             // executions at once
	podNamespace = "codesaga-e2e" // of Kubernetes
)

// platform is the product as this suite started it: each role a process of its
// own, and two for the web.
type platform struct {
	settings
	database string
	prefix   string // of topics
	folder   string // of logs
	env      []string
	all      []*process
	urls     []string // of the web processes
	cluster  *cluster
	account  *account // of the kube workers
	ledger   *ledger
	spans    *spans
}

// the is the one that all tests use.
var the *platform

// raise sets the platform up and starts it.
func raise(ctx context.Context) (*platform, error) {
	s, err := readSettings()
	if err != nil {
		return nil, err
	}
	if err := alone(); err != nil {
		return nil, err
	}
	p := &platform{settings: s}
	id := strings.ToLower(rand.Text()[:8])
	p.database, p.prefix = "e2e_"+id, "e2e_"+id+"_"
	if p.folder, err = os.MkdirTemp("", "codesaga-e2e-"); err != nil {
		return nil, err
	}
	fmt.Printf("logs: %s, database: %s\n", p.folder, p.database)
	if p.cluster, err = openCluster(s.kubeconfig, podNamespace); err != nil {
		return p, err
	}
	if err := p.cluster.sweep(ctx); err != nil {
		return p, err
	}
	if p.ledger, err = openLedger(s.mongo, p.database); err != nil {
		return p, err
	}
	if err := p.configure(); err != nil {
		return p, err
	}
	if err := p.setup(ctx); err != nil {
		return p, err
	}
	return p, p.start(ctx)
}

// alone makes this the only suite on the machine: they share namespaces. The
// lock goes with the process.
func alone() error {
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "codesaga-e2e.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	held = lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another suite runs: %s: %w", lock.Name(), err)
	}
	return nil
}

var held *os.File // or it would be closed when it is collected

// configure decides what each process is told.
func (p *platform) configure() error {
	languages, err := filepath.Abs("testdata/languages")
	if err != nil {
		return err
	}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CODESAGA_") && !strings.HasPrefix(pair, "KUBECONFIG=") {
			p.env = append(p.env, pair)
		}
	}
	collected, collectorURL, err := collect()
	if err != nil {
		return err
	}
	p.spans = collected
	p.env = append(append(p.env, p.passed...),
		"CODESAGA_TRACE_EXPORTER=otlp-http",
		"CODESAGA_TRACE_ENDPOINT="+collectorURL,
		"CODESAGA_MONGO_DATABASE="+p.database,
		"CODESAGA_TOPIC_PREFIX="+p.prefix,
		"CODESAGA_TEMPORAL_NAMESPACE=codesaga-e2e",
		"CODESAGA_POD_NAMESPACE="+podNamespace,
		"CODESAGA_LANGUAGES_DIR="+languages,
		fmt.Sprintf("CODESAGA_MAX_CONCURRENT_EXECUTIONS=%d", capacity),
		"CODESAGA_USER_HEADER="+userHeader,
		"CODESAGA_OPERATORS="+operator,
		"CODESAGA_LINK_SECRET="+rand.Text()+rand.Text(),
		"CODESAGA_CALLBACK_SECRET="+callbackSecret,
		"CODESAGA_CALLBACK_PORTS=any",
		"CODESAGA_CALLBACK_ALLOW_PRIVATE=true",
		"CODESAGA_POOLS=default,gpu,nowhere",
	)
	p.account = &account{cluster: p.cluster, folder: p.folder}
	for _, name := range []string{"web-1", "web-2", "worker", "bridge", "kube-1", "kube-2"} {
		role, _, _ := strings.Cut(name, "-")
		address, err := freeAddress()
		if err != nil {
			return err
		}
		setting := "CODESAGA_HEALTH_LISTEN="
		if role == "web" {
			setting = "CODESAGA_LISTEN="
			p.urls = append(p.urls, "http://"+address)
		}
		env := append(slices.Clip(p.env), setting+address)
		if role == "kube" {
			env = append(env, "KUBECONFIG="+p.account.kubeconfig())
		}
		p.all = append(p.all, &process{
			name: name, bin: p.bin, args: []string{role}, env: env,
			log: filepath.Join(p.folder, name+".log"), ready: "http://" + address + "/readyz",
		})
	}
	return nil
}

// unchanged is how setup says that it had nothing to do.
var unchanged = regexp.MustCompile(`(?i)nothing|no changes?\b|unchanged|up to date`)

// setup runs `codesaga setup` twice: the second time it has nothing to do, and
// says so.
func (p *platform) setup(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 3*time.Minute)
	defer stop()
	var said []byte
	for range 2 {
		cmd := exec.CommandContext(ctx, p.bin, "setup")
		cmd.Env = p.env
		var err error
		if said, err = cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("codesaga setup: %w\n%s", err, said)
		}
	}
	if !unchanged.Match(said) {
		return fmt.Errorf("the second `codesaga setup` does not say that nothing changed, but:\n%s", said)
	}
	return nil
}

func (p *platform) start(ctx context.Context) error {
	if err := p.account.open(ctx, p.kubeconfig); err != nil {
		return err
	}
	for _, proc := range p.all {
		if err := proc.start(); err != nil {
			return err
		}
	}
	return p.awaitReady(ctx, time.Minute)
}

func (p *platform) awaitReady(ctx context.Context, d time.Duration) error {
	var errs []error
	for _, proc := range p.all {
		errs = append(errs, proc.awaitReady(ctx, d))
	}
	return errors.Join(errs...)
}

// process finds one by its name.
func (p *platform) process(name string) *process {
	for _, proc := range p.all {
		if proc.name == name {
			return proc
		}
	}
	panic("no process " + name)
}

// fallen is how processes ended by themselves, so far.
func (p *platform) fallen() (all []string) {
	for _, proc := range p.all {
		all = append(all, proc.fallen()...)
	}
	return all
}

// stop ends all processes, and reports those that do not end well when asked
// to.
func (p *platform) stop() error {
	errs := make(chan error, len(p.all))
	for _, proc := range p.all {
		go func() { errs <- proc.end(syscall.SIGTERM, 60*time.Second) }()
	}
	var all []error
	for range p.all {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// freeAddress is one on loopback that nobody listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
