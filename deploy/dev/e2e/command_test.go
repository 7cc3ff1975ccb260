package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// said is what a command left.
type said struct {
	out, err string
	code     int
}

// command is the binary as a user starts it, pointed at one web process through
// the proxy in front of it.
func (s *story) command(stdin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, the.bin, args...)
	cmd.Env = append(slices.Clip(the.env), "CODESAGA_SERVER="+front(s.base, s.user))
	cmd.Stdin = strings.NewReader(stdin)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// cli runs the binary to its end.
func (s *story) cli(stdin string, args ...string) said {
	s.Helper()
	return s.finish(s.command(stdin, args...))
}

func (s *story) finish(cmd *exec.Cmd) said {
	s.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || errors.Is(s.ctx.Err(), context.DeadlineExceeded)) {
		s.Fatalf("%v: %v, stdout %.300q, stderr %.300q", cmd.Args, err, out.String(), errs.String())
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// script writes a file for the command line.
func (s *story) script(name, text string) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// labelled waits for the one execution with a label.
func (s *story) labelled(label string) execution {
	s.Helper()
	var items []execution
	eventually(s, 20*time.Second, func() (bool, string) {
		items, _ = s.list("label", label)
		return len(items) == 1, "no execution has the label " + label
	})
	s.note(items[0].ID)
	return items[0]
}
