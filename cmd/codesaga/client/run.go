package client

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// runFlags are what a run is told beside its submission.
type runFlags struct {
	submission
	key    string
	detach bool
	json   bool
	quiet  bool
	out    string // the folder for artifacts
	force  bool

	folder *os.Root // out, opened
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
	if err := f.openFolder(); err != nil {
		return err
	}
	defer f.closeFolder()
	if f.Language == "" {
		if f.Language, err = c.languageOf(ctx, f.name(rest), waiting); err != nil {
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
	fs.Func("at", "`TIME` before which the run does not start, such as 2026-08-01T12:00:00Z or 10m", setTime(&f.ScheduledAt))
	const live = "send the client's stdin live; an interrupt is a SIGINT to the script, a second one cancels"
	fs.BoolVar(&f.Interactive, "i", false, live)
	fs.BoolVar(&f.Interactive, "interactive", false, "the same")
	fs.StringVar(&f.out, "out", "", "`DIR` into which the files are written that the script leaves in /out")
	fs.BoolVar(&f.force, "force", false, "with --out: overwrite files")
	fs.StringVar(&f.key, "idempotency-key", "", "`KEY` under which a repeated run is the same run (default a new one)")
	fs.BoolVar(&f.detach, "detach", false, "print the id and leave")
	fs.BoolVar(&f.json, "json", false, "print the execution as JSON at its end, not its output")
	fs.BoolVar(&f.quiet, "quiet", false, "neither stages nor notes on stderr")
}

// openFolder makes sure, before anything runs, that artifacts can be written.
func (f *runFlags) openFolder() (err error) {
	switch {
	case f.out == "" && f.force:
		return usagef("--force needs --out")
	case f.out == "":
		return nil
	case f.detach:
		return usagef("who leaves gets no files: --detach and --out exclude each other")
	}
	f.folder, err = openFolder(f.out)
	return err
}

func (f *runFlags) closeFolder() {
	if f.folder != nil {
		_ = f.folder.Close()
	}
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
	err = retry(ctx, c.asked, waiting, func() error {
		return c.api.ask(ctx, http.MethodPost, "/executions", body, &x, "Idempotency-Key", f.key)
	})
	return x, err
}

func (c *call) printDetached(x view, asJSON bool) error {
	if asJSON {
		return c.printJSON(x.raw)
	}
	return c.printf("%s\n", oneLine(string(x.ID)))
}

// stay follows the run to its end, and what the platform makes of it when it
// fails; cancels it if asked to, and exits as it did.
func (c *call) stay(ctx context.Context, id string, f runFlags, s *screen) error {
	for {
		x, err := c.watch(ctx, id, f, s)
		if err != nil {
			s.close(true)
			return err
		}
		s.note(x.verdict())
		if next := c.successor(ctx, x); next != "" {
			s.note("it is tried again, as " + next)
			s.again()
			id = next
			continue
		}
		err = c.keep(ctx, x, f, s)
		s.close(err != nil)
		if f.json {
			if err := c.printJSON(x.raw); err != nil {
				return err
			}
		}
		switch {
		case c.interrupted():
			return exitCode(exitCancelled)
		case x.exitCode() == 0 && err != nil:
			return err
		case err != nil:
			c.complain(err)
		}
		return exitCode(x.exitCode())
	}
}

// watch follows one execution to its end.
func (c *call) watch(ctx context.Context, id string, f runFlags, s *screen) (view, error) {
	wait := c.cancelIfAsked(ctx, s, func(ctx context.Context) error { return c.api.cancel(ctx, id, "interrupted") })
	defer wait()
	w := c.follower(id, s)
	w.mute = f.json
	if f.Interactive {
		in := c.feeder(id, s.note)
		w.begun = func() { close(in.ready) }
		live, stop := context.WithCancel(ctx)
		defer stop()
		go in.live(live, c.Stdin) // nobody waits for it: a read of a terminal may last for ever
	}
	x, err := w.follow(ctx)
	if err == nil {
		w.complete(ctx, x)
	}
	return x, err
}

// keep writes what the script left into a folder, or says that there is some.
func (c *call) keep(ctx context.Context, x view, f runFlags, s *screen) error {
	if x.Result == nil || len(x.Result.Artifacts) == 0 && x.Result.ArtifactsSkipped == 0 {
		return nil
	}
	if f.folder == nil {
		s.note(x.Result.left() + fmt.Sprintf("; get them with: codesaga artifacts --download DIR %s", x.ID))
		return nil
	}
	d := download{api: c.api, id: string(x.ID), to: f.folder, force: f.force}
	err := d.all(ctx, x.Result.Artifacts)
	s.note(d.summary(f.out))
	if x.Result.ArtifactsSkipped > 0 {
		s.note(fmt.Sprintf("%d more files were not kept", x.Result.ArtifactsSkipped))
	}
	return err
}

// The patience of a client with a platform that is to try a run again.
const (
	retryWithin = 15 * time.Second
	retryLook   = 500 * time.Millisecond
)

// successor is the execution that the platform makes, by itself, in place of x;
// empty if it makes none.
func (c *call) successor(ctx context.Context, x view) string {
	if x.Status != execution.Errored || !x.Retry.Allows(x.Attempt, x.Reason, x.StartedAt != nil) || c.interrupted() {
		return ""
	}
	end := time.Now().Add(retryWithin)
	for path := executionPath(string(x.ID), ""); len(x.Retries) == 0; {
		select {
		case <-time.After(retryLook):
		case <-c.asked:
			return ""
		case <-ctx.Done():
			return ""
		}
		if err := c.api.get(ctx, path, &x); err != nil && !hopeful(err) || time.Now().After(end) {
			return ""
		}
	}
	return string(x.Retries[len(x.Retries)-1])
}

// cancelIfAsked cancels what s shows when the user asks for it. The function
// that it returns ends the readiness for that, and waits.
func (c *call) cancelIfAsked(ctx context.Context, s *screen, cancel func(context.Context) error) (wait func()) {
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
		err := soon(ctx, func() error { return cancel(ctx) })
		var p *problem
		ended := errors.As(err, &p) && p.is(http.StatusConflict)
		if err != nil && !ended && ctx.Err() == nil {
			s.note("cannot cancel: " + err.Error())
		}
	}()
	return func() { stop(); <-done }
}
