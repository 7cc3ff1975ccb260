package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/codesaga/codesaga/execution"
)

// lettersAtOnce is how many letters one request asks for: its answer is there in
// a second or two.
const lettersAtOnce = 200

// letterRetry asks for the redrive of letters.
type letterRetry struct {
	IDs    []string       `json:"ids,omitempty"`
	Filter map[string]any `json:"filter,omitzero"` // an empty one chooses all that wait
	DryRun bool           `json:"dry_run,omitempty"`
	Limit  int            `json:"limit,omitempty"`
	Cursor string         `json:"cursor,omitempty"`
}

// doLettersRetry has letters redriven now: those that are named, or that flags
// choose.
func doLettersRetry(ctx context.Context, c *call, args []string) error {
	fs, query := c.flags(), url.Values{}
	letterFilters(fs, query)
	all := fs.Bool("all", false, "all letters that wait")
	dry := fs.Bool("dry-run", false, "only show which those are")
	asJSON := fs.Bool("json", false, jsonHelp)
	const most = 1000
	ids, err := c.parseMixed(fs, args, 0, most)
	if err != nil {
		return err
	}
	switch chosen := len(query) > 0 || *all; {
	case len(ids) > 0 && chosen, len(ids) == 0 && !chosen:
		return usagef("letters retry: name letters, or say which by flags, or --all")
	case len(ids) == 1 && !*dry && !*asJSON:
		return c.post(ctx, letterPath(ids[0], "/retry"), nil)
	}
	report, err := c.retryLetters(ctx, ids, choiceOf(query), *dry)
	if err != nil {
		return err
	}
	if err := c.printReport(report, *asJSON); err != nil {
		return err
	}
	if report.Failed > 0 {
		return exitCode(exitFailed)
	}
	return nil
}

// choiceOf is query as the filter of a body.
func choiceOf(query url.Values) map[string]any {
	choice := map[string]any{}
	for name, values := range query {
		choice[name] = values[0]
		switch name {
		case "status":
			choice[name] = values
		case "older_than_seconds":
			choice[name], _ = strconv.Atoi(values[0]) // the flag has made it
		}
	}
	return choice
}

// retryLetters asks for all of ids, or of what filter chooses, in parts.
func (c *call) retryLetters(ctx context.Context, ids []string, filter map[string]any, dry bool) (all execution.RedriveReport, err error) {
	all.Details = []execution.RedriveOutcome{}
	b := letterRetry{DryRun: dry}
	if len(ids) == 0 {
		b.Filter, b.Limit = filter, lettersAtOnce
	}
	for {
		if b.Filter == nil {
			n := min(len(ids), lettersAtOnce)
			b.IDs, ids = ids[:n], ids[n:]
		}
		var part struct {
			execution.RedriveReport
			Next *string `json:"next_cursor"`
		}
		if err := c.send(ctx, http.MethodPost, "/admin/letters/retry", b, &part); err != nil {
			return all, err
		}
		all.Total, all.Successful, all.Failed = all.Total+part.Total, all.Successful+part.Successful, all.Failed+part.Failed
		all.Details = append(all.Details, part.Details...)
		switch {
		case b.Filter == nil && len(ids) == 0, b.Filter != nil && (part.Next == nil || *part.Next == ""):
			return all, nil
		case b.Filter != nil:
			b.Cursor = *part.Next
		}
	}
}

// printReport prints what became of each.
func (c *call) printReport(r execution.RedriveReport, asJSON bool) error {
	if asJSON {
		return c.printAny(r)
	}
	rows := [][]string{{"ID", "STATUS", "ERROR"}}
	for _, d := range r.Details {
		rows = append(rows, []string{d.ID, string(d.Status), d.Error})
	}
	return c.printTables([][]string{{"letters", fmt.Sprint(r.Total)}, {"successful", fmt.Sprint(r.Successful)}, {"failed", fmt.Sprint(r.Failed)}}, rows)
}
