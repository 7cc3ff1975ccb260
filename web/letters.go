package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Letters keeps dead letters.
type Letters interface {
	Letter(ctx context.Context, id string) (execution.Letter, error)
	// Letters returns a page, the newest first, without values, and the cursor of
	// the next page; it is empty after the last.
	Letters(context.Context, execution.LetterFilter) (items []execution.Letter, next string, err error)
	LetterFigures(context.Context) (execution.LetterFigures, error)
}

// LetterDesk is where people decide about dead letters. What is too late, or too
// early, is a Conflict.
type LetterDesk interface {
	RetryLetter(ctx context.Context, id, by string) (execution.Letter, error) // it is due now
	DiscardLetter(ctx context.Context, id, by, reason string) (execution.Letter, error)
	ArchiveLetter(ctx context.Context, id, by, reason string) (execution.Letter, error)
	RestoreLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) // one of the two, to parked
}

// LetterHands tell those who redrive that something was decided. What, is in the
// store.
type LetterHands interface {
	WakeRedrive(ctx context.Context, id string) error
}

// LetterReader makes the value of a message readable, without what is secret in
// it.
type LetterReader interface {
	View(topic string, value []byte) (json.RawMessage, error)
}

const (
	letterTimeout = 30 * time.Second // of all that one request asks for many letters
	maxLetters    = 1000             // of one request
)

// LetterView is a dead letter as clients get it.
type LetterView struct {
	execution.Letter
	Key        string                   `json:"key"`                   // what is not UTF-8 is U+FFFD
	ValueBytes int                      `json:"value_bytes,omitempty"` // not in lists
	Payload    json.RawMessage          `json:"payload"`               // its value, decoded; null in lists, and when it cannot be
	Unreadable string                   `json:"payload_error,omitempty"`
	Headers    []execution.LetterHeader `json:"headers,omitempty"` // not in lists
	History    []execution.LetterEntry  `json:"history,omitempty"` // likewise
}

// letterRow is l in a list, or in answer to what was decided about it.
func letterRow(l execution.Letter) LetterView {
	return LetterView{Letter: l, Key: strings.ToValidUTF8(string(l.Key), "\uFFFD"), ValueBytes: max(len(l.Value), l.Omitted)}
}

// letters returns a page of dead letters.
func (s *Server) letters(c *gin.Context) error {
	q := query{c: c}
	f := q.letters()
	if err := q.err(); err != nil {
		return err
	}
	page, next, err := s.Letters.Letters(c.Request.Context(), f)
	if err != nil {
		return err
	}
	items := make([]LetterView, len(page))
	for i, l := range page {
		items[i] = letterRow(l)
	}
	c.JSON(http.StatusOK, gin.H{"items": items, "next_cursor": Text(next)})
	return nil
}

// letters are those that are asked for.
func (q *query) letters() execution.LetterFilter {
	f := execution.LetterFilter{
		Topic: q.c.Query("topic"), Type: q.c.Query("event_type"), Group: q.c.Query("consumer_group"), Class: q.c.Query("error_class"),
		Execution: q.c.Query("execution_id"), Cursor: q.c.Query("cursor"), Limit: q.number("limit", 1, maxLetters, 50),
		OlderThan: time.Duration(q.number("older_than_seconds", 0, 1<<30, 0)) * time.Second,
	}
	for _, text := range q.c.QueryArray("status") {
		st := execution.LetterStatus(text)
		if !slices.Contains(execution.LetterStatuses, st) {
			q.refuse("status", fmt.Sprintf("one of %v", execution.LetterStatuses))
			break
		}
		f.Statuses = append(f.Statuses, st)
	}
	return f
}

// letter returns one, with all that happened to it and what is in it.
func (s *Server) letter(c *gin.Context) error {
	l, err := s.Letters.Letter(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	v := letterRow(l)
	v.Headers, v.History = l.Headers, l.History
	if l.Omitted > 0 {
		v.Unreadable = "it was too large to be kept: its topic has it, as long as it keeps it"
	} else if v.Payload, err = s.LetterReader.View(l.Origin.Topic, l.Value); err != nil {
		v.Payload, v.Unreadable = nil, err.Error()
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// LetterStatistics are the figures of dead letters as clients get them.
type LetterStatistics struct {
	execution.LetterFigures
	OldestAge *float64 `json:"oldest_age_seconds"` // nil: none waits
	Success   *float64 `json:"retry_success_rate"` // 0 to 1; nil: none was redriven
	Topics    []string `json:"topics"`             // that letters wait of
}

// letterStatistics tells how many there are of each.
func (s *Server) letterStatistics(c *gin.Context) error {
	f, err := s.Letters.LetterFigures(c.Request.Context())
	if err != nil {
		return err
	}
	v := LetterStatistics{LetterFigures: f, Topics: []string{}}
	for topic := range f.ByTopic {
		v.Topics = append(v.Topics, topic)
	}
	slices.Sort(v.Topics)
	if !f.Oldest.IsZero() {
		v.OldestAge = new(time.Since(f.Oldest).Seconds())
	}
	if f.Redriven > 0 {
		v.Success = new(float64(f.Retried) / float64(f.Redriven))
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// decision is one of LetterDesk for a reason, which is kept with the letter.
type decision func(d LetterDesk, ctx context.Context, id, by, reason string) (execution.Letter, error)

// decideLetter returns the handler that has decide done to a letter.
func (s *Server) decideLetter(what string, decide decision) func(*gin.Context) error {
	return func(c *gin.Context) error {
		var b struct {
			Reason string `json:"reason"`
		}
		if err := decode(c, &b, false); err != nil {
			return err
		}
		if strings.TrimSpace(b.Reason) == "" || utf8.RuneCountInString(b.Reason) > maxReason {
			return execution.FieldErrors{{Field: "reason", Rule: "1..500 characters"}}
		}
		ctx, id, user := c.Request.Context(), c.Param("id"), c.GetString("user")
		l, err := decide(s.LetterDesk, ctx, id, user, b.Reason)
		if err != nil {
			return err
		}
		if err := s.LetterHands.WakeRedrive(ctx, id); err != nil {
			s.Log.Warn("the workflow of a dead letter was not told, and will look by itself", "letter", id, "err", err)
		}
		s.Log.Info("dead letter: "+what, "letter", id, "user", user, "correlation_id", correlation(c))
		c.JSON(http.StatusOK, letterRow(l))
		return nil
	}
}

// editLetter refuses to: the same event ID would tell two things.
func (s *Server) editLetter(c *gin.Context) error {
	c.Header("Allow", "GET")
	return newProblem(http.StatusMethodNotAllowed, "method_not_allowed",
		"a dead letter is not edited: it is redriven as it was published, for its event ID stands for that; discard it with a reason, and submit what is right anew")
}
