package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/execution"
)

// reading is a client of the stream of x1 over a connection of its own.
type reading struct {
	conn  net.Conn
	lines *bufio.Reader
}

func reads(t *testing.T, server *httptest.Server, protocol, last string) *reading {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET %s %s\r\nHost: x\r\nLast-Event-ID: %s\r\n\r\n", streamOf, protocol, last); err != nil {
		t.Fatal(err)
	}
	return &reading{conn, bufio.NewReader(conn)}
}

// id returns the id of the next frame that has one; empty: the stream ended.
func (r *reading) id(t *testing.T) string {
	t.Helper()
	for {
		line, err := r.lines.ReadString('\n')
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok && err == nil {
			return id
		}
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Who does not read is cut off, and comes back for the rest; who reads beside it
// does not notice.
func TestSlowClientHoldsUpOnlyItself(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.0", "HTTP/1.1"} {
		t.Run(protocol, func(t *testing.T) { slowClient(t, protocol) })
	}
}

func slowClient(t *testing.T, protocol string) {
	t.Helper()
	const most = 2000
	chunk := func(n int64) execution.Update {
		return execution.Update{At: execution.Position{Output: n}, Chunk: &execution.Chunk{
			ExecutionID: "x1", Number: n, Stream: execution.Stdout, Position: (n - 1) << 16, Bytes: []byte(strings.Repeat("x", 1<<16)),
		}}
	}
	s, m, _ := serve(nil)
	live := new(bridge.Router)
	s.Live = live
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close) // after those of its clients
	slow, quick := reads(t, server, protocol, ""), reads(t, server, protocol, "")
	subscribed := func(n int) {
		t.Helper()
		for late := time.Now().Add(20 * time.Second); live.Figures().Subscribers != n; time.Sleep(time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("%d subscribers, want %d", live.Figures().Subscribers, n)
			}
		}
	}
	subscribed(2)
	n := int64(0)
	for live.Figures().Subscribers == 2 {
		if n++; n > most {
			t.Fatalf("who does not read is not cut after %d MiB", most/16)
		}
		m.add(chunk(n))
		live.Deliver("x1", chunk(n))
		if id := quick.id(t); id != fmt.Sprintf("0.%d", n) {
			t.Fatalf("the quick one has %s at %d", id, n)
		}
	}
	has := int64(0)
	for id := slow.id(t); id != ""; id = slow.id(t) {
		if has++; id != fmt.Sprintf("0.%d", has) {
			t.Fatalf("the slow one has %s at %d", id, has)
		}
	}
	if has == 0 { // it may have all by now: before its end is seen, the store may be looked at
		t.Error("the slow one got nothing")
	}
	again := reads(t, server, protocol, fmt.Sprintf("0.%d", has))
	for has < n {
		if has++; again.id(t) != fmt.Sprintf("0.%d", has) {
			t.Fatalf("come back, it misses %d", has)
		}
	}
	if text := ask(s, "GET", "/metrics", "").Body.String(); !strings.Contains(text, `codesaga_streams_ended_total{why="cut"} 1`) {
		t.Error("nobody counts that it was cut")
	}
}

// A write that timed out is the client's slowness; one that failed, its leaving.
func TestWhyAFeedEnded(t *testing.T) {
	for err, want := range map[error]string{
		os.ErrDeadlineExceeded: "cut", context.DeadlineExceeded: "cut", net.ErrClosed: "left", fmt.Errorf("write: %w", os.ErrDeadlineExceeded): "cut",
	} {
		f := feed{ctx: t.Context()}
		f.lose(err)
		if why, err := f.ended(); why != want || err != nil || !f.over {
			t.Errorf("%s, want %s, %v", why, want, err)
		}
	}
}

// What is not kept is not passed over in silence.
func TestGap(t *testing.T) {
	s, m, _ := serve(nil)
	m.set("x1", end)
	m.add(status(4), output(3), output(4), output(7), stored(9))
	for last, want := range map[string]string{
		"":    "connected, gap missing 0.0-0.2, status snapshot, 4.2 status, 4.3 output, 4.4 output, gap missing 4.4-4.6, status snapshot, 4.7 output, end result_stored",
		"0.1": "connected, gap missing 0.1-0.2, status snapshot, 4.2 status, 4.3 output, 4.4 output, gap missing 4.4-4.6, status snapshot, 4.7 output, end result_stored",
		"4.2": "connected, status snapshot, 4.3 output, 4.4 output, gap missing 4.4-4.6, status snapshot, 4.7 output, end result_stored",
		"4.6": "connected, status snapshot, 4.7 output, end result_stored",
		"-1":  "connected, gap unknown_id -1-0.0, gap missing 0.0-0.2, status snapshot, 4.2 status, 4.3 output, 4.4 output, gap missing 4.4-4.6, status snapshot, 4.7 output, end result_stored",
	} {
		sent, _ := frames(ask(s, "GET", streamOf, "", "Last-Event-ID", last))
		var told []string
		for _, f := range sent {
			var data struct{ Reason, After, Before, Type string }
			if err := json.Unmarshal([]byte(f.data), &data); err != nil {
				t.Error(err)
			}
			switch {
			case f.event == "gap":
				told = append(told, strings.TrimSpace(f.id+" gap "+data.Reason+" "+data.After+"-"+data.Before))
			case data.Type == "snapshot":
				told = append(told, "status snapshot")
			default:
				told = append(told, strings.TrimSpace(f.id+" "+f.event))
			}
		}
		if got := strings.Join(told, ", "); got != want {
			t.Errorf("behind %q:\n%s, want\n%s", last, got, want)
		}
	}
}
