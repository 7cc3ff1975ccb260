package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/bridge"
)

// BenchmarkStreams opens very many streams of one execution, over HTTP/1.1 and
// TCP, and says what each needs while nothing happens: the live heap, and the
// stacks of its goroutines. The clients, which are in this process, need next to
// nothing.
func BenchmarkStreams(b *testing.B) {
	const streams = 4000
	for b.Loop() {
		s, _, _ := serve(nil)
		s.Live = new(bridge.Router)
		server := httptest.NewServer(s.Handler())
		clients := []net.Conn{follows(b, server)} // which makes what all share
		heap, stacks, goroutines := inUse()
		for range streams {
			clients = append(clients, follows(b, server))
		}
		h, st, g := inUse()
		b.ReportMetric(float64(h-heap)/streams, "heap-B/stream")
		b.ReportMetric(float64(st-stacks)/streams, "stack-B/stream")
		b.ReportMetric(float64(g-goroutines)/streams, "goroutines/stream")
		for _, c := range clients {
			_ = c.Close()
		}
		server.Close()
	}
}

// follows opens a stream of x1, and returns when it has been told how that stands.
func follows(b *testing.B, server *httptest.Server) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err == nil {
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", streamOf)
	}
	if err != nil {
		b.Fatal(err)
	}
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if strings.Contains(line, `"type":"snapshot"`) {
			return c
		}
	}
}

// inUse is what is in use after what is not was collected, in bytes.
func inUse() (heap, stacks int64, goroutines int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse), runtime.NumGoroutine()
}
