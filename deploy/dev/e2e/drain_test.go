package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// web starts a web process more, with settings of its own, and returns it and
// its URL.
func (s *story) web(settings ...string) (*process, string) {
	s.Helper()
	address, err := freeAddress()
	if err != nil {
		s.Fatal(err)
	}
	p := &process{
		name: "web-more", bin: the.bin, args: []string{"web"}, env: append(append(slices.Clip(the.env), "CODESAGA_LISTEN="+address), settings...),
		log: filepath.Join(s.TempDir(), "web.log"), ready: "http://" + address + "/readyz",
	}
	if err := p.start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = p.end(syscall.SIGKILL, 10*time.Second) })
	if err := p.awaitReady(s.ctx, time.Minute); err != nil {
		s.Fatal(err)
	}
	return p, "http://" + address
}

// streamHealth is the answer of GET /streams/health.
type streamHealth struct {
	Status      string `json:"status"`
	Connections int    `json:"active_connections"`
	Consumers   int    `json:"consumers"`
	Shutdown    struct {
		Phase string `json:"phase"`
	} `json:"shutdown"`
}

func (s *story) streamHealth(base string) (h streamHealth) {
	s.Helper()
	op := s.as(operator)
	op.base = base
	if err := json.Unmarshal(op.do("GET", "/api/v1/streams/health", nil).body, &h); err != nil {
		s.Error(err)
	}
	return h
}

// SS-07, SS-08: a process that is to stop tells its streams, lets nobody in, and
// ends when they have left; they lose nothing by it.
func TestStreamsAreDrained(t *testing.T) {
	s := beside(t, 2*time.Minute)
	p, base := s.web("CODESAGA_DRAIN_NOTIFY=2s", "CODESAGA_DRAIN_STREAMS=3s", "CODESAGA_DRAIN_CLOSE=5s")
	x := s.submit(counter(150))
	r := newReader()
	c, err := s.connect(s.ctx, base, x.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.body.Close()
	take := func(enough func(frame) bool) {
		t.Helper()
		for {
			f, err := c.next()
			if err == nil {
				err = r.take(f)
			}
			if err != nil {
				t.Fatal(err)
			}
			if enough(f) {
				return
			}
		}
	}
	take(func(f frame) bool { return strings.Count(r.printed["stdout"], "\n") >= 5 })
	if h := s.streamHealth(base); h.Status != "healthy" || h.Connections != 1 || h.Consumers == 0 || h.Shutdown.Phase != "ready" {
		t.Errorf("%+v", h)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.end(syscall.SIGTERM, 30*time.Second) }()
	take(func(f frame) bool { return f.event == "shutdown" })
	if h := s.streamHealth(base); h.Status != "draining" || h.Shutdown.Phase != "notifying" {
		t.Errorf("%+v", h)
	}
	if _, err := s.connect(s.ctx, base, x.ID, ""); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a new stream: %v", err)
	}
	if _, status, err := fetch(s.ctx, base+"/readyz"); err != nil || status != 503 {
		t.Errorf("readyz: %d %v", status, err)
	}
	before := len(r.printed["stdout"])
	for { // it goes on, and does not leave by itself
		f, err := c.next()
		if err != nil {
			break
		}
		if err := r.take(f); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.printed["stdout"]) == before {
		t.Error("nothing came after the stream was told")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c, err = s.connect(s.ctx, the.urls[1], x.ID, r.last); err != nil {
		t.Fatal(err)
	}
	defer c.body.Close()
	take(func(frame) bool { return r.final != nil })
	s.checkEnd(r, s.ended(x.ID))
}

// SS-07, SS-12: without streams nothing is waited for; a place that is given
// back is free.
func TestAProcessWithoutStreamsEndsAtOnce(t *testing.T) {
	s := beside(t, 2*time.Minute)
	p, base := s.web("CODESAGA_MAX_STREAMS_PER_USER=1", "CODESAGA_DRAIN_NOTIFY=1m")
	x := s.submit(counter(50))
	c, err := s.connect(s.ctx, base, x.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.connect(s.ctx, base, x.ID, ""); err == nil || !strings.Contains(err.Error(), "too_many_streams") {
		t.Errorf("a second one: %v", err)
	}
	_ = c.body.Close()
	eventually(s, time.Second, func() (bool, string) {
		h := s.streamHealth(base)
		return h.Connections == 0, jsonOf(h)
	})
	if err := p.end(syscall.SIGTERM, 20*time.Second); err != nil {
		t.Error(err)
	}
	s.ended(x.ID)
}
