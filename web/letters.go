package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Letters keeps dead letters.
type Letters interface {
	Letter(ctx context.Context, id string) (execution.Letter, error)
	Letters(context.Context, execution.LetterFilter) (page []execution.Letter, next string, err error)
	LetterFigures(context.Context) (execution.LetterFigures, error)
}

// LetterMoves are what people decide about dead letters; a Conflict if that
// cannot be asked of one now.
type LetterMoves interface {
	RetryLetter(ctx context.Context, id, by string) (execution.Letter, error)
	DiscardLetter(ctx context.Context, id, by, reason string) (execution.Letter, error)
	ArchiveLetter(ctx context.Context, id, by, reason string) (execution.Letter, error)
	RestoreLetter(ctx context.Context, id, by, reason string) (execution.Letter, error)
}

const mostLetters = 1000 // of a page, and that are redriven by one request (parity DL-02, DL-05)

// LetterView is a dead letter as operators see it.
type LetterView struct {
	execution.Letter
	ValueBytes int             `json:"value_bytes"`
	Decoded    json.RawMessage `json:"decoded"`                // null if it cannot be
	Unreadable string          `json:"decode_error,omitempty"` // why not
}

// letters are the filters that are asked for.
func (q *query) letters() execution.LetterFilter {
	f := execution.LetterFilter{
		Topic: q.c.Query("topic"), Type: q.c.Query("event_type"), Group: q.c.Query("consumer_group"), Class: q.c.Query("error_class"), Execution: q.c.Query("execution_id"),
		OlderThan: time.Duration(q.number("older_than_seconds", 0, 365*86400, 0)) * time.Second,
		Limit:     q.number("limit", 1, mostLetters, 50), Cursor: q.c.Query("cursor"),
	}
	for _, status := range q.c.QueryArray("status") {
		f.Statuses = append(f.Statuses, execution.LetterStatus(status))
	}
	q.wrong = append(q.wrong, wrongStatuses("status", f.Statuses)...)
	return f
}

func wrongStatuses(field string, all []execution.LetterStatus) (wrong execution.FieldErrors) {
	for _, status := range all {
		if !slices.Contains(execution.LetterStatuses, status) {
			return execution.FieldErrors{{Field: field, Rule: "of pending, scheduled, retried, parked, discarded, archived"}}
		}
	}
	return nil
}

// listLetters returns a page of dead letters, the newest first.
func (s *Server) listLetters(c *gin.Context) error {
	q := query{c: c}
	f := q.letters()
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.Letters.Letters(c.Request.Context(), f)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.Letter{}, items...), "next_cursor": Text(next)})
	return nil
}

// letter shows one, with what it says.
func (s *Server) letter(c *gin.Context) error {
	l, err := s.Letters.Letter(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	v := LetterView{Letter: l, ValueBytes: max(len(l.Value), l.Omitted)}
	if l.Omitted > 0 {
		v.Unreadable = "too large to be kept: its topic has it, as long as it keeps it"
	} else if v.Decoded, err = s.ViewLetter(l.Origin.Topic, l.Value); err != nil {
		v.Unreadable = err.Error()
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// letterFigures counts them.
func (s *Server) letterFigures(c *gin.Context) error {
	f, err := s.Letters.LetterFigures(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"statistics": f, "retry_success_rate": rate(f.Retried, f.Redriven), "topics": s.LetterTopics})
	return nil
}

// rate is a part of all; nil of none.
func rate(part, all int64) *float64 {
	if all == 0 {
		return nil
	}
	return new(float64(part) / float64(all))
}

// refuseEdit says why a dead letter cannot be changed.
func (s *Server) refuseEdit(c *gin.Context) error {
	c.Header("Allow", http.MethodGet)
	return newProblem(http.StatusMethodNotAllowed, "edit_refused", "a message says what happened, and is not changed afterwards: mend its reader and retry it, or discard it")
}

// decideLetter returns the handler of a decision that has a reason.
func (s *Server) decideLetter(verb string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		reason, err := neededReason(c)
		if err != nil {
			return err
		}
		do := map[string]func(ctx context.Context, id, by, reason string) (execution.Letter, error){
			"discard": s.LetterMoves.DiscardLetter, "archive": s.LetterMoves.ArchiveLetter, "restore": s.LetterMoves.RestoreLetter,
		}[verb]
		l, err := do(c.Request.Context(), c.Param("id"), c.GetString("user"), reason)
		if err != nil {
			return err
		}
		if verb != "restore" { // who waits behind it need not any more, nor its workflow
			s.wakeLetters(c.Request.Context(), l.ID)
		}
		s.Log.InfoContext(c.Request.Context(), "dead letter: "+verb, "letter", l.ID, "reason", reason, "user", c.GetString("user"), "correlation_id", correlation(c))
		c.JSON(http.StatusOK, without(l))
		return nil
	}
}
