package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/execution"
)

// served returns a server over TCP, and its live feed.
func served(t *testing.T) (*Server, *memory, *bridge.Router, *httptest.Server) {
	t.Helper()
	s, m, _ := serve(nil)
	live := new(bridge.Router)
	s.Live = live
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return s, m, live, server
}

// A stream is the same over each protocol: what was missed, what comes, the end,
// and a whole body. Over HTTP/1.1 it is detached from its request.
func TestStreamOverEachProtocol(t *testing.T) {
	for name, want := range map[string]bool{"HTTP/1.1": true, "HTTP/2": false} {
		t.Run(name, func(t *testing.T) {
			s, m, live, _ := served(t)
			server := httptest.NewUnstartedServer(s.Handler())
			server.EnableHTTP2 = name == "HTTP/2"
			var detached atomic.Bool
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateHijacked {
					detached.Store(true)
				}
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			m.add(status(4), output(1))
			r, err := server.Client().Get(server.URL + streamOf)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			if r.Close != want || r.Proto[:6] != name[:6] {
				t.Errorf("%s, closes %t", r.Proto, r.Close)
			}
			live.Deliver("x1", output(2))
			m.add(output(2), stored(9))
			live.Deliver("x1", stored(9))
			body, err := io.ReadAll(r.Body)
			w := httptest.NewRecorder()
			w.Body.Write(body)
			if got := ids(w); err != nil || got != "4.0 4.1 4.2 end" {
				t.Errorf("%s, %v", got, err)
			}
			emptied(t, s)
			if n := live.Figures().Subscribers; n != 0 || detached.Load() != want {
				t.Errorf("%d subscribers, detached %t", n, detached.Load())
			}
			if text := ask(s, "GET", "/metrics", "").Body.String(); !strings.Contains(text, `codesaga_streams_ended_total{why="result"} 1`) {
				t.Error("nobody counts how it ended")
			}
		})
	}
}

// Who leaves, or leaves half, gives the seat back at once.
func TestClientsThatLeave(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn) error{"whole": (*net.TCPConn).Close, "half": (*net.TCPConn).CloseWrite} {
		t.Run(name, func(t *testing.T) {
			s, _, live, server := served(t)
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", streamOf)
			lines := bufio.NewScanner(conn)
			for lines.Scan() && !strings.Contains(lines.Text(), "snapshot") {
			}
			if s.seats.open() != 1 {
				t.Fatalf("%d have seats: %q", s.seats.open(), lines.Text())
			}
			_ = leave(conn.(*net.TCPConn))
			emptied(t, s)
			if n := live.Figures().Subscribers; n != 0 {
				t.Errorf("%d subscribers", n)
			}
		})
	}
}

// panicky is a store that panics at the second look.
type panicky struct {
	*memory
	looks int
}

func (p *panicky) Since(ctx context.Context, id execution.ID, at execution.Position) ([]execution.Update, bool, error) {
	if p.looks++; p.looks > 1 {
		panic("the store is broken")
	}
	return p.memory.Since(ctx, id, at)
}

// A panic ends a stream, and not the process: in a read that many have in
// common, and in a stream that net/http does not look after any more.
func TestPanicsEndOneStream(t *testing.T) {
	s, m, live, server := served(t)
	s.History = &panicky{memory: m}
	r, err := server.Client().Get(server.URL + streamOf)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	live.Deliver("x1", status(4))
	if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "event: error\ndata: {\"type\":") || strings.Contains(string(body), "broken") {
		t.Errorf("%s, %v", body, err)
	}

	over := make(chan bool)
	e := gin.New()
	e.GET("/", func(c *gin.Context) {
		f := s.openFeed(c)
		s.detach(c, f, func() {
			defer f.done("error")
			panic("the stream is broken")
		}, func() { close(over) })
	})
	second := httptest.NewServer(e)
	defer second.Close()
	if r, err = second.Client().Get(second.URL); err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	<-over
}

// Streams that the server around the handler does not know of are waited for.
func TestDrainWaitsForDetachedStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := stopping()
		leave, err := s.seats.take("ann", 0)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(40*time.Second, leave)
		start := time.Now()
		stop()
		err = s.Drain(context.Background(), func(context.Context) error { return http.ErrServerClosed })
		if took := time.Since(start); took != 40*time.Second || !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("%v after %s", err, took)
		}
	})
}
