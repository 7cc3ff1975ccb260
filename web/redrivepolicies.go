package web

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// RedrivePolicies say how dead letters are redriven. A change returns the
// letters that are planned anew by it.
type RedrivePolicies interface {
	RedrivePolicies(context.Context) ([]execution.RedrivePolicy, error)
	SetRedrivePolicy(context.Context, execution.RedrivePolicy) (replanned []string, err error)
	RemoveRedrivePolicy(ctx context.Context, id string) (replanned []string, err error)
}

// redrivePolicies lists all that count.
func (s *Server) redrivePolicies(c *gin.Context) error {
	all, err := s.RedrivePolicies.RedrivePolicies(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": all})
	return nil
}

// setRedrivePolicy sets one, for what it matches; letters that wait are planned
// anew.
func (s *Server) setRedrivePolicy(c *gin.Context) error {
	var p execution.RedrivePolicy
	if err := decode(c, &p, false); err != nil {
		return err
	}
	if err := p.Validate(s.LetterTopics); err != nil {
		return err
	}
	p.ID, p.By, p.UpdatedAt = execution.RedrivePolicyID(p), c.GetString("user"), now()
	replanned, err := s.RedrivePolicies.SetRedrivePolicy(c.Request.Context(), p)
	if err != nil {
		return err
	}
	s.wakeLetters(c.Request.Context(), replanned...)
	s.Log.InfoContext(c.Request.Context(), "redrive policy set", "policy", p.ID, "strategy", p.Strategy, "max_retries", p.MaxRetries, "replanned", len(replanned), "user", p.By, "correlation_id", correlation(c))
	c.JSON(http.StatusOK, gin.H{"policy": p, "replanned": len(replanned)})
	return nil
}

// removeRedrivePolicy goes back to the default.
func (s *Server) removeRedrivePolicy(c *gin.Context) error {
	replanned, err := s.RedrivePolicies.RemoveRedrivePolicy(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	s.wakeLetters(c.Request.Context(), replanned...)
	s.Log.InfoContext(c.Request.Context(), "redrive policy removed", "policy", c.Param("id"), "replanned", len(replanned), "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusOK, gin.H{"replanned": len(replanned)})
	return nil
}
