// Package callback tells the receiver that a user named how an execution ended:
// one signed POST, to nobody but the Internet. When that is tried again, and for
// how long, a workflow decides.
package callback

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

const (
	timeout  = 10 * time.Second // of an attempt, from the name to the answer
	maxReply = 64 << 10         // bytes of an answer that are read; they mean nothing
)

// Sender makes attempts. Its fields are set before the first one.
type Sender struct {
	Rules    Rules
	Secrets  Secrets // with none, nothing is sent
	Agent    string  // as the header User-Agent
	Resolver *net.Resolver
	Roots    *x509.CertPool // that receivers are trusted by; nil: those of the system
	Sent     *prometheus.CounterVec
}

// NewSent counts attempts by how they ended: delivered, or why not.
func NewSent(r prometheus.Registerer) *prometheus.CounterVec {
	sent := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "codesaga_callbacks_total", Help: "Attempts to tell a callback URL of an end, by what came of them.",
	}, []string{"result"})
	r.MustRegister(sent)
	return sent
}

// Send makes one attempt to tell raw the message id, which is the same at each
// attempt, and returns what came of it: At, Seconds, StatusCode and Failure of a
// delivery.
func (s *Sender) Send(ctx context.Context, raw, id string, body []byte) (d execution.Delivery) {
	start := time.Now()
	d.At = start.UTC().Truncate(time.Millisecond)
	d.StatusCode, d.Failure = s.post(ctx, raw, id, body, start)
	d.Seconds = time.Since(start).Seconds()
	s.count(d)
	return d
}

// skip is an attempt that is not made.
func (s *Sender) skip() execution.Delivery {
	d := execution.Delivery{At: time.Now().UTC().Truncate(time.Millisecond), Failure: execution.SwitchedOff}
	s.count(d)
	return d
}

func (s *Sender) count(d execution.Delivery) {
	s.Sent.WithLabelValues(cmp.Or(string(d.Failure), "delivered")).Inc()
}

func (s *Sender) post(ctx context.Context, raw, id string, body []byte, now time.Time) (int32, execution.DeliveryFailure) {
	if len(s.Secrets) == 0 || s.Rules.Check(raw) != nil { // the settings may be others than at the submission
		return 0, execution.RefusedURL
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, raw, bytes.NewReader(body))
	if err != nil {
		return 0, execution.RefusedURL
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", s.Agent)
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", stamp)
	r.Header.Set("Webhook-Signature", s.Secrets.sign(id, stamp, body))
	answer, err := s.client().Do(r)
	if err != nil {
		return 0, failure(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxReply) // its status has said all
	return int32(answer.StatusCode), meaning(answer.StatusCode)
}

// client connects anew for each attempt, so that each address is looked at; by
// itself, never through a proxy; and goes nowhere else, whatever the answer.
func (s *Sender) client() *http.Client {
	dialer := &net.Dialer{Resolver: s.Resolver, Control: s.control}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxReply,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.Roots},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusal is why an address is not connected to.
type refusal string

func (r refusal) Error() string { return "no callback goes to a " + string(r) + " address" }

// control looks at the address that is about to be connected to. A name may
// have led elsewhere when the URL was submitted.
func (s *Sender) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if kind := s.Rules.refuse(to.Addr()); kind != "" {
		return refusal(kind)
	}
	return nil
}

// meaning is what is wrong with the status of an answer.
func meaning(status int) execution.DeliveryFailure {
	switch {
	case status >= 200 && status < 300:
		return ""
	case status >= 300 && status < 400:
		return execution.Redirected
	case status == http.StatusGone:
		return execution.ReceiverGone
	default:
		return execution.BadAnswer
	}
}

// failure is why there was no answer.
func failure(err error) execution.DeliveryFailure {
	if _, ok := errors.AsType[refusal](err); ok {
		return execution.RefusedAddress
	}
	if t, ok := errors.AsType[*url.Error](err); ok && t.Timeout() {
		return execution.NoAnswer
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return execution.NoSuchName
	}
	if insecure(err) {
		return execution.NotTrusted
	}
	if o, ok := errors.AsType[*net.OpError](err); ok && o.Op == "dial" {
		return execution.NotConnected
	}
	return execution.BrokenOff
}

// insecure reports whether TLS could not be agreed on, or with whom.
func insecure(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	return certificate || alert || plain || errors.Is(err, http.ErrSchemeMismatch)
}
