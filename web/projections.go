package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Projections tells how the projections stand.
type Projections interface {
	Projections(context.Context) ([]execution.Projection, error)
}

// Rebuilder makes projections anew.
type Rebuilder interface {
	StartRebuild(context.Context, execution.RebuildOrder) error // a Conflict while another of that projection is under way
	CancelRebuild(ctx context.Context, projection string) error // NotFound if there is none
}

// projections lists them.
func (s *Server) projections(c *gin.Context) error {
	all, err := s.Projections.Projections(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.Projection{}, all...)})
	return nil
}

// projection tells how one stands.
func (s *Server) projection(c *gin.Context) error {
	all, err := s.Projections.Projections(c.Request.Context())
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name == c.Param("name") {
			c.JSON(http.StatusOK, p)
			return nil
		}
	}
	return execution.Errorf(execution.NotFound, "no projection %q", c.Param("name"))
}

// rebuildProjection starts to make one anew; how far that is, projection tells.
func (s *Server) rebuildProjection(c *gin.Context) error {
	var b struct {
		From   string `json:"from"`
		DryRun bool   `json:"dry_run"`
	}
	kind, err := execution.FindProjection(c.Param("name"))
	if err == nil {
		err = decode(c, &b, true)
	}
	if err != nil {
		return err
	}
	if b.From == "" {
		b.From = kind.Sources[0]
	}
	if !slices.Contains(kind.Sources, b.From) {
		return execution.FieldErrors{{Field: "from", Rule: "one of " + strings.Join(kind.Sources, ", ")}}
	}
	o := execution.RebuildOrder{ID: string(execution.NewID()), Projection: kind.Name, Source: b.From, DryRun: b.DryRun, By: c.GetString("user")}
	if err := s.Rebuilder.StartRebuild(c.Request.Context(), o); err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "rebuild of a projection started", "projection", o.Projection, "rebuild", o.ID, "source", o.Source, "dry_run", o.DryRun, "user", o.By, "correlation_id", correlation(c))
	c.Header("Location", "/api/v1/admin/projections/"+kind.Name)
	c.JSON(http.StatusAccepted, gin.H{"id": o.ID, "projection": o.Projection, "source": o.Source, "dry_run": o.DryRun})
	return nil
}

// cancelRebuild asks for the end of the one that is under way.
func (s *Server) cancelRebuild(c *gin.Context) error {
	kind, err := execution.FindProjection(c.Param("name"))
	if err != nil {
		return err
	}
	err = s.Rebuilder.CancelRebuild(c.Request.Context(), kind.Name)
	if execution.KindOf(err) == execution.NotFound {
		return execution.Errorf(execution.Conflict, "no rebuild of %s is under way", kind.Name)
	}
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "rebuild of a projection cancelled", "projection", kind.Name, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, gin.H{"projection": kind.Name})
	return nil
}
