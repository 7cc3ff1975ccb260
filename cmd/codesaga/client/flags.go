package client

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// flags returns an empty set for c, with what all commands have.
func (c *call) flags() *flag.FlagSet {
	fs := flag.NewFlagSet(c.cmd.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are returned, and printed in one line
	fs.StringVar(&c.server, "server", "", "`URL` of the server (default $"+serverEnv+" or "+defaultServer+")")
	return fs
}

// parse reads flags up to the first argument, and returns what is left.
func (c *call) parse(fs *flag.FlagSet, args []string) ([]string, error) {
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		c.help(fs)
		return nil, err
	case err != nil:
		return nil, usagef("%s: %v; see codesaga %[1]s --help", c.cmd.Name, err)
	}
	return fs.Args(), c.dial()
}

// parseMixed is parse where flags may stand behind arguments, of which there
// must be least to most.
func (c *call) parseMixed(fs *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var plain []string
	for {
		rest, err := c.parse(fs, args)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			break
		}
		plain, args = append(plain, rest[0]), rest[1:]
	}
	if len(plain) < least || len(plain) > most || slices.Contains(plain, "") {
		return nil, c.misused()
	}
	return plain, nil
}

// parseScript is parseMixed where what stands behind -- is for the script. The
// result is for submission.load.
func (c *call) parseScript(fs *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var script []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, script = args[:i], args[i:]
	}
	plain, err := c.parseMixed(fs, args, least, most)
	return append(plain, script...), err
}

// misused says how the command is used.
func (c *call) misused() error { return usagef("usage: codesaga %s %s", c.cmd.Name, c.cmd.Args) }

// help prints how the command is used.
func (c *call) help(fs *flag.FlagSet) {
	_, _ = fmt.Fprintf(c.Stdout, "usage: codesaga %s %s\n\n%s\n\nflags:\n", c.cmd.Name, c.cmd.Args, c.cmd.Help)
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		dashes := "--"
		if len(f.Name) == 1 {
			dashes = "-"
		}
		_, _ = fmt.Fprintf(c.Stdout, "  %-24s %s\n", strings.TrimSpace(dashes+f.Name+" "+value), text)
	})
	for i, sub := range c.cmd.Sub {
		if i == 0 {
			_, _ = fmt.Fprint(c.Stdout, "\ncommands:\n")
		}
		_, _ = fmt.Fprintf(c.Stdout, "  %-24s %s\n", c.cmd.Name+" "+sub.Name, sub.Help)
	}
}

// pair is a flag NAME=VALUE that goes into m.
func pair(m map[string]string) func(string) error {
	return func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return errors.New("must be NAME=VALUE")
		}
		m[name] = value
		return nil
	}
}

// amount is a flag that parse turns into a number greater than zero: to the
// server, zero means the default.
func amount(n *int64, parse func(string) (int64, bool), form string) func(string) error {
	return func(s string) error {
		v, ok := parse(s)
		if !ok || v <= 0 {
			return errors.New("must be " + form)
		}
		*n = v
		return nil
	}
}

// units are those of quantities in Kubernetes.
var units = map[string]int64{
	"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30,
}

// parseSize reads bytes such as 4096, 256Mi, 1GiB or 1G.
func parseSize(s string) (int64, bool) {
	digits := strings.TrimRight(s, "kKMGiB")
	unit, ok := units[strings.TrimSuffix(s[len(digits):], "B")]
	n, err := strconv.ParseInt(digits, 10, 64)
	return n * unit, ok && err == nil && n <= math.MaxInt64/unit
}

// parseCPU reads thousandths of a core: 500m, 1 or 0.5.
func parseCPU(s string) (int64, bool) {
	if milli, ok := strings.CutSuffix(s, "m"); ok {
		n, err := strconv.ParseInt(milli, 10, 64)
		return n, err == nil
	}
	cores, err := strconv.ParseFloat(s, 64)
	n := math.Round(cores * 1000)
	return int64(n), err == nil && n < 1e9 && math.Abs(n-cores*1000) < 1e-6
}

// parseSeconds reads whole seconds: 10, 10s or 1m30s.
func parseSeconds(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	d, err := time.ParseDuration(s)
	return int64(d / time.Second), err == nil && d%time.Second == 0
}
