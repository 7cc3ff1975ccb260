package client

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

const (
	defaultRows = 50
	maxPage     = 200 // rows that the server gives at once
)

// listing is a command that shows a list: what is asked for, and how much.
type listing struct {
	path  string
	query url.Values
	limit int
	all   bool
	json  bool
}

// define adds the flags of all lists.
func (l *listing) define(fs *flag.FlagSet, what string) {
	l.query = url.Values{}
	fs.IntVar(&l.limit, "limit", defaultRows, "at most `N` "+what)
	fs.BoolVar(&l.all, "all", false, "all "+what)
	fs.BoolVar(&l.json, "json", false, jsonHelp)
}

// filter adds a flag whose value goes into the query, as param.
func (l *listing) filter(fs *flag.FlagSet, name, param, help string) {
	fs.Func(name, help, func(value string) error {
		if l.query.Del(param); value != "" {
			l.query.Set(param, value)
		}
		return nil
	})
}

// page is a part of a list.
type page struct {
	Items  []json.RawMessage `json:"items"`
	Cursor *string           `json:"next_cursor"` // nil: there is no more
}

// read reads pages until there is what l wants. It reports whether that is left
// to show: who wants JSON has been served with it.
func (l *listing) read(ctx context.Context, c *call) (items []json.RawMessage, show bool, err error) {
	if l.limit < 1 {
		return nil, false, usagef("%s: --limit must be at least 1", c.cmd.Name)
	}
	if l.all {
		l.limit = -1
	}
	p, err := c.pages(ctx, l.path, l.query, l.limit)
	if err != nil {
		return nil, false, err
	}
	if l.json {
		return nil, false, c.printAny(p)
	}
	return p.Items, true, nil
}

// pages reads until it has limit rows; all of them if limit is negative.
func (c *call) pages(ctx context.Context, path string, query url.Values, limit int) (page, error) {
	all := page{Items: []json.RawMessage{}}
	for {
		size := maxPage
		if limit >= 0 {
			size = min(size, limit-len(all.Items))
		}
		query.Set("limit", strconv.Itoa(size))
		var p page
		if err := c.api.get(ctx, path+"?"+query.Encode(), &p); err != nil {
			return all, err
		}
		all.Items, all.Cursor = append(all.Items, p.Items...), p.Cursor
		if p.Cursor == nil || *p.Cursor == "" || len(p.Items) == 0 || limit >= 0 && len(all.Items) >= limit {
			return all, nil
		}
		query.Set("cursor", *p.Cursor)
	}
}

// each decodes items and adds what row makes of each to a table under head.
func each[T any](items []json.RawMessage, head []string, row func(T) []string) ([][]string, error) {
	rows := [][]string{head}
	for _, raw := range items {
		var item T
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, fmt.Errorf("a row of the list: %w", err)
		}
		rows = append(rows, row(item))
	}
	return rows, nil
}

// doList shows runs.
func doList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/executions"}
	l.define(fs, "runs")
	l.filter(fs, "status", "status", "only runs of this `STATUS`")
	l.filter(fs, "language", "language", "only runs in this language, by its `ID`")
	l.filter(fs, "label", "label", "only runs with this label, `NAME=VALUE`")
	l.filter(fs, "batch", "batch_id", "only runs of the batch `ID`")
	l.filter(fs, "parent", "parent_id", "only retries of the run `ID`")
	l.filter(fs, "schedule", "schedule_id", "only runs of the schedule `ID`")
	l.filter(fs, "pool", "pool", "only runs in this `POOL` (operators)")
	l.filter(fs, "priority", "priority", "only runs of this `PRIORITY` (operators)")
	l.filter(fs, "user", "user_id", "only runs of this `USER` (operators)")
	everybody := fs.Bool("all-users", false, "runs of all users (operators)")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	if *everybody {
		l.query.Set("all", "true")
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	now, head := time.Now(), []string{"ID", "STATUS", "LANGUAGE", "AGE", "DURATION", "EXIT"}
	if *everybody {
		head = append(head, "USER", "POOL")
	}
	rows, err := each(items, head, func(x view) []string {
		row := x.row(now)
		if *everybody {
			row = append(row, x.UserID, x.Pool)
		}
		return row
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}
