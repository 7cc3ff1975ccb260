package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/codesaga/codesaga/execution"
)

// doLettersPolicies lists the policies of retries.
func doLettersPolicies(ctx context.Context, c *call, args []string) error {
	var v struct {
		Items []execution.RedrivePolicy `json:"items"`
	}
	show, err := c.whole(ctx, c.flags(), args, "/admin/letters/policies", &v)
	if err != nil || !show {
		return err
	}
	rows := [][]string{{"POLICY", "STRATEGY", "RETRIES", "DELAY", "SET BY"}}
	for _, p := range v.Items {
		delay := ""
		switch p.Strategy {
		case execution.RedriveFixed:
			delay = secondsText(p.Initial)
		case execution.RedriveExponential:
			delay = fmt.Sprintf("%s to %s, ×%s", secondsText(p.Initial), secondsText(p.Max), figure(p.Multiplier))
		case execution.RedriveScheduled:
			delay = p.At + " UTC"
		}
		rows = append(rows, []string{p.ID, string(p.Strategy), fmt.Sprint(p.MaxRetries), delay, p.By})
	}
	return c.printTable(rows)
}

// doLettersPolicy sets one.
func doLettersPolicy(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var p execution.RedrivePolicy
	fs.StringVar(&p.Topic, "topic", "", "letters from this `TOPIC`")
	fs.StringVar(&p.Type, "type", "", "events of this `TYPE`, or that begin so: 'pod_*'")
	fs.StringVar(&p.Class, "class", "", "letters with this `CLASS` of errors")
	fs.IntVar(&p.MaxRetries, "max-retries", 5, "`N` retries, then a letter is parked, 0 to 20")
	fs.Float64Var(&p.Initial, "initial", 30, "`SECONDS` before the first retry")
	fs.Float64Var(&p.Max, "max", 300, "`SECONDS` before a retry, at most")
	fs.Float64Var(&p.Multiplier, "multiplier", 2, "how much longer each waits than the one before")
	fs.StringVar(&p.At, "at", "", "`TIME` of day in UTC, of the strategy scheduled: 03:30")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	p.Strategy = execution.RedriveStrategy(rest[0])
	return c.send(ctx, http.MethodPut, "/admin/letters/policies", p, nil)
}

// doLettersUnset goes back to the default.
func doLettersUnset(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodDelete, "/admin/letters/policies/"+url.PathEscape(rest[0]), nil, nil)
}
