//go:build linux

package runner

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestProbeTellsWhoAnswers(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	server := nameserver(t)
	p := probe([]string{open.Addr().String(), "dns:" + server, closed.Addr().String()})
	if len(p.Connects) != 2 || !p.Connects[0].Reached || p.Connects[1].Reached || p.Connects[1].Error == "" {
		t.Errorf("connects %+v", p.Connects)
	}
	udp := slices.IndexFunc(p.Lookups, func(a Attempt) bool { return a.Address == server })
	if udp < 0 || p.Lookups[udp] != (Attempt{Network: "udp", Address: server, Reached: true}) || p.Lookups[udp+1].Network != "tcp" || p.Lookups[udp+1].Reached {
		t.Errorf("lookups %+v", p.Lookups)
	}
	if os.Getuid() == 0 && !slices.Contains(p.Leaks, "uid 0") {
		t.Errorf("leaks %v", p.Leaks)
	}
	if p.Interfaces == nil || p.Tokens == nil {
		t.Errorf("%+v", p)
	}
}

// nameserver answers by UDP, and not by TCP.
func nameserver(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
	return c.LocalAddr().String()
}

func TestProbeReadsResolvConf(t *testing.T) {
	name := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(name, []byte("search x\nnameserver 10.0.0.1 # the first\nnameserver fd00::1\nnameserver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := nameservers(name); !slices.Equal(got, []string{"10.0.0.1:53", "[fd00::1]:53"}) {
		t.Errorf("%q", got)
	}
}

func TestProbeFindsTokens(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "kubernetes.io/serviceaccount/token")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tokens(dir, filepath.Join(dir, "absent")); !slices.Equal(got, []string{name}) {
		t.Errorf("%q", got)
	}
}

func TestHoldLetsConnectUntilItIsStopped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	done := make(chan error)
	go func() { done <- hold([]string{address}) }()
	for !probe([]string{address}).Connects[0].Reached {
		select {
		case err := <-done:
			t.Fatal(err)
		default:
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
