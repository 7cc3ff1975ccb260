package web

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// statusOf is the only place where kinds of errors and HTTP meet.
var statusOf = map[execution.Kind]int{
	execution.Malformed:   http.StatusBadRequest,
	execution.Invalid:     http.StatusUnprocessableEntity,
	execution.TooLarge:    http.StatusRequestEntityTooLarge,
	execution.Anonymous:   http.StatusUnauthorized,
	execution.Forbidden:   http.StatusForbidden,
	execution.NotFound:    http.StatusNotFound,
	execution.Conflict:    http.StatusConflict,
	execution.Exhausted:   http.StatusTooManyRequests,
	execution.Unavailable: http.StatusServiceUnavailable,
	execution.Internal:    http.StatusInternalServerError,
}

// retryAfter is in seconds.
var retryAfter = map[int]int{http.StatusTooManyRequests: 5, http.StatusServiceUnavailable: 2}

// Problem is an error in the form of RFC 9457.
type Problem struct {
	Type          string                 `json:"type"` // /problems/<kind>, or a code that is closer; openapi.yaml lists them
	Title         string                 `json:"title"`
	Status        int                    `json:"status"`
	Detail        string                 `json:"detail,omitempty"` // never of what is our fault
	Instance      string                 `json:"instance"`         // the path that was asked for
	CorrelationID string                 `json:"correlation_id"`
	TraceID       string                 `json:"trace_id,omitempty"` // as in the header X-Trace-ID
	Errors        []execution.FieldError `json:"errors,omitempty"`

	extra gin.H // more members
}

// Error lets a handler return what no kind of error stands for.
func (p Problem) Error() string { return cmp.Or(p.Detail, p.Title) }

// newProblem returns a problem that is told in kind and detail.
func newProblem(status int, kind, detail string) Problem {
	return Problem{Type: "/problems/" + kind, Title: http.StatusText(status), Status: status, Detail: detail}
}

// asked names a request in what is said of it, also when the request is no more.
type asked struct{ path, id, correlation, trace string }

func askedOf(c *gin.Context) asked {
	return asked{c.Request.URL.Path, c.Param("id"), correlation(c), c.Writer.Header().Get(traceHeader)}
}

// problemOf translates err, which the request in c ran into.
func problemOf(c *gin.Context, err error) Problem { return askedOf(c).problem(err) }

// problem translates err, which the request ran into.
func (a asked) problem(err error) Problem {
	p, ok := errors.AsType[Problem](err)
	if !ok {
		p = newProblem(statusOf[execution.KindOf(err)], execution.CodeOf(err), "")
		if p.Status < http.StatusInternalServerError { // the rest is for the log
			p.Detail = err.Error()
			p.Errors, _ = errors.AsType[execution.FieldErrors](err)
		}
	}
	p.Instance, p.CorrelationID, p.TraceID = a.path, a.correlation, a.trace
	return p
}

// handle lets handlers return errors, so that none is dropped and to clients
// all look alike.
func (s *Server) handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := h(c)
		if err == nil {
			return
		}
		c.Abort()
		if c.Request.Context().Err() != nil && !c.Writer.Written() { // nobody is there to hear it
			c.Status(statusGone)
			return
		}
		p := problemOf(c, err)
		if p.Status >= http.StatusInternalServerError && p.extra == nil { // what readyz found is in the log already
			s.Log.ErrorContext(c.Request.Context(), "request failed", "method", c.Request.Method, "route", c.FullPath(), "execution", c.Param("id"), "correlation_id", correlation(c), "err", err)
		}
		if c.Writer.Written() { // too late to say: what is cut off must not look whole
			panic(http.ErrAbortHandler)
		}
		p.write(c)
	}
}

// statusGone is for metrics only, as nginx has it: the client closed the
// request.
const statusGone = 499

// write answers with p.
func (p Problem) write(c *gin.Context) {
	if after := retryAfter[p.Status]; after > 0 {
		c.Header("Retry-After", strconv.Itoa(after))
	}
	c.Writer.Header().Del("Content-Disposition")
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Type", "application/problem+json")
	if p.extra == nil {
		c.JSON(p.Status, p)
		return
	}
	all := gin.H{"type": p.Type, "title": p.Title, "status": p.Status, "detail": p.Detail, "instance": p.Instance, "correlation_id": p.CorrelationID}
	if p.TraceID != "" {
		all["trace_id"] = p.TraceID
	}
	maps.Copy(all, p.extra)
	c.JSON(p.Status, all)
}
