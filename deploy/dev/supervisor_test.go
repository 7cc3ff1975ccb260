package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sleeper is a part that is ready at once.
func sleeper(name string, needs ...string) *Part {
	return &Part{
		Name: name, Needs: needs, Patience: 10 * time.Second, Grace: 10 * time.Second,
		Args:  func() []string { return []string{"sleep", "60"} },
		Ready: func(context.Context, time.Time) error { return nil },
	}
}

func TestPartsStartAfterWhatTheyNeed(t *testing.T) {
	dirs := dirsAt(t.TempDir(), t.TempDir(), "")
	var mu sync.Mutex
	var order []string
	all := []*Part{sleeper("c", "b"), sleeper("b", "a", "given"), sleeper("a")}
	for _, p := range all {
		p.Before = func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, p.Name)
			return nil
		}
	}
	s := newSupervisor(dirs, all, func(string) {})
	p := newProgress(os.Stderr, false, len(all))
	defer p.Close()
	if err := s.startAll(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"a", "b", "c"}) || notReady(s.report()) != "" {
		t.Errorf("%v: %s", order, notReady(s.report()))
	}
	if err := s.stopAll(); err != nil {
		t.Error(err)
	}
}

func TestAPartThatEndsByItselfIsReportedAndStaysDown(t *testing.T) {
	said := make(chan string, 1)
	s := newSupervisor(dirsAt(t.TempDir(), t.TempDir(), ""), []*Part{sleeper("a")}, func(line string) { said <- line })
	if err := s.do(t.Context(), request{"start", "a"}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.report()[0].Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if line := <-said; !strings.Contains(line, "PART FAILED") || notReady(s.report()) != "a is failed" {
		t.Errorf("%q, %s", line, notReady(s.report()))
	}
	if err := s.do(t.Context(), request{"start", "a"}); err != nil {
		t.Error(err)
	}
	if err := s.do(t.Context(), request{"kill", "a"}); err != nil || notReady(s.report()) != "a is killed" || len(said) > 0 {
		t.Errorf("%v, %s: a kill that was asked for is no failure", err, notReady(s.report()))
	}
	if err := s.do(t.Context(), request{"start", "nobody"}); err == nil {
		t.Error("no error for a part that is not there")
	}
}

func TestAPartThatDoesNotBecomeReadyFailsWithItsLog(t *testing.T) {
	part := sleeper("a")
	part.Args = func() []string { return []string{"sh", "-c", "echo why; exit 3"} }
	part.Ready = func(context.Context, time.Time) error { return errors.New("not yet") }
	s := newSupervisor(dirsAt(t.TempDir(), t.TempDir(), ""), []*Part{part}, func(string) {})
	err := s.start(t.Context(), part)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "\nwhy") {
		t.Error(err)
	}
}

func TestCertificatesAreIssuedByOurCA(t *testing.T) {
	dirs := dirsAt(t.TempDir(), t.TempDir(), "")
	for range 2 { // a second start keeps the CA
		if err := makePKI(dirs); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(dirs.pki("ca.crt"))
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	for name, usage := range map[string]x509.ExtKeyUsage{
		"apiserver": x509.ExtKeyUsageServerAuth, "kubelet": x509.ExtKeyUsageServerAuth, "admin": x509.ExtKeyUsageClientAuth,
	} {
		text, err := os.ReadFile(dirs.pki(name + ".crt"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}
		if name == "apiserver" {
			options.DNSName = "127.0.0.1"
		}
		if _, err := certificate.Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(dirs.kubeconfig()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestProbesReadAnswers(t *testing.T) {
	for answer, ok := range map[string]bool{
		"\x00\x00\x00\x07\x00\x00\x00\x01rest": true, "\x00\x00\x00\x07\x00\x00\x00\x00": false, "\x00\x00\x00\x08\x00\x00\x00\x01": false, "HTTP": false,
	} {
		if err := parseKafkaMetadata([]byte(answer)); (err == nil) != ok {
			t.Errorf("Kafka %q: %v", answer, err)
		}
	}
	if parseMongoHello([]byte("..\x01ok\x00\x00\x00\x00\x00\x00\x00\xf0\x3f..")) != nil || parseMongoHello([]byte("ok")) == nil {
		t.Error("Mongo")
	}
	var n node
	n.Status.Conditions = append(n.Status.Conditions, struct{ Type, Status string }{"Ready", "True"})
	if n.ready() != nil {
		t.Error("a node that is ready")
	}
	n.Spec.Taints = append(n.Spec.Taints, struct{ Key string }{"node.kubernetes.io/not-ready"})
	if n.ready() == nil || (node{}).ready() == nil {
		t.Error("a node with a taint, or without a condition")
	}
}
