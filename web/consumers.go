package web

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// GroupPauses keeps which consumer groups operators paused.
type GroupPauses interface {
	PauseGroup(context.Context, execution.GroupPause) error // a Conflict if it is paused
	ResumeGroup(ctx context.Context, group string) error    // a Conflict unless it is
	PausedGroups(context.Context) ([]execution.GroupPause, error)
}

// consumerGroups tells how far all are.
func (s *Server) consumerGroups(c *gin.Context) error {
	all, err := s.groups(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": all})
	return nil
}

// groups are all of them, and who paused which.
func (s *Server) groups(ctx context.Context) ([]execution.ConsumerGroup, error) {
	all, err := s.Groups(ctx)
	if err != nil {
		return nil, err
	}
	paused, err := s.GroupPauses.PausedGroups(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for _, p := range paused {
			if p.Group == all[i].Name {
				all[i].Paused = &p
			}
		}
	}
	return all, nil
}

// pausable returns the group that a request is about.
func (s *Server) pausable(c *gin.Context) (g execution.ConsumerGroup, err error) {
	i := slices.IndexFunc(s.GroupKinds, func(g execution.ConsumerGroup) bool { return g.Name == c.Param("group") })
	if i < 0 {
		return g, execution.Errorf(execution.NotFound, "no consumer group %q", c.Param("group"))
	}
	if g = s.GroupKinds[i]; !g.Pausable {
		return g, execution.Errorf(execution.Conflict, "%s cannot be paused by itself: %s", g.Name, g.Purpose)
	}
	return g, nil
}

// pauseGroup lets a group do nothing more until it is resumed.
func (s *Server) pauseGroup(c *gin.Context) error {
	g, err := s.pausable(c)
	if err != nil {
		return err
	}
	reason, err := neededReason(c)
	if err != nil {
		return err
	}
	p := execution.GroupPause{Group: g.Name, By: c.GetString("user"), Reason: reason, At: now()}
	if err := s.GroupPauses.PauseGroup(c.Request.Context(), p); err != nil {
		return err
	}
	s.Log.WarnContext(c.Request.Context(), "consumer group paused", "group", g.Name, "reason", reason, "user", p.By, "correlation_id", correlation(c))
	c.JSON(http.StatusOK, gin.H{"name": g.Name, "purpose": g.Purpose, "paused": p})
	return nil
}

// resumeGroup lets it go on where it was.
func (s *Server) resumeGroup(c *gin.Context) error {
	g, err := s.pausable(c)
	if err == nil {
		err = s.GroupPauses.ResumeGroup(c.Request.Context(), g.Name)
	}
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "consumer group resumed", "group", g.Name, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusOK, gin.H{"name": g.Name, "purpose": g.Purpose, "paused": nil})
	return nil
}
