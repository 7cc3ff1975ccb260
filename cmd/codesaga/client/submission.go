package client

import (
	"io"
	"os"
	"unicode/utf8"

	"github.com/codesaga/codesaga/execution"
)

// maxInput is what the client reads of one file. The server allows less, and
// says so.
const maxInput = 16 << 20

// submission is the body of a submission. What is empty is left to the server.
type submission struct {
	Language    string                 `json:"language,omitempty"`
	Version     string                 `json:"version,omitempty"`
	Script      string                 `json:"script,omitempty"`
	EntryPoint  string                 `json:"entry_point,omitempty"`
	Args        []string               `json:"args,omitempty"`
	Stdin       string                 `json:"stdin,omitempty"`
	Interactive bool                   `json:"interactive,omitempty"`
	Env         map[string]string      `json:"env,omitempty"`
	Files       []file                 `json:"files,omitempty"`
	Limits      limits                 `json:"limits,omitzero"`
	Priority    string                 `json:"priority,omitempty"`
	Pool        string                 `json:"pool,omitempty"`
	Labels      map[string]string      `json:"labels,omitempty"`
	Network     network                `json:"network,omitzero"`
	Retry       *execution.RetryPolicy `json:"retry,omitempty"`
	CallbackURL string                 `json:"callback_url,omitempty"`
	ScheduledAt string                 `json:"scheduled_at,omitempty"` // RFC 3339
	Expected    *expected              `json:"expected_output,omitempty"`

	stdinFile, expectFile string
	comparison            comparison
	retry                 execution.RetryPolicy
	dir                   string
}

// network is where a run may connect to.
type network struct {
	Egress []execution.Egress `json:"egress,omitempty"`
}

// IsZero reports whether that is nowhere.
func (n network) IsZero() bool { return len(n.Egress) == 0 }

// limits are the asked ones; zero stands for the default.
type limits struct {
	TimeoutSeconds int64 `json:"timeout_seconds,omitempty"`
	CPUMillis      int64 `json:"cpu_millis,omitempty"`
	MemoryBytes    int64 `json:"memory_bytes,omitempty"`
	OutputBytes    int64 `json:"output_bytes,omitempty"`
	Processes      int64 `json:"processes,omitempty"`
	DiskBytes      int64 `json:"disk_bytes,omitempty"`
	CPUSeconds     int64 `json:"cpu_seconds,omitempty"`
	OpenFiles      int64 `json:"open_files,omitempty"`
	FileBytes      int64 `json:"file_bytes,omitempty"`
}

// expected is what a script should print.
type expected struct {
	Stdout string `json:"stdout"`
	comparison
}

// comparison is how that is compared.
type comparison struct {
	Comparison string  `json:"comparison,omitempty"`
	Tolerance  float64 `json:"tolerance,omitempty"`
}

// orTrim is m, or the comparison that forgives what no eye sees.
func (m comparison) orTrim() comparison {
	if m.Comparison == "" {
		m.Comparison = "trim"
	}
	return m
}

// load reads the script, what it reads and the files beside it. Of args the
// first is the script, the others are the script's; all are if an entry point
// was named.
func (s *submission) load(stdin io.Reader, args []string) (err error) {
	name := ""
	if s.EntryPoint == "" {
		if len(args) == 0 || args[0] == "" || args[0] == "--" {
			return usagef("which script? codesaga run FILE")
		}
		name, args = args[0], args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	s.Args = args
	source := s.stdinFile
	switch {
	case s.Stdin != "" && source != "":
		return usagef("--stdin and --stdin-file exclude each other")
	case s.Stdin == "-":
		source = "-"
	}
	switch {
	case source == "-" && s.Interactive:
		return usagef("stdin is sent live, or read before: -i and --stdin - exclude each other")
	case name == "-" && (source == "-" || s.Interactive):
		return usagef("stdin cannot be the script and what it reads")
	case name == "-" && s.Language == "":
		return usagef("a script from stdin needs --language")
	case s.retry.OnLoss && s.retry.MaxAttempts == 0:
		return usagef("--retry-on-loss needs --retry")
	case s.Interactive && s.retry.MaxAttempts > 1:
		return usagef("what was sent live cannot be sent again: -i and --retry exclude each other")
	}
	if name != "" {
		if s.Script, err = readText(stdin, name); err != nil {
			return err
		}
	}
	if source != "" {
		if s.Stdin, err = readText(stdin, source); err != nil {
			return err
		}
	}
	if err := s.loadFiles(stdin); err != nil {
		return err
	}
	if err := s.loadExpected(stdin); err != nil {
		return err
	}
	if s.retry != (execution.RetryPolicy{}) {
		s.Retry = &s.retry
	}
	return s.checkText()
}

// loadExpected reads what the script should print.
func (s *submission) loadExpected(stdin io.Reader) error {
	if s.expectFile == "" {
		if s.comparison != (comparison{}) {
			return usagef("--comparison and --tolerance need --expect")
		}
		return nil
	}
	text, err := readText(stdin, s.expectFile)
	if err == nil {
		s.Expected = &expected{text, s.comparison.orTrim()}
	}
	return err
}

// checkText refuses what JSON cannot carry: it would arrive changed.
func (s *submission) checkText() error {
	for _, a := range s.Args {
		if !utf8.ValidString(a) {
			return usagef("the argument %q is not UTF-8", a)
		}
	}
	for name, value := range s.Env {
		if !utf8.ValidString(name + value) {
			return usagef("--env %q is not UTF-8", name)
		}
	}
	if !utf8.ValidString(s.Stdin) {
		return usagef("--stdin is not UTF-8")
	}
	return nil
}

// readText is readAll of what must be UTF-8.
func readText(stdin io.Reader, name string) (string, error) {
	b, err := readAll(stdin, name)
	if err == nil && !utf8.Valid(b) {
		err = usagef("%s is not UTF-8; binary input can be sent with --file", name)
	}
	return string(b), err
}

// readAll reads the file name, or stdin if that is "-".
func readAll(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return readSome(stdin, name)
	}
	f, err := os.Open(name) //nolint:gosec // G304: the user of a client names what it reads
	if err != nil {
		return nil, usagef("%v", err)
	}
	defer func() { _ = f.Close() }()
	return readSome(f, name)
}

// readSome reads r, which has that name, unless it is far too much.
func readSome(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, usagef("%s: %v", name, err)
	}
	if len(b) > maxInput {
		return nil, usagef("%s has more than %d bytes", name, maxInput)
	}
	return b, nil
}
