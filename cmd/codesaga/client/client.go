// Package client is the command-line client: one function for each command,
// over HTTP and Server-Sent Events. It knows nothing of the platform but its
// API, so it can be pointed at any server.
package client

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// The exit codes that are not a script's own, as those of timeout(1), docker
// run and shells.
const (
	exitFailed    = 1   // what was compared is not as expected; not all of a batch went well
	exitUsage     = 2   // the command or the request is wrong: change it
	exitTimeout   = 124 // the script ran out of time
	exitPlatform  = 125 // the platform failed, or cannot be reached
	exitCancelled = 130 // the run was cancelled, or the client interrupted
)

const (
	defaultServer = "http://127.0.0.1:8080"
	serverEnv     = "CODESAGA_SERVER"
	leaving       = 200 * time.Millisecond // is how long a command that must end at once may take to tidy up
	twice         = 2 * time.Second        // is how soon an interrupt is a second one
)

// IO is what a command reads, writes and listens to.
type IO struct {
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
	Terminal   bool                // Stderr is one: stages are shown there
	Getenv     func(string) string // nil: an empty environment
	Interrupts <-chan os.Signal    // SIGINT and SIGTERM; nil: none

	transport http.RoundTripper // of tests
}

// Run does one client command, of which args[0] is the name, and returns the
// exit code of the process. Of a run that is the script's own, else: 1 what was
// compared is not as expected, or not all of a batch went well; 2 the command or
// the request is wrong, 124 timeout, 125 the platform failed or cannot be
// reached, 130 cancelled or interrupted. Any other error is one line on Stderr.
//
// The first interrupt of a submitted run cancels it and waits for its end; any
// other, and the end of ctx, makes Run return at once. An interactive run that
// hears gets the interrupt itself; see heard.
func Run(ctx context.Context, args []string, std IO) int {
	c := &call{IO: std, asked: make(chan struct{}), signals: make(chan string, 4)}
	c.cmd, args = find(args)
	if c.cmd.do == nil {
		return c.exit(ctx, usageError("no such command; see codesaga --help"))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan int, 1)
	go func() { done <- c.exit(ctx, c.cmd.do(ctx, c, args)) }()
	for {
		select {
		case code := <-done:
			return code
		case sig := <-c.Interrupts:
			if c.heard(sig) {
				continue
			}
			stop()
		case <-ctx.Done():
		}
		// A command can hang in a read of a terminal or a write to a full pipe,
		// which no context ends. The process will.
		select {
		case <-done:
		case <-time.After(leaving):
		}
		return exitCancelled
	}
}

// call is one command that is being done.
type call struct {
	IO
	cmd    Command
	server string // as the flag says
	api    *api   // nil until the flags are parsed

	submitted atomic.Bool   // from now on an interrupt is first a wish
	asked     chan struct{} // closed by that wish
	hears     atomic.Bool   // the script does: an interrupt is first of all for it
	signals   chan string   // for the script
	passed    time.Time     // when the last interrupt was
}

// heard takes an interrupt and reports whether to stay. The first is for the
// script, if that hears; the next asks for the end, unless it comes so late that
// it is for the script again; one more leaves.
func (c *call) heard(sig os.Signal) bool {
	switch {
	case !c.submitted.Load() || c.interrupted():
		return false
	case sig == os.Interrupt && c.hears.Load() && time.Since(c.passed) > twice:
		c.passed = time.Now()
		select {
		case c.signals <- "SIGINT":
		default: // it has some to hear already
		}
	default:
		close(c.asked)
	}
	return true
}

// interrupted reports whether the user asked for the end.
func (c *call) interrupted() bool {
	select {
	case <-c.asked:
		return true
	default:
		return false
	}
}

// exit says what is wrong, if something is, and returns the code for it.
func (c *call) exit(ctx context.Context, err error) int {
	var code exitCode
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil:
		return exitCancelled
	}
	c.complain(err)
	var usage usageError
	var p *problem
	if errors.As(err, &usage) || errors.As(err, &p) && p.invalid() {
		return exitUsage
	}
	return exitPlatform
}

// complain says what is wrong.
func (c *call) complain(err error) {
	_, _ = fmt.Fprintf(c.Stderr, "codesaga: %s\n", oneLine(err.Error()))
}

// exitCode ends a command without a word: what there is to say was said.
type exitCode int

// Error names the code.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError says how a command line is wrong.
type usageError string

// Error is the text.
func (e usageError) Error() string { return string(e) }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }
