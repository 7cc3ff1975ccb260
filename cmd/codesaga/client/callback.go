package client

import (
	"context"
	"fmt"
	"time"
)

// delivery is one attempt to tell a callback, as the API shows it.
type delivery struct {
	Number     int       `json:"number"`
	At         time.Time `json:"at"`
	Seconds    float64   `json:"seconds"`
	StatusCode int       `json:"status_code"`
	Failure    string    `json:"failure"` // empty: it was delivered
}

// doCallback shows how the callback of a run was delivered.
func doCallback(ctx context.Context, c *call, args []string) error {
	var p struct {
		Items []delivery `json:"items"`
	}
	show, err := c.one(ctx, args, func(id string) string { return executionPath(id, "/callback") }, &p)
	if err != nil || !show {
		return err
	}
	rows := [][]string{{"ATTEMPT", "TIME", "TOOK", "STATUS", "RESULT"}}
	for _, d := range p.Items {
		status, result := "", d.Failure
		if d.StatusCode > 0 {
			status = fmt.Sprint(d.StatusCode)
		}
		if result == "" {
			result = "delivered"
		}
		rows = append(rows, []string{fmt.Sprint(d.Number), stamp(&d.At), secondsText(d.Seconds), status, result})
	}
	return c.printTable(rows)
}

// doRedeliver asks for the callback of a run to be delivered again.
func doRedeliver(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, executionPath(rest[0], "/callback/redeliver"), nil)
}
