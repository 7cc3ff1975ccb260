package callback

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/codesaga/codesaga/execution"
)

// sender is one that may reach receivers of the test.
func sender(t *testing.T) *Sender {
	t.Helper()
	secrets, err := ParseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	return &Sender{Rules: Rules{AllowPrivate: true}, Secrets: secrets, Agent: "codesaga/test", Sent: NewSent(prometheus.NewRegistry())}
}

// names is a resolver that knows one answer to all questions: the addresses.
// It speaks DNS (RFC 1035 § 4) over pipes.
func names(addresses ...string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			head := make([]byte, 2)
			for {
				if _, err := io.ReadFull(there, head); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(head))
				if _, err := io.ReadFull(there, query); err != nil {
					return
				}
				said := answer(query, addresses)
				if _, err := there.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(said))), said...)); err != nil {
					return
				}
			}
		}()
		return here, nil
	}}
}

func answer(query []byte, addresses []string) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	kind := binary.BigEndian.Uint16(query[end-4:])
	said := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	for _, a := range addresses {
		ip := netip.MustParseAddr(a)
		if raw := ip.AsSlice(); ip.Is4() && kind == 1 || ip.Is6() && kind == 28 {
			said[7]++
			said = append(said, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
			said = append(said, raw...)
		}
	}
	return said
}

// Each of these leads, to some program, to an address that only this network
// knows. None may be submitted.
func TestNoInnerAddressIsAccepted(t *testing.T) {
	hosts := []string{
		"127.0.0.1", "127.1", "127.0.0.1.", "127.255.255.254", "0.0.0.0", "0", "localhost", "LOCALHOST.", "a.localhost", "api.localhost.",
		"2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "0177.0.0.1", "127.0.0.0x1", "1.2.3", "1.2.3.4.5", "256.1.1.1",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "168.63.129.16",
		"192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "192.88.99.1",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::127.0.0.1]", "[fe80::1]", "[fe80::1%25eth0]",
		"[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[2001:db8::1]", "[100::1]", "[4000::1]",
		"kubernetes", "kubernetes.default.svc.cluster.local", "metadata.google.internal", "router.lan", "1.0.0.127.in-addr.arpa",
		"127。0。0。1", "１２７.0.0.1", "a..example", ".example",
	}
	var r Rules
	for _, host := range hosts {
		if r.Check("https://"+host+"/hook") == nil {
			t.Errorf("%s is accepted", host)
		}
	}
	for _, good := range []string{
		"https://example.com", "http://example.com:8080/a?b=c", "https://EXAMPLE.com./", "https://xn--bcher-kva.example/", "https://1.1.1.1/", "https://[2606:4700::1111]/",
		"https://[::ffff:1.1.1.1]/", "https://0x7f.example/", "https://127.0.0.1.example/",
	} {
		if err := r.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestOtherURLsAreRefused(t *testing.T) {
	r := Rules{Ports: []int{80, 443, 8443}}
	for raw, ok := range map[string]bool{
		"https://example.com/":                               true,
		"https://example.com:8443/":                          true,
		"http://example.com:80":                              true,
		"https://example.com:22/":                            false,
		"https://example.com:6379/":                          false,
		"https://example.com:0/":                             false,
		"https://example.com:99999/":                         false,
		"ftp://example.com/":                                 false,
		"file:///etc/passwd":                                 false,
		"gopher://example.com:80/":                           false,
		"//example.com/":                                     false,
		"example.com":                                        false,
		"https:example.com":                                  false,
		"https:///path":                                      false,
		"https://:443/":                                      false,
		"https://ann:pw@example.com/":                        false,
		"https://example.com@1.1.1.1/":                       false,
		"https://1.1.1.1\\@example.com/":                     false,
		"https://example.com/#x":                             false,
		"https://example.com/#":                              false,
		"https://exa mple.com/":                              false,
		"https://example.com\r\nX: y/":                       false,
		"https://example.com/" + strings.Repeat("a", maxURL): false,
	} {
		if err := r.Check(raw); (err == nil) != ok {
			t.Errorf("%.60s: %v", raw, err)
		}
	}
	if err := (Rules{AllowPrivate: true}).Check("http://127.0.0.1:8080/"); err != nil {
		t.Error(err)
	}
}

// A name may lead anywhere by the time of the connection: what counts is where
// it leads then. Nothing is sent there.
func TestNamesThatLeadInwardAreRefusedAtTheConnection(t *testing.T) {
	var heard atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer receiver.Close()
	port := receiver.Listener.Addr().(*net.TCPAddr).Port
	for _, addresses := range [][]string{
		{"127.0.0.1"}, {"::1"}, {"127.0.0.1", "::1"}, {"::ffff:127.0.0.1"}, {"0.0.0.0"}, {"::"}, {"10.0.0.1"}, {"169.254.169.254"}, {"100.64.0.1"},
		{"fd00:ec2::254"}, {"fe80::1"}, {"64:ff9b::7f00:1"}, {"224.0.0.1"},
	} {
		s := sender(t)
		s.Rules.AllowPrivate, s.Resolver = false, names(addresses...)
		d := s.Send(t.Context(), "http://rebound.example:"+strconv.Itoa(port)+"/", "m1", nil)
		if d.Failure != execution.RefusedAddress || d.StatusCode != 0 {
			t.Errorf("%v: %q %d", addresses, d.Failure, d.StatusCode)
		}
	}
	s := sender(t)
	s.Resolver = names("127.0.0.1")
	if d := s.Send(t.Context(), "http://rebound.example:"+strconv.Itoa(port)+"/", "m1", nil); d.Failure != "" || heard.Load() != 1 {
		t.Errorf("where it is allowed: %+v, heard %d times", d, heard.Load())
	}
	s.Resolver = names()
	if d := s.Send(t.Context(), "http://nowhere.example/", "m1", nil); d.Failure != execution.NoSuchName {
		t.Errorf("a name without an address: %+v", d)
	}
}

// What a proxy of the environment would connect to is not looked at.
func TestNoProxyIsUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	if transport := sender(t).client().Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("it asks for a proxy")
	}
}

func TestWhatComesOfAnAttempt(t *testing.T) {
	hung := make(chan struct{})
	mux := http.NewServeMux()
	for path, status := range map[string]int{"/ok": 200, "/empty": 204, "/moved": 302, "/kept": 307, "/bad": 500, "/gone": 410, "/never": 401} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/ok")
			w.WriteHeader(status)
		})
	}
	mux.HandleFunc("/hangs", func(http.ResponseWriter, *http.Request) { <-hung })
	mux.HandleFunc("/breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/floods", func(w http.ResponseWriter, _ *http.Request) {
		for _, err := w.Write(make([]byte, 1<<16)); err == nil; _, err = w.Write(make([]byte, 1<<16)) {
		}
	})
	receiver, safe := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	defer receiver.Close()
	defer safe.Close()
	defer close(hung)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	tests := []struct {
		url     string
		status  int32
		failure execution.DeliveryFailure
	}{
		{receiver.URL + "/ok", 200, ""},
		{receiver.URL + "/empty", 204, ""},
		{receiver.URL + "/moved", 302, execution.Redirected},
		{receiver.URL + "/kept", 307, execution.Redirected},
		{receiver.URL + "/bad", 500, execution.BadAnswer},
		{receiver.URL + "/never", 401, execution.BadAnswer},
		{receiver.URL + "/gone", 410, execution.ReceiverGone},
		{receiver.URL + "/hangs", 0, execution.NoAnswer},
		{receiver.URL + "/breaks", 0, execution.BrokenOff},
		{receiver.URL + "/floods", 200, ""}, // nobody listens to the end
		{safe.URL + "/ok", 0, execution.NotTrusted},
		{strings.Replace(receiver.URL, "http:", "https:", 1) + "/ok", 0, execution.NotTrusted}, // it speaks no TLS,
		{"http://" + closed.Addr().String(), 0, execution.NotConnected},
		{"ftp://example.com", 0, execution.RefusedURL},
	}
	for _, tt := range tests {
		t.Run(tt.url[strings.LastIndex(tt.url, "/"):]+string(tt.failure), func(t *testing.T) {
			ctx := t.Context()
			if tt.failure == execution.NoAnswer {
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, 300*time.Millisecond)
				defer stop()
			}
			d := sender(t).Send(ctx, tt.url, "m1", []byte("{}"))
			if d.StatusCode != tt.status || d.Failure != tt.failure || d.At.IsZero() || d.Seconds <= 0 || d.Seconds > 5 {
				t.Errorf("%+v", d)
			}
		})
	}
	trusting := sender(t)
	trusting.Roots = x509.NewCertPool()
	trusting.Roots.AddCert(safe.Certificate())
	if d := trusting.Send(t.Context(), safe.URL+"/ok", "m1", nil); d.Failure != "" {
		t.Errorf("a certificate that is trusted: %+v", d)
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	receiver := httptest.NewServer(http.NotFoundHandler())
	defer receiver.Close()
	all, s := prometheus.NewRegistry(), sender(t)
	s.Sent = NewSent(all)
	s.Send(t.Context(), receiver.URL, "m1", nil)
	s.Send(t.Context(), "ftp://example.com", "m1", nil)
	s.skip()
	page := httptest.NewRecorder()
	promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, why := range []execution.DeliveryFailure{execution.BadAnswer, execution.RefusedURL, execution.SwitchedOff} {
		if line := fmt.Sprintf("codesaga_callbacks_total{result=%q} 1\n", why); !strings.Contains(page.Body.String(), line) {
			t.Errorf("no %q in\n%s", line, page.Body)
		}
	}
}

// The first vector is the one of the specification; the others were made with
// openssl dgst -sha256 -mac HMAC.
func TestSignatures(t *testing.T) {
	tests := []struct{ secret, id, stamp, body, want string }{
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "callback-x1", "1764028800", "", "v1,6uMgUsAKk/ekIjtpure8X6/PdYaWgtnVUfRXu9bLdBg="},
		{"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "callback-x1", "1764028800", `{"é":1}`, "v1,RMc2mfPqmmF/Xd4ZQhozOJTduPYNPwHB545sHcF38Uk= v1,AGRhPxwuQjsTaX/J/ky8BYPikVnR3h1u1gFmfHjC6KE="},
	}
	for _, tt := range tests {
		secrets, err := ParseSecrets(tt.secret)
		if err != nil {
			t.Fatal(err)
		}
		if got := secrets.sign(tt.id, tt.stamp, []byte(tt.body)); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestSecretsAreStrongAndNeverTold(t *testing.T) {
	weak := base64.StdEncoding.EncodeToString(make([]byte, 23))
	for _, text := range []string{"hunter2", "whsec_hunter2", "whsec_", "whsec_" + weak, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), ","} {
		_, err := ParseSecrets(text)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), weak) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if none, err := ParseSecrets(""); none != nil || err != nil {
		t.Error(none, err)
	}
}

func TestARequestIsSignedAndTellsNothingElse(t *testing.T) {
	var got *http.Request
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer receiver.Close()
	s := sender(t)
	s.Send(t.Context(), receiver.URL+"/hook?key=1", "callback-x1", []byte(`{"a":1}`))
	stamp := got.Header.Get("webhook-timestamp")
	if want := s.Secrets.sign("callback-x1", stamp, []byte(`{"a":1}`)); got.Header.Get("webhook-signature") != want || got.Header.Get("webhook-id") != "callback-x1" || string(body) != `{"a":1}` {
		t.Errorf("%v %s", got.Header, body)
	}
	if n, err := strconv.ParseInt(stamp, 10, 64); err != nil || time.Since(time.Unix(n, 0)).Abs() > time.Minute {
		t.Errorf("time stamp %s", stamp)
	}
	if got.Method != http.MethodPost || got.URL.String() != "/hook?key=1" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("User-Agent") != "codesaga/test" || len(got.Header) != 7 {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
}
