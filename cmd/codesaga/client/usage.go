package client

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

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
	fs := c.flags()
	query := url.Values{}
	set := func(name, param, help string) {
		fs.Func(name, help, func(value string) error { query.Set(param, value); return nil })
	}
	set("from", "from", "`TIME` of the first runs, such as 2026-08-01T00:00:00Z")
	set("to", "to", "`TIME` before which the last runs were")
	set("group-by", "group_by", "`WHAT` a row is for: day, language or user")
	asCSV := fs.Bool("csv", false, "print comma-separated values")
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	if *asCSV && *asJSON {
		return usagef("usage: --csv and --json exclude each other")
	}
	path := "/usage"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, path, &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var p struct {
		GroupBy string     `json:"group_by"`
		Items   []usageRow `json:"items"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	rows := usageRows(p.GroupBy, p.Items)
	if *asCSV {
		return c.printCSV(rows)
	}
	for i := range rows[0] {
		rows[0][i] = strings.ToUpper(strings.ReplaceAll(rows[0][i], "_", " "))
	}
	return c.printTable(rows)
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
	head := []string{by, "runs"}
	for _, status := range statuses {
		head = append(head, string(status))
	}
	rows := [][]string{append(head, "cpu_seconds", "gib_seconds", "queue_seconds", "wall_seconds")}
	for _, u := range items {
		row := []string{u.Key, fmt.Sprint(u.Runs)}
		for _, status := range statuses {
			row = append(row, fmt.Sprint(u.ByStatus[status]))
		}
		rows = append(rows, append(row, figure(u.CPU), figure(u.GiB), figure(u.Queue), figure(u.Wall)))
	}
	return rows
}

// printCSV writes rows as RFC 4180 has it.
func (c *call) printCSV(rows [][]string) error {
	w := csv.NewWriter(c.Stdout)
	for _, row := range rows {
		for i := range row {
			row[i] = oneLine(row[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
