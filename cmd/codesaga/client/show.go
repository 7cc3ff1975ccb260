package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const (
	defaultRows = 50
	maxPage     = 200 // rows that the server gives at once
)

// printf writes to stdout.
func (c *call) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Stdout, format, args...)
	return err
}

// printJSON writes raw, indented.
func (c *call) printJSON(raw json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	return c.printf("%s\n", b.Bytes())
}

// printTable writes rows in columns.
func (c *call) printTable(rows [][]string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if row[i] = oneLine(cell); row[i] == "" {
				row[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if err := c.printf("%s\n", strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// one asks for what is at path below the run that args name. Who wants JSON has
// been served with that, and nil is returned.
func (c *call) one(ctx context.Context, args []string, path string) (raw json.RawMessage, err error) {
	fs := c.flags()
	asJSON := fs.Bool("json", false, "print JSON, as the API gives it")
	ids, err := c.parseMixed(fs, args, 1)
	if err != nil {
		return nil, err
	}
	if err := c.api.get(ctx, executionPath(ids[0], path), &raw); err != nil {
		return nil, err
	}
	if *asJSON {
		return nil, c.printJSON(raw)
	}
	return raw, nil
}

// doGet shows one run.
func doGet(ctx context.Context, c *call, args []string) error {
	raw, err := c.one(ctx, args, "")
	if err != nil || raw == nil {
		return err
	}
	x, err := viewOf(raw)
	if err != nil {
		return err
	}
	return c.printTable(x.describe())
}

// doList shows runs.
func doList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	status := fs.String("status", "", "only runs of this `STATUS`")
	language := fs.String("language", "", "only runs in this language, by its `ID`")
	limit := fs.Int("limit", defaultRows, "at most `N` runs")
	all := fs.Bool("all", false, "all runs")
	asJSON := fs.Bool("json", false, "print JSON, as the API gives it")
	if _, err := c.parseMixed(fs, args, 0); err != nil {
		return err
	}
	if *limit < 1 {
		return usagef("list: --limit must be at least 1")
	}
	if *all {
		*limit = -1
	}
	query := url.Values{}
	for name, value := range map[string]string{"status": *status, "language": *language} {
		if value != "" {
			query.Set(name, value)
		}
	}
	p, err := c.runs(ctx, query, *limit)
	if err != nil {
		return err
	}
	if *asJSON {
		raw, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return c.printJSON(raw)
	}
	return c.printRuns(p)
}

// page is a part of a list.
type page struct {
	Items  []json.RawMessage `json:"items"`
	Cursor *string           `json:"next_cursor"` // nil: there is no more
}

// runs reads pages until it has limit runs; all of them if limit is negative.
func (c *call) runs(ctx context.Context, query url.Values, limit int) (page, error) {
	all := page{Items: []json.RawMessage{}}
	for {
		size := maxPage
		if limit >= 0 {
			size = min(size, limit-len(all.Items))
		}
		query.Set("limit", strconv.Itoa(size))
		var p page
		if err := c.api.get(ctx, "/executions?"+query.Encode(), &p); err != nil {
			return all, err
		}
		all.Items, all.Cursor = append(all.Items, p.Items...), p.Cursor
		if p.Cursor == nil || *p.Cursor == "" || len(p.Items) == 0 || limit >= 0 && len(all.Items) >= limit {
			return all, nil
		}
		query.Set("cursor", *p.Cursor)
	}
}

func (c *call) printRuns(p page) error {
	rows := [][]string{{"ID", "STATUS", "LANGUAGE", "AGE", "DURATION", "EXIT"}}
	for _, raw := range p.Items {
		x, err := viewOf(raw)
		if err != nil {
			return err
		}
		rows = append(rows, x.row(time.Now()))
	}
	return c.printTable(rows)
}

// doEvents shows what happened to a run.
func doEvents(ctx context.Context, c *call, args []string) error {
	raw, err := c.one(ctx, args, "/events")
	if err != nil || raw == nil {
		return err
	}
	var p struct {
		Items []execution.Event `json:"items"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	rows := [][]string{{"TIME", "SINCE START", "SOURCE", "EVENT", "DETAIL"}}
	for _, e := range p.Items {
		rows = append(rows, []string{
			e.At.UTC().Format("2006-01-02T15:04:05.000Z"), seconds(e.At.Sub(p.Items[0].At)), e.Source, string(e.Type), detail(e),
		})
	}
	return c.printTable(rows)
}

// doLanguages shows what scripts can be in.
func doLanguages(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, "print JSON, as the API gives it")
	if _, err := c.parseMixed(fs, args, 0); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, "/languages", &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var p struct {
		Items []language `json:"items"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("languages: %w", err)
	}
	rows := [][]string{{"ID", "NAME", "VERSIONS", "SUFFIX", "ALIASES"}}
	for _, l := range p.Items {
		rows = append(rows, []string{l.ID, l.Name, strings.Join(l.Versions, ", "), l.FileExtension, strings.Join(l.Aliases, ", ")})
	}
	return c.printTable(rows)
}
