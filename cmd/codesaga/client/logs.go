package client

import (
	"context"

	"github.com/codesaga/codesaga/execution"
)

// doLogs prints what a run has printed, streams apart; with -f to its end.
func doLogs(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var on bool
	fs.BoolVar(&on, "f", false, "follow the run to its end")
	fs.BoolVar(&on, "follow", false, "the same")
	ids, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	s := c.screen(false)
	w := c.follower(ids[0], s)
	if !on {
		for _, stream := range printed {
			if err := c.api.output(ctx, w.id, stream, 0, w.writer(stream)); err != nil {
				return err
			}
		}
		return nil
	}
	x, err := w.follow(ctx)
	if err == nil {
		w.complete(ctx, x)
	}
	s.close(err != nil)
	return err
}

// doCancel asks for the end of a run, and may wait for it.
func doCancel(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	reason := fs.String("reason", "", "`TEXT` that is kept with the run")
	wait := fs.Bool("wait", false, "wait for the end of the run")
	ids, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	err = retry(ctx, nil, func(error) {}, func() error { return c.api.cancel(ctx, ids[0], *reason) })
	if err != nil || !*wait {
		return err
	}
	s := c.screen(false)
	w := c.follower(ids[0], s)
	w.mute = true
	x, err := w.follow(ctx)
	s.close(false)
	if err == nil && x.Status != execution.Cancelled {
		s.note("the run ended before it could be cancelled: " + string(x.Status))
	}
	return err
}
