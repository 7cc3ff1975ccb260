package client

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"

	"github.com/codesaga/codesaga/execution"
)

// runFlags are what a run is told beside its submission.
type runFlags struct {
	submission
	key    string
	detach bool
	json   bool
	quiet  bool
}

// doRun submits a script and stays with it to its end.
func doRun(ctx context.Context, c *call, args []string) error {
	var f runFlags
	fs := c.flags()
	f.define(fs)
	rest, err := c.parse(fs, args)
	if err != nil {
		return err
	}
	s := c.screen(f.quiet)
	defer s.close(false)
	waiting := func(err error) { s.stage("waiting for the server: " + err.Error()) }
	if err := f.load(c.Stdin, rest); err != nil {
		return err
	}
	if f.Language == "" {
		if f.Language, err = c.languageOf(ctx, rest[0], waiting); err != nil {
			s.close(true)
			return err
		}
	}
	x, err := c.submit(ctx, f, waiting)
	switch {
	case err != nil && c.interrupted():
		s.note("interrupted before the server answered: the run may have been started")
		return exitCode(exitCancelled)
	case err != nil:
		s.close(true)
		return err
	case f.detach:
		s.close(false)
		return c.printDetached(x, f.json)
	}
	return c.stay(ctx, string(x.ID), f, s)
}

func (f *runFlags) define(fs *flag.FlagSet) {
	f.submission.define(fs)
	fs.StringVar(&f.key, "idempotency-key", "", "`KEY` under which a repeated run is the same run (default a new one)")
	fs.BoolVar(&f.detach, "detach", false, "print the id and leave")
	fs.BoolVar(&f.json, "json", false, "print the execution as JSON at its end, not its output")
	fs.BoolVar(&f.quiet, "quiet", false, "neither stages nor notes on stderr")
}

// submit sends the run, with one key, until the server has taken or refused it.
func (c *call) submit(ctx context.Context, f runFlags, waiting func(error)) (x view, err error) {
	body, err := json.Marshal(f.submission)
	if err != nil {
		return x, err
	}
	if f.key == "" {
		f.key = string(execution.NewID())
	}
	c.submitted.Store(true)
	var answer json.RawMessage
	err = retry(ctx, c.asked, waiting, func() error {
		return c.api.ask(ctx, http.MethodPost, "/executions", body, &answer, "Idempotency-Key", f.key)
	})
	if err != nil {
		return x, err
	}
	return viewOf(answer)
}

func (c *call) printDetached(x view, asJSON bool) error {
	if asJSON {
		return c.printJSON(x.raw)
	}
	return c.printf("%s\n", x.ID)
}

// stay follows the run to its end, cancels it if asked to, and exits as it did.
func (c *call) stay(ctx context.Context, id string, f runFlags, s *screen) error {
	wait := c.cancelIfAsked(ctx, id, s)
	w := &follower{api: c.api, id: id, print: s.print, stage: s.stage, note: s.note, mute: f.json}
	x, err := w.follow(ctx)
	wait()
	if err != nil {
		s.close(true)
		return err
	}
	w.complete(ctx, x)
	s.note(x.verdict())
	s.close(false)
	if f.json {
		if err := c.printJSON(x.raw); err != nil {
			return err
		}
	}
	if c.interrupted() {
		return exitCode(exitCancelled)
	}
	return exitCode(x.exitCode())
}

// cancelIfAsked cancels the run when the user asks for it. The function that it
// returns ends the readiness for that, and waits.
func (c *call) cancelIfAsked(ctx context.Context, id string, s *screen) (wait func()) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-c.asked:
		case <-ctx.Done():
			return
		}
		s.note("cancelling; interrupt again to leave at once")
		err := retry(ctx, nil, func(error) {}, func() error { return c.api.cancel(ctx, id, "interrupted") })
		var p *problem
		ended := errors.As(err, &p) && p.is(http.StatusConflict)
		if err != nil && !ended && ctx.Err() == nil {
			s.note("cannot cancel: " + err.Error())
		}
	}()
	return func() { stop(); <-done }
}
