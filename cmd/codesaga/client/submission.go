package client

import (
	"errors"
	"flag"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxInput is what the client reads of one file. The server allows less, and
// says so.
const maxInput = 16 << 20

// submission is the body of a submission. What is empty is left to the server.
type submission struct {
	Language string            `json:"language"`
	Version  string            `json:"version,omitempty"`
	Script   string            `json:"script"`
	Args     []string          `json:"args,omitempty"`
	Stdin    string            `json:"stdin,omitempty"`
	Env      map[string]string `json:"env,omitempty"`
	Files    []file            `json:"files,omitempty"`
	Limits   limits            `json:"limits,omitzero"`
	Priority string            `json:"priority,omitempty"`
	Pool     string            `json:"pool,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`

	stdinFile string
}

// limits are the asked ones; zero stands for the default.
type limits struct {
	TimeoutSeconds int64 `json:"timeout_seconds,omitempty"`
	CPUMillis      int64 `json:"cpu_millis,omitempty"`
	MemoryBytes    int64 `json:"memory_bytes,omitempty"`
	OutputBytes    int64 `json:"output_bytes,omitempty"`
}

// file is one that lies beside the script.
type file struct {
	Path    string `json:"path"`
	Content []byte `json:"content_base64"`

	local string
}

// define adds the flags of s.
func (s *submission) define(fs *flag.FlagSet) {
	s.Env, s.Labels = map[string]string{}, map[string]string{}
	fs.StringVar(&s.Language, "language", "", "`ID` or alias (default by the suffix of FILE)")
	fs.StringVar(&s.Version, "version", "", "`VERSION` of the language (default its own)")
	fs.StringVar(&s.Stdin, "stdin", "", "`TEXT` that the script reads; - for the client's own stdin")
	fs.StringVar(&s.stdinFile, "stdin-file", "", "`FILE` that the script reads on stdin")
	fs.Func("env", "`NAME=VALUE` in the script's environment; repeatable", pair(s.Env))
	fs.Func("label", "`NAME=VALUE` that labels the run; repeatable", pair(s.Labels))
	fs.Func("file", "`LOCAL[:PATH]` that lies beside the script; repeatable", s.addFile)
	fs.StringVar(&s.Priority, "priority", "", "`PRIORITY`: critical, high, normal, low or background")
	fs.StringVar(&s.Pool, "pool", "", "`POOL` whose capacity the run takes")
	fs.Func("timeout", "`TIME` that the script may run, such as 10s", amount(&s.Limits.TimeoutSeconds, parseSeconds, "whole seconds, such as 10s or 10"))
	fs.Func("memory", "`BYTES` of memory, such as 256Mi", amount(&s.Limits.MemoryBytes, parseSize, "bytes, such as 256Mi"))
	fs.Func("cpu", "`CORES`, such as 500m or 1", amount(&s.Limits.CPUMillis, parseCPU, "cores, such as 500m or 1"))
	fs.Func("output-bytes", "`BYTES` that are kept of each stream, such as 1Mi", amount(&s.Limits.OutputBytes, parseSize, "bytes, such as 1Mi"))
}

// addFile notes what to send; a path is behind the last colon.
func (s *submission) addFile(arg string) error {
	f := file{local: arg, Path: path.Base(filepath.ToSlash(arg))}
	if i := strings.LastIndexByte(arg, ':'); i >= 0 {
		f.local, f.Path = arg[:i], arg[i+1:]
	}
	if f.local == "" || f.Path == "" {
		return errors.New("must be LOCAL or LOCAL:PATH")
	}
	s.Files = append(s.Files, f)
	return nil
}

// load reads the script, what it reads and the files beside it. Of args the
// first is the script, the others are the script's.
func (s *submission) load(stdin io.Reader, args []string) (err error) {
	if len(args) == 0 || args[0] == "" {
		return usagef("run: which script? codesaga run FILE")
	}
	name, rest := args[0], args[1:]
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	s.Args = rest
	source := s.stdinFile
	switch {
	case s.Stdin != "" && source != "":
		return usagef("run: --stdin and --stdin-file exclude each other")
	case s.Stdin == "-":
		source = "-"
	}
	switch {
	case name == "-" && source == "-":
		return usagef("run: stdin cannot be the script and what it reads")
	case name == "-" && s.Language == "":
		return usagef("run: a script from stdin needs --language")
	}
	if s.Script, err = readText(stdin, name); err != nil {
		return err
	}
	if source != "" {
		if s.Stdin, err = readText(stdin, source); err != nil {
			return err
		}
	}
	for i := range s.Files {
		if s.Files[i].Content, err = readAll(stdin, s.Files[i].local); err != nil {
			return err
		}
	}
	return s.checkText()
}

// checkText refuses what JSON cannot carry: it would arrive changed.
func (s *submission) checkText() error {
	for _, a := range s.Args {
		if !utf8.ValidString(a) {
			return usagef("run: the argument %q is not UTF-8", a)
		}
	}
	for name, value := range s.Env {
		if !utf8.ValidString(name + value) {
			return usagef("run: --env %q is not UTF-8", name)
		}
	}
	if !utf8.ValidString(s.Stdin) {
		return usagef("run: --stdin is not UTF-8")
	}
	return nil
}

// readText is readAll of what must be UTF-8.
func readText(stdin io.Reader, name string) (string, error) {
	b, err := readAll(stdin, name)
	if err == nil && !utf8.Valid(b) {
		err = usagef("run: %s is not UTF-8; binary input can be sent with --file", name)
	}
	return string(b), err
}

// readAll reads the file name, or stdin if that is "-".
func readAll(stdin io.Reader, name string) ([]byte, error) {
	r := stdin
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // G304: the user of a client names what it reads
		if err != nil {
			return nil, usagef("run: %v", err)
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, usagef("run: %s: %v", name, err)
	}
	if len(b) > maxInput {
		return nil, usagef("run: %s has more than %d bytes", name, maxInput)
	}
	return b, nil
}
