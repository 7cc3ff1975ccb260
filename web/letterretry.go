package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// retryLetter has one redriven now, as it is: a body that would change it is
// refused.
func (s *Server) retryLetter(c *gin.Context) error {
	if err := decode(c, &struct{}{}, true); err != nil {
		return err
	}
	l, err := s.askRetry(c.Request.Context(), c.Param("id"), c.GetString("user"))
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "dead letter: retry", "letter", l.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, without(l))
	return nil
}

// askRetry notes that a letter is to be redriven, and lets its workflow know.
// If only the word of it gets lost, who looks after letters finds it.
func (s *Server) askRetry(ctx context.Context, id, by string) (execution.Letter, error) {
	l, err := s.LetterMoves.RetryLetter(ctx, id, by)
	if err == nil {
		s.wakeLetters(ctx, id)
	}
	return l, err
}

func (s *Server) wakeLetters(ctx context.Context, ids ...string) {
	for _, id := range ids {
		if err := s.WakeLetter(ctx, id); err != nil {
			s.Log.Warn("the workflow of a dead letter was not told, and will be in a minute", "letter", id, "err", err)
			return
		}
	}
}

// without is l without its history and headers.
func without(l execution.Letter) execution.Letter {
	l.History, l.Headers = []execution.LetterEntry{}, []execution.LetterHeader{}
	return l
}

// RetryOrder says which dead letters are to be redriven: those with some IDs, or
// those that a filter chooses.
type RetryOrder struct {
	IDs    []string      `json:"ids"`
	Filter *LetterChoice `json:"filter"`
	DryRun bool          `json:"dry_run"`
	Limit  *int          `json:"limit"` // of those that the filter chooses; 1000 if left out
	Cursor string        `json:"cursor"`
}

// LetterChoice chooses among dead letters; without a status, those that wait.
type LetterChoice struct {
	Statuses  []execution.LetterStatus `json:"status"`
	Topic     string                   `json:"topic"`
	Type      string                   `json:"event_type"`
	Group     string                   `json:"consumer_group"`
	Class     string                   `json:"error_class"`
	Execution string                   `json:"execution_id"`
	OlderThan int                      `json:"older_than_seconds"`
}

// check says what is wrong with o, as FieldErrors.
func (o RetryOrder) check() error {
	limit := or(o.Limit, 1)
	switch {
	case (len(o.IDs) > 0) == (o.Filter != nil):
		return execution.FieldErrors{{Field: "ids", Rule: "either ids or filter"}}
	case len(o.IDs) > mostLetters:
		return execution.FieldErrors{{Field: "ids", Rule: "at most 1000"}}
	case limit < 1 || limit > mostLetters:
		return execution.FieldErrors{{Field: "limit", Rule: "1..1000"}}
	case o.Filter == nil:
		return nil
	case o.Filter.OlderThan < 0:
		return execution.FieldErrors{{Field: "filter.older_than_seconds", Rule: "at least 0"}}
	}
	if wrong := wrongStatuses("filter.status", o.Filter.Statuses); wrong != nil {
		return wrong
	}
	return nil
}

// chosen are the letters that o is about, of one key the oldest first, and the
// cursor of those that come next.
func (s *Server) chosen(ctx context.Context, o RetryOrder) (ids []string, next string, err error) {
	f := o.Filter
	if f == nil {
		return o.IDs, "", nil
	}
	if len(f.Statuses) == 0 {
		f.Statuses = execution.WaitingLetters
	}
	found, next, err := s.Letters.Letters(ctx, execution.LetterFilter{
		Statuses: f.Statuses, Topic: f.Topic, Type: f.Type, Group: f.Group, Class: f.Class, Execution: f.Execution,
		OlderThan: time.Duration(f.OlderThan) * time.Second, Limit: or(o.Limit, mostLetters), Cursor: o.Cursor,
	})
	for _, l := range slices.Backward(found) {
		ids = append(ids, l.ID)
	}
	return ids, next, err
}

// retryLetters has many redriven.
func (s *Server) retryLetters(c *gin.Context) error {
	var o RetryOrder
	err := decode(c, &o, false)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return err
	}
	ctx, user := c.Request.Context(), c.GetString("user")
	ids, next, err := s.chosen(ctx, o)
	if err != nil {
		return err
	}
	report := execution.RedriveReport{Total: len(ids), More: next != "", Next: next, Details: []execution.RedriveOutcome{}}
	for _, id := range ids {
		one := execution.RedriveOutcome{ID: id}
		if !o.DryRun {
			l, err := s.askRetry(ctx, id, user)
			switch execution.KindOf(err) {
			case "":
				report.Successful++
			case execution.NotFound, execution.Conflict:
				report.Failed++
				one.Error = err.Error()
			default:
				return err
			}
			one.Status = l.Status
		}
		report.Details = append(report.Details, one)
	}
	s.Log.InfoContext(ctx, "dead letters: retry", "total", report.Total, "asked", report.Successful, "failed", report.Failed, "dry_run", o.DryRun, "user", user, "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, report)
	return nil
}
