package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/codesaga/codesaga/execution"
)

// doReplayDownload writes the file of a session.
func doReplayDownload(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	to := fs.String("output", "-", "`FILE` to write, which must not be there; -: stdout")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	return c.save(ctx, replayPath(rest[0], "/download"), *to)
}

// doReplayWatch follows a session to its end.
func doReplayWatch(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, "print each step as JSON, one a line")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	return c.watchReplay(ctx, rest[0], *asJSON)
}

// watchReplay follows a session to its end, and exits with 0 if it has completed
// and nothing failed.
func (c *call) watchReplay(ctx context.Context, id string, asJSON bool) error {
	s := c.screen(false)
	w := &replayWatcher{c: c, asJSON: asJSON}
	w.stream = stream{
		api: c.api, path: replayPath(id, "/stream"), again: "replay watch " + id,
		stage: s.stage, take: w.step, over: func() bool { return w.now.Status.Ended() },
	}
	err := w.read(ctx)
	s.close(err != nil)
	switch {
	case err != nil:
		return err
	case !asJSON:
		if err := c.printf("%s\n", w.now.line()); err != nil {
			return err
		}
	}
	if w.now.Status != execution.ReplayCompleted || w.now.Failed > 0 {
		return exitCode(exitFailed)
	}
	return nil
}

// replayWatcher shows what the stream of a session tells.
type replayWatcher struct {
	stream
	c      *call
	asJSON bool
	now    replayProgress
}

func (w *replayWatcher) step(fr frame) error {
	if fr.event != "progress" {
		return nil
	}
	if err := json.Unmarshal(fr.data, &w.now); err != nil {
		return fatalError{fmt.Errorf("a frame of a replay: %w", err)}
	}
	if w.asJSON {
		return w.c.printf("%s\n", fr.data)
	}
	w.stage(w.now.line())
	return nil
}
