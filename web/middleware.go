package web

import (
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

const correlationHeader = "X-Correlation-ID"

var correlationForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// correlate gives the request the correlation ID that it came with, or one.
func (s *Server) correlate(c *gin.Context) {
	id := c.GetHeader(correlationHeader)
	if !correlationForm.MatchString(id) {
		id = string(execution.NewID())
	}
	c.Set("correlation", id)
	c.Header(correlationHeader, id)
}

func correlation(c *gin.Context) string { return c.GetString("correlation") }

// secure says to browsers what an answer may do there: nothing but what comes
// from here.
func secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// observe counts the request and logs it.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	defer func() { // also when a handler breaks off
		took := time.Since(start)
		s.metrics.request(c, took)
		s.Log.LogAttrs(c.Request.Context(), slog.LevelDebug, "request",
			slog.String("method", c.Request.Method), slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()),
			slog.Duration("took", took), slog.String("user", c.GetString("user")), slog.String("execution", c.Param("id")),
			slog.String("correlation_id", correlation(c)))
	}()
	c.Next()
}

// recover turns a panic into an internal error. One that breaks off an answer
// goes on to net/http.
func (s *Server) recover(c *gin.Context) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(r)
		}
		s.Log.ErrorContext(c.Request.Context(), "handler panicked", "route", c.FullPath(), "correlation_id", correlation(c), "err", r, "stack", string(debug.Stack()))
		c.Abort()
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		problemOf(c, newProblem(http.StatusInternalServerError, string(execution.Internal), "")).write(c)
	}()
	c.Next()
}
