package client

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

// doInput sends a file, or what stdin gives as it comes, to a run.
func doInput(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	end := fs.Bool("close", false, "then end the script's stdin")
	rest, err := c.parseMixed(fs, args, 1, 2)
	if err != nil {
		return err
	}
	id := rest[0]
	var in io.Reader
	switch {
	case len(rest) == 2 && rest[1] != "-":
		f, err := os.Open(rest[1])
		if err != nil {
			return usagef("%v", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	case len(rest) == 2 || !*end:
		in = c.Stdin
	default:
		in = strings.NewReader("")
	}
	for p := range pieces(ctx, in) {
		if p.err != nil {
			return usagef("%v", p.err)
		}
		if err := c.api.send(ctx, id, feedOf(p.data), soon); err != nil {
			return err
		}
	}
	if *end && ctx.Err() == nil {
		return c.api.send(ctx, id, feed{Close: true}, soon)
	}
	return ctx.Err()
}

// doSignal sends a signal to a run.
func doSignal(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 2, 2)
	if err != nil {
		return err
	}
	name := strings.ToUpper(rest[1])
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if !slices.Contains(execution.Signals, name) {
		return usagef("signal: %q is none of %s", rest[1], strings.Join(execution.Signals, ", "))
	}
	return c.api.send(ctx, rest[0], feed{Signal: name}, soon)
}
