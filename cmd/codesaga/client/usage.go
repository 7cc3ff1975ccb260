package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// usualPeriod is what a report is about if nothing else is asked for.
const usualPeriod = 30 * 24 * time.Hour

// usageRow is what the runs of a day, a language or a user took.
type usageRow struct {
	Key      string                     `json:"key"`
	Runs     int64                      `json:"runs"`
	ByStatus map[execution.Status]int64 `json:"by_status"`
	CPU      float64                    `json:"cpu_seconds"`
	GiB      float64                    `json:"gib_seconds"`
	Queue    float64                    `json:"queue_seconds"`
	Wall     float64                    `json:"wall_seconds"`
}

// doUsage reports what runs took.
func doUsage(ctx context.Context, c *call, args []string) error {
	fs, query := c.flags(), url.Values{}
	fs.Func("from", "`TIME` of the end of the first runs, such as 2026-08-01 (default 30 days before --to)", day(query, "from"))
	fs.Func("to", "`TIME` before which the last runs ended (default the end of today)", day(query, "to"))
	filter(fs, query, "group-by", "group_by", "`WHAT` a row is for: day (default), language, or user (operators)")
	whose(fs, query)
	asCSV := fs.Bool("csv", false, "print comma-separated values")
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	period(query, time.Now())
	switch path := "/usage?" + query.Encode(); {
	case *asCSV && *asJSON:
		return usagef("usage: --csv and --json exclude each other")
	case *asCSV:
		return c.usageCSV(ctx, path)
	default:
		return c.usage(ctx, path, *asJSON)
	}
}

// day is a flag that is a day in UTC, or a time.
func day(query url.Values, param string) func(string) error {
	return func(s string) error {
		at, err := moment(s)
		if err == nil {
			query.Set(param, at.UTC().Format(time.RFC3339))
		}
		return err
	}
}

// moment is the time that s, which may be a day, says.
func moment(s string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		at, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		return at, errors.New("must be a day such as 2026-08-01, or a time such as 2026-08-01T12:00:00Z")
	}
	return at, nil
}

// period completes the period of a report.
func period(query url.Values, now time.Time) {
	if !query.Has("to") {
		query.Set("to", now.UTC().Truncate(24*time.Hour).Add(24*time.Hour).Format(time.RFC3339))
	}
	if to, err := time.Parse(time.RFC3339, query.Get("to")); err == nil && !query.Has("from") {
		query.Set("from", to.Add(-usualPeriod).Format(time.RFC3339))
	}
}

func (c *call) usage(ctx context.Context, path string, asJSON bool) error {
	var raw json.RawMessage
	if err := c.api.get(ctx, path, &raw); err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(raw)
	}
	var p struct {
		GroupBy string     `json:"group_by"`
		Items   []usageRow `json:"items"`
		Total   usageRow   `json:"total"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	return c.printTable(usageRows(p.GroupBy, append(p.Items, p.Total)))
}

// usageRows is a table with a column for each status that there is.
func usageRows(by string, items []usageRow) [][]string {
	seen := map[execution.Status]bool{}
	for _, u := range items {
		for status := range u.ByStatus {
			seen[status] = true
		}
	}
	statuses := slices.Sorted(maps.Keys(seen))
	head := []string{strings.ToUpper(by), "RUNS"}
	for _, status := range statuses {
		head = append(head, strings.ToUpper(string(status)))
	}
	rows := [][]string{append(head, "CPU SECONDS", "GIB SECONDS", "QUEUE SECONDS", "WALL SECONDS")}
	for _, u := range items {
		row := []string{u.Key, fmt.Sprint(u.Runs)}
		for _, status := range statuses {
			row = append(row, fmt.Sprint(u.ByStatus[status]))
		}
		rows = append(rows, append(row, figure(u.CPU), figure(u.GiB), figure(u.Queue), figure(u.Wall)))
	}
	return rows
}

// usageCSV prints what the server makes of that, line by line.
func (c *call) usageCSV(ctx context.Context, path string) error {
	ctx, stop := context.WithTimeoutCause(ctx, answerWithin, errors.New("no answer"))
	defer stop()
	resp, err := c.api.open(ctx, http.MethodGet, path, nil, "Accept", "text/csv")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.api.unreachable(err)
	}
	for line := range strings.Lines(string(text)) {
		if err := c.printf("%s\n", oneLine(line)); err != nil {
			return err
		}
	}
	return nil
}
