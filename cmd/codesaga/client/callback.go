package client

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// delivery is one attempt to tell a callback, as the API shows it.
type delivery struct {
	Number     int       `json:"number"`
	Delivery   int       `json:"delivery"` // more than 1: it was asked for
	At         time.Time `json:"at"`
	Seconds    float64   `json:"seconds"`
	StatusCode *int64    `json:"status_code"` // nil: there was no answer
	Failure    string    `json:"failure"`     // empty: it was delivered
}

// doCallback shows how the callback of a run was delivered.
func doCallback(ctx context.Context, c *call, args []string) error {
	var p struct {
		URL   string     `json:"url"`
		State string     `json:"state"`
		Items []delivery `json:"items"`
	}
	show, err := c.one(ctx, args, func(id string) string { return executionPath(id, "/callback") }, &p)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("url", p.URL)
	f.add("state", cmp.Or(p.State, "none"))
	rows := [][]string{{"ATTEMPT", "DELIVERY", "TIME", "TOOK", "STATUS", "RESULT"}}
	for _, d := range p.Items {
		result := d.Failure
		if result == "" {
			result = "delivered"
		}
		status := measured(d.StatusCode, func(n int64) string { return fmt.Sprint(n) })
		rows = append(rows, []string{fmt.Sprint(d.Number), fmt.Sprint(d.Delivery), stamp(&d.At), secondsText(d.Seconds), status, result})
	}
	return c.printTables(f, rows)
}

// doRedeliver asks for the callback of a run to be delivered again.
func doRedeliver(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, executionPath(rest[0], "/callback/redeliver"), nil)
}
