package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// foreign refuses what the page of another site lets a browser write here.
var foreign = http.NewCrossOriginProtection()

// here refuses what is asked for from elsewhere, or under another name.
func (s *Server) here(c *gin.Context) error {
	c.Header("Cache-Control", "no-store")
	if err := foreign.Check(c.Request); err != nil {
		return execution.Errorf(execution.Forbidden, "another site may not ask for this")
	}
	if len(s.Hosts) > 0 && !slices.Contains(s.Hosts, hostname(c.Request.Host)) {
		return newProblem(http.StatusMisdirectedRequest, "misdirected_request", "this server is not known by that name; see the setting allowed-hosts")
	}
	return nil
}

// known notes who asks, or refuses.
func (s *Server) known(c *gin.Context) error {
	user, err := s.User(c.Request)
	if err != nil {
		return err
	}
	c.Set("user", user)
	return nil
}

// UserHeader is a Server's User where a proxy in front has asked people to sign
// in, and says in the header name who it is.
func UserHeader(name string) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		values := r.Header.Values(name)
		if len(values) != 1 || !execution.ValidUser(values[0]) { // two: the client sent one that the proxy kept
			return "", execution.Errorf(execution.Anonymous, "the header %s does not say who asks", name)
		}
		return values[0], nil
	}
}

// operators refuses everybody else.
func (s *Server) operators(c *gin.Context) error {
	if !s.operator(c) {
		return execution.Errorf(execution.Forbidden, "only operators may do this")
	}
	return nil
}

// operator reports whether who asks is one.
func (s *Server) operator(c *gin.Context) bool { return s.isOperator(c.GetString("user")) }

func (s *Server) isOperator(user string) bool { return slices.Contains(s.Operators, user) }

// hostname is host without its port.
func hostname(host string) string {
	return strings.ToLower((&url.URL{Host: host}).Hostname())
}

// mine returns the execution that c is about. To others than its owner and the
// operators it does not exist, in the same words.
func (s *Server) mine(c *gin.Context) (execution.Execution, error) {
	return s.mineBy(c, s.Executions.Get)
}

// mineBy is mine, where get reads.
func (s *Server) mineBy(c *gin.Context, get func(context.Context, execution.ID) (execution.Execution, error)) (execution.Execution, error) {
	id := c.Param("id")
	x, err := get(c.Request.Context(), execution.ID(id))
	if execution.KindOf(err) == execution.NotFound || err == nil && x.UserID != c.GetString("user") && !s.operator(c) {
		return execution.Execution{}, execution.Errorf(execution.NotFound, "no execution %q", id)
	}
	return x, err
}
