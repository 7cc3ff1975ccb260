package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/codesaga/codesaga/execution"
)

// lettersAtOnce is how many letters one request works on at a time.
const lettersAtOnce = 16

// LetterEdits are members that the body of a retry may not have, whatever they
// say: nothing is redriven but what was published.
type LetterEdits struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Key     json.RawMessage `json:"key,omitempty"`
	Headers json.RawMessage `json:"headers,omitempty"`
}

func (e LetterEdits) wrong() (wrong execution.FieldErrors) {
	for _, m := range []struct {
		field string
		given json.RawMessage
	}{{"value", e.Value}, {"payload", e.Payload}, {"key", e.Key}, {"headers", e.Headers}} {
		if m.given != nil {
			wrong = append(wrong, execution.FieldError{Field: m.field, Rule: "is redriven as it was published"})
		}
	}
	return wrong
}

// retryLetter has one letter redriven now.
func (s *Server) retryLetter(c *gin.Context) error {
	var b LetterEdits
	if err := decode(c, &b, true); err != nil {
		return err
	}
	if wrong := b.wrong(); len(wrong) > 0 {
		return wrong
	}
	l, err := s.redrive(c.Request.Context(), c.Param("id"), c.GetString("user"))
	if err != nil {
		return err
	}
	s.Log.Info("dead letter: retry", "letter", l.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, letterRow(l))
	return nil
}

// redrive makes a letter due, and tells its workflow. If only that fails, it can
// be asked for again.
func (s *Server) redrive(ctx context.Context, id, by string) (execution.Letter, error) {
	l, err := s.LetterDesk.RetryLetter(ctx, id, by)
	if err != nil {
		return l, err
	}
	return l, s.LetterHands.WakeRedrive(ctx, id)
}

// LetterChoice chooses letters; what is empty restricts nothing.
type LetterChoice struct {
	Statuses  []execution.LetterStatus `json:"status,omitempty"` // those that wait if empty
	Topic     string                   `json:"topic,omitempty"`
	Type      string                   `json:"event_type,omitempty"`
	Group     string                   `json:"consumer_group,omitempty"`
	Class     string                   `json:"error_class,omitempty"`
	Execution string                   `json:"execution_id,omitempty"`
	OlderThan int64                    `json:"older_than_seconds,omitempty"`
}

// LetterRetry asks for the redrive of letters: the body of a POST. It has IDs or
// a filter.
type LetterRetry struct {
	IDs    []string      `json:"ids,omitempty"`
	Filter *LetterChoice `json:"filter,omitempty"`
	DryRun bool          `json:"dry_run,omitempty"`
	Limit  *int          `json:"limit,omitempty"` // of a filter: so many at once; 1000 if left out
	Cursor string        `json:"cursor,omitempty"`
	LetterEdits
}

func (b LetterRetry) validate() error {
	wrong := b.wrong()
	refuse := func(field, rule string) { wrong = append(wrong, execution.FieldError{Field: field, Rule: rule}) }
	switch {
	case len(b.IDs) > 0 && b.Filter != nil, len(b.IDs) == 0 && b.Filter == nil:
		refuse("ids", "either ids or filter")
	case len(b.IDs) > maxLetters:
		refuse("ids", fmt.Sprintf("1..%d", maxLetters))
	case slices.Contains(b.IDs, ""):
		refuse("ids", "IDs of letters")
	}
	if n := or(b.Limit, 1); n < 1 || n > maxLetters {
		refuse("limit", fmt.Sprintf("1..%d", maxLetters))
	}
	if b.Filter != nil {
		for _, st := range b.Filter.Statuses {
			if !st.Waits() {
				refuse("filter.status", "some of pending, scheduled, parked")
				break
			}
		}
		if b.Filter.OlderThan < 0 || b.Filter.OlderThan > 1<<30 {
			refuse("filter.older_than_seconds", fmt.Sprintf("0..%d", 1<<30))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// filter is what b chooses of letters.
func (b LetterRetry) filter() execution.LetterFilter {
	f := execution.LetterFilter{
		Statuses: b.Filter.Statuses, Topic: b.Filter.Topic, Type: b.Filter.Type, Group: b.Filter.Group, Class: b.Filter.Class,
		Execution: b.Filter.Execution, OlderThan: time.Duration(b.Filter.OlderThan) * time.Second, Limit: or(b.Limit, maxLetters), Cursor: b.Cursor,
	}
	if len(f.Statuses) == 0 {
		f.Statuses = slices.DeleteFunc(slices.Clone(execution.LetterStatuses), func(st execution.LetterStatus) bool { return !st.Waits() })
	}
	return f
}

// retryLetters has those letters redriven that are named, or that a filter
// chooses. It says of each what became of it.
func (s *Server) retryLetters(c *gin.Context) error {
	var b LetterRetry
	err := decode(c, &b, false)
	if err == nil {
		err = b.validate()
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), letterTimeout)
	defer stop()
	ids, next := b.IDs, ""
	if b.Filter != nil {
		page, cursor, err := s.Letters.Letters(ctx, b.filter())
		if err != nil {
			return err
		}
		next = cursor
		for _, l := range page {
			ids = append(ids, l.ID)
		}
	}
	user := c.GetString("user")
	one := func(id string) (execution.Letter, error) { return s.redrive(ctx, id, user) }
	if b.DryRun {
		one = func(id string) (execution.Letter, error) { return s.wouldRedrive(ctx, id) }
	}
	report := s.reportOf(ids, one)
	s.Log.Info("dead letters: retry", "letters", report.Total, "successful", report.Successful, "dry_run", b.DryRun, "user", user, "correlation_id", correlation(c))
	status := http.StatusAccepted
	if b.DryRun {
		status = http.StatusOK
	}
	c.JSON(status, gin.H{
		"total": report.Total, "successful": report.Successful, "failed": report.Failed, "details": report.Details,
		"dry_run": b.DryRun, "next_cursor": Text(next),
	})
	return nil
}

// wouldRedrive is redrive without doing it.
func (s *Server) wouldRedrive(ctx context.Context, id string) (execution.Letter, error) {
	l, err := s.Letters.Letter(ctx, id)
	if err == nil && !l.Status.Waits() {
		err = execution.Errorf(execution.Conflict, "letter %s is %s", id, l.Status)
	}
	return l, err
}

// reportOf does one to each of ids, the same but once, and says what came of it
// in their order.
func (s *Server) reportOf(ids []string, one func(id string) (execution.Letter, error)) execution.RedriveReport {
	seen := map[string]bool{}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		was := seen[id]
		seen[id] = true
		return was
	})
	r := execution.RedriveReport{Total: len(ids), Details: make([]execution.RedriveOutcome, len(ids))}
	var g errgroup.Group
	g.SetLimit(lettersAtOnce)
	for i, id := range ids {
		g.Go(func() error {
			l, err := one(id)
			r.Details[i] = execution.RedriveOutcome{ID: id, Status: l.Status}
			if err != nil {
				r.Details[i].Error = s.outcomeOf(id, err)
			}
			return nil
		})
	}
	_ = g.Wait()
	for _, d := range r.Details {
		if d.Error == "" {
			r.Successful++
		}
	}
	r.Failed = r.Total - r.Successful
	return r
}

// outcomeOf is what clients hear of err; what is our fault is for the log.
func (s *Server) outcomeOf(id string, err error) string {
	if statusOf[execution.KindOf(err)] < http.StatusInternalServerError {
		return err.Error()
	}
	s.Log.Error("dead letter not retried", "letter", id, "err", err)
	return string(execution.KindOf(err)) + ": ask again"
}
