// Package web is for people: the API, a stream for each execution, and the
// page that uses both. openapi.yaml says what each route takes and gives.
package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

func init() { gin.SetMode(gin.ReleaseMode) } // or gin prints its routes

// Executions keeps a row for each execution.
type Executions interface {
	Create(context.Context, execution.Execution) error // nothing if the ID exists
	Get(context.Context, execution.ID) (execution.Execution, error)
	Remove(context.Context, execution.ID) error                              // of a submission that failed; nothing if there is none, or its saga got on
	SetCancel(ctx context.Context, id execution.ID, by, reason string) error // the first one counts; Conflict after the end
}

// History tells what was.
type History interface {
	List(context.Context, execution.Filter) (items []execution.Execution, next string, err error)
	Events(context.Context, execution.ID, execution.EventFilter) (items []execution.Event, next string, err error)

	// Since returns what came after at, events among themselves and output
	// among itself in order, result_stored last; more: call again.
	Since(ctx context.Context, id execution.ID, at execution.Position) (updates []execution.Update, more bool, err error)

	// Output writes the first limit bytes that are kept of stream, all if limit
	// is negative, and returns how many there were.
	Output(ctx context.Context, id execution.ID, stream execution.Stream, w io.Writer, limit int64) (int64, error)
}

// Keys keeps idempotency keys, each user's apart.
type Keys interface {
	// Claim gives key to id, unless it was given before: then it returns to
	// whom, and true. If that was with another digest, it is Invalid.
	Claim(ctx context.Context, user, key string, digest [32]byte, id execution.ID) (holder execution.ID, replayed bool, err error)
	Unclaim(ctx context.Context, user, key string) error
}

// Sagas starts executions, and stops them.
type Sagas interface {
	Start(context.Context, execution.Execution) error // nothing if it was started
	Cancel(context.Context, execution.ID) error       // NotFound when it is over, or was never started
}

// Live hands out updates as they come. A channel that closes means: too slow.
type Live interface {
	Subscribe(execution.ID) (updates <-chan execution.Update, stop func())
}

// Server answers HTTP. Its fields are set before the first call of Handler.
// One without Executions serves only what is asked of the process: its health
// and its metrics.
type Server struct {
	Executions Executions
	History    History
	Keys       Keys
	Sagas      Sagas
	Live       Live
	User       func(*http.Request) (string, error) // who asks; an error refuses

	// Hosts are the names under which this server may be asked about executions;
	// any if there is none. A site whose name is made to lead here, after a
	// browser has loaded its page, asks under its own.
	Hosts []string

	Languages   execution.Languages
	LocalImages bool // programs have the images that the development cluster has
	Bounds      execution.Bounds
	Pools       []string // that may be asked for; "default" if empty
	About       About
	Checks      []Check // of readiness
	MaxStreams  int     // that a user may have open; 0: any number

	Closing  <-chan struct{}      // closed when streams are to end and no new ones to begin; nil: never
	Registry *prometheus.Registry // for the metrics of this room, and what /metrics shows; nil: one of its own
	Log      *slog.Logger

	once    sync.Once
	routes  *gin.Engine
	metrics metrics
	seats   seats
}

// Handler returns all routes. A server in front of it needs no WriteTimeout:
// the handlers that take long set deadlines of their own.
func (s *Server) Handler() http.Handler {
	s.once.Do(s.build)
	return s.routes
}

func (s *Server) build() {
	if s.Registry == nil {
		s.Registry = prometheus.NewRegistry()
	}
	if len(s.Pools) == 0 {
		s.Pools = []string{"default"}
	}
	s.metrics = newMetrics(s.Registry, s.Executions != nil)
	r := gin.New()
	r.RedirectTrailingSlash = false
	r.HandleMethodNotAllowed = true
	r.Use(s.correlate, secure, s.observe, s.recover)
	r.NoRoute(s.handle(s.page))
	r.NoMethod(s.handle(func(c *gin.Context) error {
		return newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "this route has "+c.Writer.Header().Get("Allow"))
	}))

	r.GET("/healthz", s.handle(healthz))
	r.GET("/readyz", s.handle(s.readyz))
	r.GET("/metrics", s.handle(s.exposition))
	if s.Executions != nil {
		s.serveAPI(r)
	}
	s.routes = r
}

func (s *Server) serveAPI(r *gin.Engine) {
	r.GET("/openapi.yaml", s.handle(openapi))
	r.GET("/api/v1/languages", s.handle(s.languages))
	r.GET("/api/v1/limits", s.handle(s.limits))
	r.GET("/api/v1/about", s.handle(s.about))

	api := r.Group("/api/v1/executions", s.handle(s.known))
	api.POST("", s.handle(s.submit))
	api.GET("", s.handle(s.list))
	api.GET("/:id", s.handle(s.get))
	api.POST("/:id/cancel", s.handle(s.cancel))
	api.GET("/:id/events", s.handle(s.events))
	api.GET("/:id/output", s.handle(s.output))
	api.GET("/:id/stream", s.handle(s.stream))
}

// foreign refuses what the page of another site lets a browser write here.
var foreign = http.NewCrossOriginProtection()

// known notes who asks, or refuses.
func (s *Server) known(c *gin.Context) error {
	c.Header("Cache-Control", "no-store")
	if err := foreign.Check(c.Request); err != nil {
		return execution.Errorf(execution.Forbidden, "another site may not ask for this")
	}
	if len(s.Hosts) > 0 && !slices.Contains(s.Hosts, hostname(c.Request.Host)) {
		return newProblem(http.StatusMisdirectedRequest, "misdirected_request", "this server is not known by that name; see the setting allowed-hosts")
	}
	user, err := s.User(c.Request)
	if err != nil {
		return err
	}
	c.Set("user", user)
	return nil
}

// hostname is host without its port.
func hostname(host string) string {
	return strings.ToLower((&url.URL{Host: host}).Hostname())
}

// mine returns the execution that c is about. To others than its owner it does
// not exist, in the same words.
func (s *Server) mine(c *gin.Context) (execution.Execution, error) {
	id := c.Param("id")
	x, err := s.Executions.Get(c.Request.Context(), execution.ID(id))
	if execution.KindOf(err) == execution.NotFound || err == nil && x.UserID != c.GetString("user") {
		return execution.Execution{}, execution.Errorf(execution.NotFound, "no execution %q", id)
	}
	return x, err
}

// closing reports whether no new streams are to begin.
func (s *Server) closing() bool {
	select {
	case <-s.Closing:
		return true
	default:
		return false
	}
}
