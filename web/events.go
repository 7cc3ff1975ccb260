package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// EventBook has all events.
type EventBook interface {
	Browse(context.Context, execution.EventQuery, execution.EventPage) (items []execution.Recorded, next string, err error)
	Event(ctx context.Context, id string) (execution.Recorded, error)
	// Around returns at most n events on each side of one, in its timeline.
	Around(ctx context.Context, e execution.Recorded, n int) (before, after []execution.Recorded, err error)
}

// EventFigures counts events.
type EventFigures interface {
	// EventStats is about so many hours by the clock; the last is that of now.
	EventStats(ctx context.Context, now time.Time, hours int) (execution.EventStats, error)
	CountTypes(context.Context, execution.EventQuery) (execution.EventCounts, error)
	CountEvents(context.Context, execution.EventQuery) (int64, error)
}

// EventArchive has the events that were deleted.
type EventArchive interface {
	Archive(ctx context.Context, id, by, reason string) (execution.Archived, error) // moves one there; NotFound if there is none
	BrowseArchive(context.Context, execution.EventQuery, execution.EventPage) (items []execution.Archived, next string, err error)
	Restore(ctx context.Context, id string) (execution.Recorded, error) // moves one back; NotFound if it is not there
}

const (
	maxRelated = 10
	maxAround  = 5
)

// events are the filters that are asked for.
func (q *query) events() execution.EventQuery {
	f := execution.EventQuery{
		ExecutionID: execution.ID(q.c.Query("execution_id")), UserID: q.c.Query("user_id"), Service: q.c.Query("service"),
		Correlation: q.c.Query("correlation_id"), Types: q.types("event_type"), ExcludeTypes: q.types("exclude_event_type"),
		From: q.time("from"), To: q.time("to"), Text: q.c.Query("text"),
	}
	if wrong, ok := errors.AsType[execution.FieldErrors](f.Validate()); ok {
		for _, w := range wrong {
			q.refuse(strings.TrimSuffix(w.Field, "s"), w.Rule) // event_types: here it is repeated
		}
	}
	return f
}

// types are those that a parameter has, which may come several times. One that
// nobody knows yet may be asked for.
func (q *query) types(name string) (types []execution.EventType) {
	for _, text := range q.c.QueryArray(name) {
		if text == "" || len(text) > 64 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" {
			q.refuse(name, "a type of events, such as pod_running")
			return nil
		}
		types = append(types, execution.EventType(text))
	}
	return types
}

// page is which part of the events is asked for.
func (q *query) page() execution.EventPage {
	return execution.EventPage{Cursor: q.c.Query("cursor"), Limit: q.number("limit", 1, 500, 50), OldestFirst: q.oldestFirst()}
}

func (q *query) oldestFirst() bool {
	order := q.c.DefaultQuery("order", "newest")
	if order != "newest" && order != "oldest" {
		q.refuse("order", "one of newest, oldest")
	}
	return order == "oldest"
}

// browse returns a page of all events.
func (s *Server) browse(c *gin.Context) error {
	q := query{c: c}
	f, p := q.events(), q.page()
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.EventBook.Browse(c.Request.Context(), f, p)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.Recorded{}, items...), "next_cursor": Text(next)})
	return nil
}

// ownEvents returns a page of what happened to the user's executions.
func (s *Server) ownEvents(c *gin.Context) error {
	q := query{c: c}
	f, p := q.events(), q.page()
	f.UserID = c.GetString("user")
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.EventBook.Browse(c.Request.Context(), f, p)
	if err != nil {
		return err
	}
	told := make([]execution.Event, len(items))
	for i, e := range items {
		if told[i] = e.Event; !s.operator(c) {
			told[i] = forUsers(e.Event)
		}
	}
	c.JSON(http.StatusOK, gin.H{"items": told, "next_cursor": Text(next)})
	return nil
}

// ownEventCounts counts the events that ownEvents lists.
func (s *Server) ownEventCounts(c *gin.Context) error {
	q := query{c: c}
	f := q.events()
	f.UserID = c.GetString("user")
	if err := q.err(); err != nil {
		return err
	}
	counts, err := s.EventFigures.CountTypes(c.Request.Context(), f)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, counts)
	return nil
}

// eventTypes lists those that there are.
func (s *Server) eventTypes(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"items": execution.EventKinds, "platform": execution.PlatformKinds})
	return nil
}

// eventID is the event that c is about: in the query, for IDs have slashes.
func eventID(c *gin.Context) (string, error) {
	id := c.Query("id")
	if id == "" || len(id) > 512 {
		return "", execution.FieldErrors{{Field: "id", Rule: "the ID of an event"}}
	}
	return id, nil
}

// eventDetail returns one event with what has to do with it.
func (s *Server) eventDetail(c *gin.Context) error {
	ctx := c.Request.Context()
	id, err := eventID(c)
	if err != nil {
		return err
	}
	e, err := s.EventBook.Event(ctx, id)
	if err != nil {
		return err
	}
	before, after, err := s.EventBook.Around(ctx, e, maxAround)
	if err != nil {
		return err
	}
	related, err := s.related(ctx, e)
	if err != nil {
		return err
	}
	list := func(events []execution.Recorded) []execution.Recorded {
		return append([]execution.Recorded{}, events...)
	}
	c.JSON(http.StatusOK, gin.H{"event": e, "related": list(related), "before": list(before), "after": list(after)})
	return nil
}

// related are the first events that came of the same request as e; of an event
// of which nobody knows the request, those of its execution.
func (s *Server) related(ctx context.Context, e execution.Recorded) ([]execution.Recorded, error) {
	f := execution.EventQuery{Correlation: e.CorrelationID}
	if f.Correlation == "" {
		f.ExecutionID = e.ExecutionID
	}
	items, _, err := s.EventBook.Browse(ctx, f, execution.EventPage{Limit: maxRelated + 1, OldestFirst: true})
	items = slices.DeleteFunc(items, func(other execution.Recorded) bool { return other.ID == e.ID })
	return items[:min(len(items), maxRelated)], err
}

// eventStats tells how much went on lately.
func (s *Server) eventStats(c *gin.Context) error {
	q := query{c: c}
	hours := q.number("hours", 1, 168, 24)
	if err := q.err(); err != nil {
		return err
	}
	stats, err := s.EventFigures.EventStats(c.Request.Context(), time.Now(), hours)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, stats)
	return nil
}
