package web

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// checkTimeout is what a dependency has to answer.
const checkTimeout = 2 * time.Second

// Check looks at one dependency. It returns when its context ends.
type Check struct {
	Name   string
	Check  func(context.Context) error
	Detail func() string // more to know, up or down; nil: nothing
}

// checked is what a Check found.
type checked struct {
	Name  string `json:"name"`
	State string `json:"state"` // up or down

	Detail string `json:"detail,omitempty"`
}

func healthz(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"alive": true})
	return nil
}

// readyz says of each dependency whether it is there, and as a whole whether
// work can be done. What is wrong with one is for the log.
func (s *Server) readyz(c *gin.Context) error {
	c.Header("Cache-Control", "no-store")
	states := s.look(c.Request.Context())
	var down []string
	for _, d := range states {
		if d.State != "up" {
			down = append(down, d.Name)
		}
	}
	if len(down) == 0 {
		c.JSON(http.StatusOK, gin.H{"ready": true, "checks": states})
		return nil
	}
	p := newProblem(http.StatusServiceUnavailable, "not_ready", "down: "+strings.Join(down, ", "))
	p.extra = gin.H{"ready": false, "checks": states}
	return p
}

// look makes all checks at once.
func (s *Server) look(ctx context.Context) []checked {
	ctx, stop := context.WithTimeout(ctx, checkTimeout)
	defer stop()
	states := make([]checked, len(s.Checks), len(s.Checks)+1)
	var all sync.WaitGroup
	for i, check := range s.Checks {
		states[i] = checked{Name: check.Name, State: "up"}
		all.Go(func() {
			if err := check.Check(ctx); err != nil {
				states[i].State = "down"
				s.Log.Warn("dependency is down", "dependency", check.Name, "err", err)
			}
			if check.Detail != nil {
				states[i].Detail = check.Detail()
			}
		})
	}
	all.Wait()
	if s.closing() {
		states = append(states, checked{Name: "server", State: "down"})
	}
	return states
}
