package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/codesaga/codesaga/execution"
)

// send sends v under one key, until the server has taken or refused it, and
// decodes the answer into answer, unless that is nil.
func (c *call) send(ctx context.Context, method, path string, v, answer any) error {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return err
		}
	}
	key := string(execution.NewID())
	return soon(ctx, func() error {
		return c.api.ask(ctx, method, path, body, answer, "Idempotency-Key", key)
	})
}

// post is send of what has no answer that matters.
func (c *call) post(ctx context.Context, path string, v any) error {
	return c.send(ctx, http.MethodPost, path, v, nil)
}

// doRetry begins a run anew, and may stay with that to its end.
func doRetry(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	follow := fs.Bool("follow", false, "stream the output of the new run, and exit as it does")
	asJSON := fs.Bool("json", false, jsonHelp)
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	var x view
	c.submitted.Store(*follow)
	if err := c.send(ctx, http.MethodPost, executionPath(rest[0], "/retry"), nil, &x); err != nil {
		return err
	}
	if !*follow {
		return c.printDetached(x, *asJSON)
	}
	s := c.screen(false)
	s.note("retried as " + string(x.ID))
	f := runFlags{json: *asJSON}
	f.Interactive = x.Interactive
	return c.stay(ctx, string(x.ID), f, s)
}
