package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"
)

// chunked is a response of Server-Sent Events on a connection that net/http has
// handed over: the rest of a body in chunks (RFC 9112 § 7.1).
type chunked struct {
	conn net.Conn
	left context.CancelFunc // of the context that ends when the client is gone
}

func (o chunked) send(id, event string, data []byte) error {
	text := sseFrame(id, event, data)
	return o.write(writeTimeout, fmt.Sprintf("%x\r\n%s\r\n", len(text), text))
}

func (o chunked) write(within time.Duration, text string) error {
	_ = o.conn.SetWriteDeadline(time.Now().Add(within))
	_, err := o.conn.Write([]byte(text))
	return err
}

// done ends the body, if the client takes that, and closes the connection.
func (o chunked) done(string) {
	_ = o.write(time.Second, "0\r\n\r\n")
	_ = o.conn.Close()
	o.left()
}

// watch ends the context when the client is gone, as net/http does: one byte is
// read at most, for a client that has asked has nothing more to say.
func (o chunked) watch() {
	var one [1]byte
	if _, err := o.conn.Read(one[:]); err != nil {
		o.left()
	}
}

// detachable reports whether the answer to r comes in chunks on a connection of
// its own.
func detachable(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor >= 1
}

// closesAfter says that the connection ends with the answer, if that may be
// detached.
func closesAfter(c *gin.Context) {
	if detachable(c.Request) {
		c.Header("Connection", "close")
	}
}

// detach has serve write to f in a goroutine of its own, and then calls over,
// while the handler returns: what an open stream needs is then its connection and
// that goroutine, and not the buffers, headers and the deep stack of a request as
// well, which are most of what many thousands of idle streams cost. It reports
// false, and has done nothing, where the connection is not to be had: over
// HTTP/2, HTTP/1.0, and WebSockets, which have it already.
func (s *Server) detach(c *gin.Context, f *feed, serve, over func()) bool {
	if _, ok := f.out.(sse); !ok || f.over || !detachable(c.Request) {
		return false
	}
	inner, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }) // gin's own does not hand over what was written to
	if !ok {
		return false
	}
	conn, _, err := http.NewResponseController(inner.Unwrap()).Hijack()
	if err != nil {
		return false
	}
	ctx, left := context.WithCancel(trace.ContextWithSpanContext(context.Background(), trace.SpanContextFromContext(f.ctx)))
	out := chunked{conn, left}
	f.ctx, f.out = ctx, out
	go out.watch()
	go func() {
		defer over()
		defer func() {
			if r := recover(); r != nil { // nobody else does
				s.Log.ErrorContext(ctx, "stream panicked", "execution", f.asked.id, "correlation_id", f.asked.correlation, "err", r, "stack", string(debug.Stack()))
			}
		}()
		serve()
	}()
	return true
}
