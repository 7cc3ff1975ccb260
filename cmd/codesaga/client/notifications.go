package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// doNotificationsList lists what the user was told.
func doNotificationsList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/notifications", most: 100}
	l.define(fs, "notices")
	unread := fs.Bool("unread", false, "only what was not read")
	filter(fs, l.query, "tag", "tag", "only notices with this `TAG`, such as failed or exec:ID; a * at its end stands for anything")
	filter(fs, l.query, "severity", "severity", "only notices of this `SEVERITY`: low, medium, high or urgent")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	if *unread {
		l.query.Set("unread", "true")
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, []string{"ID", "SEVERITY", "AGE", "READ", "SUBJECT", "BODY", "RUN"}, func(n execution.Notice) []string {
		read := ""
		if !n.Read.IsZero() {
			read = "yes"
		}
		return []string{n.ID, string(n.Severity), age(time.Since(n.At)), read, n.Subject, n.Body, string(n.ExecutionID)}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doNotificationsRead notes that one, or all, were read.
func doNotificationsRead(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	all := fs.Bool("all", false, "all of them")
	rest, err := c.parseMixed(fs, args, 0, 1)
	if err != nil {
		return err
	}
	if *all == (len(rest) == 1) {
		return usagef("%s: say which notice, or --all", c.cmd.Name)
	}
	if *all {
		return c.post(ctx, "/notifications/read-all", nil)
	}
	return c.post(ctx, "/notifications/"+url.PathEscape(rest[0])+"/read", nil)
}

// doNotificationsDelete deletes one.
func doNotificationsDelete(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodDelete, "/notifications/"+url.PathEscape(rest[0]), nil, nil)
}

// doNotificationsWatch prints notices as they come, until it is interrupted.
func doNotificationsWatch(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, "print each as JSON, one a line")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	s := c.screen(false)
	w := stream{api: c.api, path: "/notifications/stream", again: "notifications watch", stage: s.stage, over: func() bool { return false }}
	w.take = func(fr frame) error {
		var n execution.Notice
		switch {
		case fr.event != "notification":
			return nil
		case *asJSON:
			return c.printf("%s\n", fr.data)
		}
		if err := json.Unmarshal(fr.data, &n); err != nil {
			return fatalError{fmt.Errorf("a notice: %w", err)}
		}
		return c.printf("%s  %-6s  %s: %s\n", stamp(&n.At), n.Severity, oneLine(n.Subject), oneLine(n.Body))
	}
	err := w.read(ctx)
	s.close(err != nil)
	return err
}
