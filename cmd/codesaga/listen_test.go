package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codesaga/codesaga/web"
)

// listens has an app listen with keys, and returns where.
func listens(t *testing.T, keys *keyPair) (address string, end func() error) {
	t.Helper()
	said := new(logOf)
	a := newApp(Config{DrainClose: 5 * time.Second}, slog.New(slog.NewJSONHandler(said, nil)))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.listen(ctx, "127.0.0.1:0", &web.Server{Log: a.log}, keys) }()
	for {
		if address = said.address(); address != "" {
			return address, func() error { stop(); return <-done }
		}
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
}

// logOf is a log that knows where something listens.
type logOf struct {
	mu   sync.Mutex
	text []byte
}

func (l *logOf) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logOf) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(string(l.text)) {
		var e struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == "listening" {
			return e.Address
		}
	}
	return ""
}

// client speaks one version of HTTP.
func speaks(t *testing.T, version func(*http.Protocols), roots *x509.CertPool) *http.Client {
	var p http.Protocols
	version(&p)
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "codesaga.test"}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func ask(t *testing.T, c *http.Client, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

func TestBothVersionsOfHTTPWithoutTLS(t *testing.T) {
	address, end := listens(t, nil)
	for want, version := range map[int]func(*http.Protocols){
		1: func(p *http.Protocols) { p.SetHTTP1(true) },
		2: func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	} {
		if resp := ask(t, speaks(t, version, nil), "http://"+address+"/healthz"); resp.ProtoMajor != want || resp.StatusCode != 200 {
			t.Errorf("%s %s, want version %d", resp.Proto, resp.Status, want)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

func TestTLSWithACertificateThatChanges(t *testing.T) {
	dir := t.TempDir()
	keys := &keyPair{cert: filepath.Join(dir, "crt"), key: filepath.Join(dir, "key"), log: slog.New(slog.DiscardHandler)}
	roots := x509.NewCertPool()
	write := func(serial int64, names ...string) {
		cert, key := selfSigned(t, serial)
		roots.AppendCertsFromPEM(cert)
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), map[string][]byte{"crt": cert, "key": key}[name], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(1, "crt", "key")
	address, end := listens(t, keys)
	serial := func(version func(*http.Protocols), proto int) int64 {
		t.Helper()
		resp := ask(t, speaks(t, version, roots), "https://"+address+"/healthz")
		if resp.ProtoMajor != proto {
			t.Errorf("%s, want version %d", resp.Proto, proto)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	both := func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }
	one := func(p *http.Protocols) { p.SetHTTP1(true) }
	if a, b := serial(both, 2), serial(one, 1); a != 1 || b != 1 {
		t.Errorf("serials %d and %d", a, b)
	}
	write(22, "crt") // the key of another
	if n := serial(both, 2); n != 1 {
		t.Errorf("serial %d while the files do not fit together", n)
	}
	write(333, "crt", "key")
	if n := serial(both, 2); n != 333 {
		t.Errorf("serial %d after both were written", n)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	keys = &keyPair{cert: filepath.Join(dir, "none"), key: filepath.Join(dir, "key"), log: keys.log}
	a := newApp(Config{}, keys.log)
	if err := a.listen(t.Context(), "127.0.0.1:0", &web.Server{Log: a.log}, keys); err == nil || !strings.HasPrefix(err.Error(), "tls-cert-file: ") {
		t.Errorf("without a certificate: %v", err)
	}
}

func selfSigned(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "codesaga.test"}, DNSNames: []string{"codesaga.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk})
}
