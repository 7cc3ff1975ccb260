package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// doSaga shows what the saga of a run did, and how that was undone.
func doSaga(ctx context.Context, c *call, args []string) error {
	var v execution.SagaView
	show, err := c.one(ctx, args, func(id string) string { return executionPath(id, "/saga") }, &v)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("execution", string(v.ExecutionID))
	f.add("user", v.UserID)
	f.add("state", v.State)
	f.add("current step", v.CurrentStep)
	f.add("failed step", v.FailedStep)
	f.add("error", v.Error)
	f.add("started", stamp(&v.StartedAt))
	f.add("closed", stamp(v.ClosedAt))
	steps := [][]string{{"STEP", "STATE", "ATTEMPTS", "SINCE START", "TOOK", "UNDONE", "ERROR"}}
	for _, s := range v.Steps {
		steps = append(steps, []string{s.Name, s.State, fmt.Sprint(s.Attempts), since(v.StartedAt, &s.StartedAt), since(s.StartedAt, s.EndedAt), since(v.StartedAt, s.UndoneAt), s.Error})
	}
	heard := [][]string{{"FACT", "SINCE START"}}
	for _, h := range v.Facts {
		heard = append(heard, []string{string(h.Fact), since(v.StartedAt, &h.At)})
	}
	return c.printTables(f, steps, heard)
}

// since is the time from one moment to another, if there is that one.
func since(from time.Time, to *time.Time) string {
	if to == nil || to.IsZero() {
		return ""
	}
	return seconds(to.Sub(from))
}

// printTables prints those tables that have more than a head.
func (c *call) printTables(first [][]string, more ...[][]string) error {
	if err := c.printTable(first); err != nil {
		return err
	}
	for _, rows := range more {
		if len(rows) < 2 {
			continue
		}
		if err := c.printf("\n"); err != nil {
			return err
		}
		if err := c.printTable(rows); err != nil {
			return err
		}
	}
	return nil
}

// doSagas lists sagas.
func doSagas(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/sagas"}
	l.define(fs, "sagas")
	filter(fs, l.query, "state", "state", "only sagas in this `STATE`: "+strings.Join(sagaStates, ", "))
	filter(fs, l.query, "user", "user_id", "only sagas of this `USER` (operators)")
	filter(fs, l.query, "execution", "execution_id", "only the saga of the run `ID`")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	now := time.Now()
	rows, err := each(items, []string{"EXECUTION", "STATE", "LANGUAGE", "POOL", "PRIORITY", "USER", "AGE", "TOOK"}, func(s sagaRow) []string {
		return []string{s.ExecutionID, s.State, s.Language, s.Pool, s.Priority, s.UserID, age(now.Sub(s.StartedAt)), since(s.StartedAt, s.ClosedAt)}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// sagaStates are those that a saga can be in.
var sagaStates = []string{"created", "running", "compensating", "completed", "failed", "timeout", "cancelled"}

// sagaRow is a saga in a list.
type sagaRow struct {
	ExecutionID string     `json:"execution_id"`
	UserID      string     `json:"user_id"`
	State       string     `json:"state"`
	Language    string     `json:"language"`
	Pool        string     `json:"pool"`
	Priority    string     `json:"priority"`
	StartedAt   time.Time  `json:"started_at"`
	ClosedAt    *time.Time `json:"closed_at"`
}

// doRetryStep lets a step that waits for another attempt have it now.
func doRetryStep(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, "/sagas/"+url.PathEscape(rest[0])+"/retry-step", nil)
}
