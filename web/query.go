package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// query reads the parameters of a request and gathers what is wrong with them.
type query struct {
	c     *gin.Context
	wrong execution.FieldErrors
}

// err is all that was wrong, or nil.
func (q *query) err() error {
	if len(q.wrong) > 0 {
		return q.wrong
	}
	return nil
}

func (q *query) refuse(name, rule string) {
	q.wrong = append(q.wrong, execution.FieldError{Field: name, Rule: rule})
}

// number is a whole number of low to high; without is what it is if nothing
// is asked for.
func (q *query) number(name string, low, high, without int) int {
	text, ok := q.c.GetQuery(name)
	if !ok {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		q.refuse(name, fmt.Sprintf("%d..%d", low, high))
	}
	return n
}

// time is a time in RFC 3339.
func (q *query) time(name string) (t time.Time) {
	text := q.c.Query(name)
	if text == "" {
		return t
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.refuse(name, "a time such as 2026-08-01T12:00:00Z")
	}
	return t.UTC()
}

// pair is a name and a value, with = between.
func (q *query) pair(name string) (p execution.Pair) {
	text := q.c.Query(name)
	if text == "" {
		return p
	}
	var ok bool
	if p.Name, p.Value, ok = strings.Cut(text, "="); !ok || p.Name == "" {
		q.refuse(name, "name=value")
	}
	return p
}

var statuses = []execution.Status{
	execution.Queued, execution.Scheduled, execution.Running,
	execution.Completed, execution.Failed, execution.TimedOut, execution.Cancelled, execution.Errored,
}

// flag is true or false, and that if nothing is asked for.
func (q *query) flag(name string) bool {
	text := q.c.Query(name)
	if text != "" && text != "true" && text != "false" {
		q.refuse(name, "true or false")
	}
	return text == "true"
}

// priority is one of all.
func (q *query) priority(name string) execution.Priority {
	p := execution.Priority(q.c.Query(name))
	if p != "" && p.Level() == 0 {
		q.refuse(name, "one of critical, high, normal, low, background")
	}
	return p
}

// status is one of all.
func (q *query) status(name string) execution.Status {
	st := execution.Status(q.c.Query(name))
	if st != "" && !slices.Contains(statuses, st) {
		q.refuse(name, fmt.Sprintf("one of %v", statuses))
	}
	return st
}
