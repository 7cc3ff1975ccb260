package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/codesaga/codesaga/execution"
)

// RedrivePolicies keeps how dead letters are redriven. A change acts on those
// that wait, too: it returns whose workflows are to be told.
type RedrivePolicies interface {
	RedrivePolicies(context.Context) ([]execution.RedrivePolicy, error) // also those that are the default, the most special first
	SetRedrivePolicy(context.Context, execution.RedrivePolicy) (waiting []string, err error)
	RemoveRedrivePolicy(ctx context.Context, id string) (waiting []string, err error) // back to the default; NotFound
}

// PolicyRequest is how letters are to be redriven: the body of a PUT.
type PolicyRequest struct {
	Topic      string                    `json:"topic"`
	Type       string                    `json:"event_type"`
	Class      string                    `json:"error_class"`
	Strategy   execution.RedriveStrategy `json:"strategy"`
	MaxRetries int                       `json:"max_retries"`
	Initial    float64                   `json:"initial_delay_seconds"`
	Max        float64                   `json:"max_delay_seconds"`
	Multiplier float64                   `json:"multiplier"`
	At         string                    `json:"at"`
}

// redrivePolicies lists all.
func (s *Server) redrivePolicies(c *gin.Context) error {
	all, err := s.RedrivePolicies.RedrivePolicies(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.RedrivePolicy{}, all...)})
	return nil
}

// redrivePolicy returns one.
func (s *Server) redrivePolicy(c *gin.Context) error {
	p, err := s.findPolicy(c.Request.Context(), func(p execution.RedrivePolicy) bool { return p.ID == c.Param("id") })
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, p)
	return nil
}

func (s *Server) findPolicy(ctx context.Context, wanted func(execution.RedrivePolicy) bool) (execution.RedrivePolicy, error) {
	all, err := s.RedrivePolicies.RedrivePolicies(ctx)
	if err != nil {
		return execution.RedrivePolicy{}, err
	}
	for _, p := range all {
		if wanted(p) {
			return p, nil
		}
	}
	return execution.RedrivePolicy{}, execution.Errorf(execution.NotFound, "no such policy")
}

// setRedrivePolicy says how those letters are redriven that the body matches:
// what it says of topic, event type and class is what the policy is known by.
func (s *Server) setRedrivePolicy(c *gin.Context) error {
	var b PolicyRequest
	if err := decode(c, &b, false); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), letterTimeout)
	defer stop()
	user := c.GetString("user")
	waiting, err := s.RedrivePolicies.SetRedrivePolicy(ctx, execution.RedrivePolicy{
		Topic: b.Topic, Type: b.Type, Class: b.Class, Strategy: b.Strategy, MaxRetries: b.MaxRetries,
		Initial: b.Initial, Max: b.Max, Multiplier: b.Multiplier, At: b.At, By: user, UpdatedAt: time.Now().UTC().Truncate(time.Millisecond),
	})
	if err != nil {
		return err
	}
	s.Log.Info("redrive policy set", "topic", b.Topic, "event_type", b.Type, "error_class", b.Class, "strategy", b.Strategy, "letters", len(waiting), "user", user, "correlation_id", correlation(c))
	if err := s.wakeAll(ctx, waiting); err != nil {
		return err
	}
	p, err := s.findPolicy(ctx, func(p execution.RedrivePolicy) bool {
		return p.Topic == b.Topic && p.Type == b.Type && p.Class == b.Class
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"policy": p, "letters": len(waiting)})
	return nil
}

// removeRedrivePolicy brings what a policy matched back to the default.
func (s *Server) removeRedrivePolicy(c *gin.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), letterTimeout)
	defer stop()
	waiting, err := s.RedrivePolicies.RemoveRedrivePolicy(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	s.Log.Info("redrive policy removed", "policy", c.Param("id"), "letters", len(waiting), "user", c.GetString("user"), "correlation_id", correlation(c))
	if err := s.wakeAll(ctx, waiting); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"letters": len(waiting)})
	return nil
}

// wakeAll tells the workflows of letters. One that nothing was planned for has
// none, so a word that gets lost is an error: the change can be asked for again.
func (s *Server) wakeAll(ctx context.Context, ids []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lettersAtOnce)
	for _, id := range ids {
		g.Go(func() error { return s.LetterHands.WakeRedrive(ctx, id) })
	}
	return g.Wait()
}
