package client

import (
	"cmp"
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
	most  int // rows that the server gives at once; 0: maxPage
	query url.Values
	limit int
	all   bool
	json  bool
}

// define adds the flags of all lists.
func (l *listing) define(fs *flag.FlagSet, what string) {
	l.query, l.most = url.Values{}, cmp.Or(l.most, maxPage)
	fs.IntVar(&l.limit, "limit", defaultRows, "at most `N` "+what)
	fs.BoolVar(&l.all, "all", false, "all "+what)
	fs.BoolVar(&l.json, "json", false, jsonHelp)
}

// filter adds a flag whose value goes into the query, as param.
func filter(fs *flag.FlagSet, query url.Values, name, param, help string) {
	fs.Func(name, help, func(value string) error {
		if query.Del(param); value != "" {
			query.Set(param, value)
		}
		return nil
	})
}

// whose adds the flags by which operators see what belongs to others.
func whose(fs *flag.FlagSet, query url.Values) {
	filter(fs, query, "user", "user_id", "what belongs to this `USER` (operators)")
	fs.BoolFunc("all-users", "what belongs to any user (operators)", func(value string) error {
		all, err := strconv.ParseBool(value)
		if query.Del("all"); all {
			query.Set("all", "true")
		}
		return err
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
	p, err := c.pages(ctx, *l)
	if err != nil {
		return nil, false, err
	}
	if l.json {
		return nil, false, c.printAny(p)
	}
	return p.Items, true, nil
}

// pages reads until it has as many rows as l may have; all of them if that is
// negative.
func (c *call) pages(ctx context.Context, l listing) (page, error) {
	all := page{Items: []json.RawMessage{}}
	for {
		size := l.most
		if l.limit >= 0 {
			size = min(size, l.limit-len(all.Items))
		}
		l.query.Set("limit", strconv.Itoa(size))
		var p page
		if err := c.api.get(ctx, l.path+"?"+l.query.Encode(), &p); err != nil {
			return all, err
		}
		all.Items, all.Cursor = append(all.Items, p.Items...), p.Cursor
		if p.Cursor == nil || *p.Cursor == "" || len(p.Items) == 0 || l.limit >= 0 && len(all.Items) >= l.limit {
			return all, nil
		}
		l.query.Set("cursor", *p.Cursor)
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
	filter(fs, l.query, "status", "status", "only runs of this `STATUS`")
	filter(fs, l.query, "language", "language", "only runs in this language, by its `ID`")
	filter(fs, l.query, "label", "label", "only runs with this label, `NAME=VALUE`")
	filter(fs, l.query, "batch", "batch_id", "only runs of the batch `ID`")
	filter(fs, l.query, "parent", "parent_id", "only retries of the run `ID`")
	filter(fs, l.query, "schedule", "schedule_id", "only runs of the schedule `ID`")
	filter(fs, l.query, "pool", "pool", "only runs in this `POOL` (operators)")
	filter(fs, l.query, "priority", "priority", "only runs of this `PRIORITY` (operators)")
	whose(fs, l.query)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	everybody := l.query.Has("all")
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	now, head := time.Now(), []string{"ID", "STATUS", "LANGUAGE", "AGE", "DURATION", "EXIT"}
	if everybody {
		head = append(head, "USER", "POOL")
	}
	rows, err := each(items, head, func(x view) []string {
		row := x.row(now)
		if everybody {
			row = append(row, x.UserID, x.Pool)
		}
		return row
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}
