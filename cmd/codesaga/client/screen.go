package client

import (
	"fmt"
	"io"
	"sync"

	"github.com/codesaga/codesaga/execution"
)

// eraseLine goes back to the start of a terminal's line and clears it (ECMA-48:
// CR, EL).
const eraseLine = "\r\x1b[K"

// screen is where a run is shown: its output as it is, the stage it is in on
// one line that is rewritten, and notes. Any goroutine may use it.
type screen struct {
	stdout, stderr io.Writer
	terminal       bool // stderr is one
	quiet          bool // neither stages nor notes

	mu     sync.Mutex
	staged bool // a stage is on the screen
	begun  bool // there was output: stages are over
	inLine bool // what the cursor of stderr stands behind is not the end of a line
}

func (c *call) screen(quiet bool) *screen {
	return &screen{stdout: c.Stdout, stderr: c.Stderr, terminal: c.Terminal, quiet: quiet}
}

// print writes output, byte for byte and at once.
func (s *screen) print(stream execution.Stream, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.stdout
	switch stream {
	case execution.Stdout:
	case execution.Stderr, execution.Compile:
		w = s.stderr
	default:
		return nil // a stream of the future
	}
	s.erase()
	s.begun = s.begun || stream != execution.Compile
	if s.terminal || stream != execution.Stdout {
		s.inLine = b[len(b)-1] != '\n'
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", stream, err)
	}
	if stream == execution.Compile {
		s.show("compiling")
	}
	return nil
}

// stage shows where the run is, until it prints something.
func (s *screen) stage(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show(text)
}

// show is stage under the lock. A line that output has begun stays as it is.
func (s *screen) show(text string) {
	if !s.terminal || s.quiet || s.begun || s.inLine {
		return
	}
	_, _ = fmt.Fprint(s.stderr, eraseLine+oneLine(text))
	s.staged = true
}

// note writes a line of the client's own, unless text is empty.
func (s *screen) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quiet || text == "" {
		return
	}
	s.endLine()
	_, _ = fmt.Fprintf(s.stderr, "codesaga: %s\n", oneLine(text))
}

// again is for another run: there are stages once more.
func (s *screen) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLine()
	s.begun = false
}

// close leaves the cursor where the next line can start, if one will come.
func (s *screen) close(another bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	if another {
		s.endLine()
	}
}

func (s *screen) erase() {
	if s.staged {
		_, _ = fmt.Fprint(s.stderr, eraseLine)
		s.staged = false
	}
}

func (s *screen) endLine() {
	s.erase()
	if s.inLine {
		_, _ = fmt.Fprintln(s.stderr)
		s.inLine = false
	}
}
