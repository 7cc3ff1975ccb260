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
	exitUsage     = 2   // the command or the request is wrong: change it
	exitTimeout   = 124 // the script ran out of time
	exitPlatform  = 125 // the platform failed, or cannot be reached
	exitCancelled = 130 // the run was cancelled, or the client interrupted
)

const (
	defaultServer = "http://127.0.0.1:8080"
	serverEnv     = "CODESAGA_SERVER"
	leaving       = 200 * time.Millisecond // is how long a command that must end at once may take to tidy up
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

// Command is one that Run does.
type Command struct {
	Name string
	Args string // as in a usage line
	Help string // one line

	do func(context.Context, *call, []string) error
}

// Commands are all of them, in the order of a usage text.
var Commands = []Command{
	{"run", "[flags] FILE|- [--] [ARGS…]", "run a script and stream its output", doRun},
	{"logs", "[-f] ID", "print the output of a run, and follow it", doLogs},
	{"get", "[--json] ID", "show one run", doGet},
	{"list", "[flags]", "list runs, newest first", doList},
	{"cancel", "[--reason TEXT] [--wait] ID", "cancel a run", doCancel},
	{"events", "[--json] ID", "show what happened to a run, and when", doEvents},
	{"languages", "[--json]", "list the languages that scripts can be in", doLanguages},
}

// Run does one client command, of which args[0] is the name, and returns the
// exit code of the process. Of a run that is the script's own, else: 2 the
// command or the request is wrong, 124 timeout, 125 the platform failed or
// cannot be reached, 130 cancelled or interrupted. Any other error is one line
// on Stderr.
//
// The first interrupt of a submitted run cancels it and waits for its end; any
// other, and the end of ctx, makes Run return at once.
func Run(ctx context.Context, args []string, std IO) int {
	c := &call{IO: std, asked: make(chan struct{})}
	for _, cmd := range Commands {
		if len(args) > 0 && cmd.Name == args[0] {
			c.cmd = cmd
		}
	}
	if c.cmd.do == nil {
		return c.exit(ctx, usageError("no such command; see codesaga --help"))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan int, 1)
	go func() { done <- c.exit(ctx, c.cmd.do(ctx, c, args[1:])) }()
	for polite := true; ; {
		select {
		case code := <-done:
			return code
		case <-c.Interrupts:
			if polite && c.submitted.Load() {
				polite = false
				close(c.asked)
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
	_, _ = fmt.Fprintf(c.Stderr, "codesaga: %s\n", oneLine(err.Error()))
	var usage usageError
	var p *problem
	if errors.As(err, &usage) || errors.As(err, &p) && p.invalid() {
		return exitUsage
	}
	return exitPlatform
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
