package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

// doGet shows one run.
func doGet(ctx context.Context, c *call, args []string) error {
	var x view
	show, err := c.one(ctx, args, func(id string) string { return executionPath(id, "") }, &x)
	if err != nil || !show {
		return err
	}
	return c.printTable(x.describe())
}

// doEvents shows what happened to a run.
func doEvents(ctx context.Context, c *call, args []string) error {
	var p struct {
		Items []execution.Event `json:"items"`
	}
	show, err := c.one(ctx, args, func(id string) string { return executionPath(id, "/events") }, &p)
	if err != nil || !show {
		return err
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
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
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
