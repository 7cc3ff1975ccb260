package web

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// PlatformBook has what happened to the platform.
type PlatformBook interface {
	PlatformEvents(context.Context, execution.PlatformQuery) (page []execution.PlatformEvent, next string, err error)
}

// platformEvents returns a page of them, the newest first.
func (s *Server) platformEvents(c *gin.Context) error {
	q := query{c: c}
	f := execution.PlatformQuery{UserID: c.Query("user_id"), From: q.time("from"), To: q.time("to"), Cursor: c.Query("cursor"), Limit: q.number("limit", 1, 500, 50)}
	for _, t := range q.types("event_type") {
		f.Types = append(f.Types, execution.PlatformType(t))
	}
	if err := q.err(); err != nil {
		return err
	}
	page, next, err := s.PlatformBook.PlatformEvents(c.Request.Context(), f)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.PlatformEvent{}, page...), "next_cursor": Text(next)})
	return nil
}
