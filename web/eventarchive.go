package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// deleteEvent moves an event to the archive. Done again, it answers the same.
func (s *Server) deleteEvent(c *gin.Context) error {
	ctx := c.Request.Context()
	id, err := eventID(c)
	if err != nil {
		return err
	}
	reason, err := neededReason(c)
	if err != nil {
		return err
	}
	e, err := s.EventBook.Event(ctx, id)
	if err == nil && e.Type == execution.ResultStored {
		return execution.Errorf(execution.Conflict, "by %s the streams of its execution end: it is not deleted", id)
	}
	if err != nil && execution.KindOf(err) != execution.NotFound { // it may have been deleted before
		return err
	}
	a, err := s.EventArchive.Archive(ctx, id, c.GetString("user"), reason)
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "event deleted", "event", id, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusOK, a)
	return nil
}

// eventArchive returns a page of the events that were deleted.
func (s *Server) eventArchive(c *gin.Context) error {
	q := query{c: c}
	f, p := q.events(), q.page()
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.EventArchive.BrowseArchive(c.Request.Context(), f, p)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.Archived{}, items...), "next_cursor": Text(next)})
	return nil
}

// restoreEvent puts an event back that was deleted.
func (s *Server) restoreEvent(c *gin.Context) error {
	var b struct {
		ID string `json:"id"`
	}
	if err := decode(c, &b, false); err != nil {
		return err
	}
	if b.ID == "" || len(b.ID) > 512 {
		return execution.FieldErrors{{Field: "id", Rule: "the ID of an event"}}
	}
	e, err := s.EventArchive.Restore(c.Request.Context(), b.ID)
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "event restored", "event", b.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusOK, e)
	return nil
}
