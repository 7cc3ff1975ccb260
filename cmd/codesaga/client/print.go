package client

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"
)

// printf writes to stdout.
func (c *call) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Stdout, format, args...)
	return err
}

// printJSON writes raw, indented. Controls that JSON allows in strings as they
// are, but no terminal should get, are escaped.
func (c *call) printJSON(raw json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	var safe strings.Builder
	for _, r := range b.String() {
		if r != '\n' && moves(r) {
			_, _ = fmt.Fprintf(&safe, "\\u%04x", r)
		} else {
			safe.WriteRune(r)
		}
	}
	return c.printf("%s\n", safe.String())
}

// printAny writes v as JSON.
func (c *call) printAny(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.printJSON(raw)
}

// oneLine is s without what would move the cursor of a terminal, or turn text
// around.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if moves(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(s))
}

// moves reports whether r is no part of a line of text.
func moves(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// printTable writes rows in columns.
func (c *call) printTable(rows [][]string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if row[i] = oneLine(cell); row[i] == "" {
				row[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if err := c.printf("%s\n", strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// jsonHelp is of the flag that most commands have.
const jsonHelp = "print JSON, as the API gives it"

// one asks for what pathOf makes of the one argument, and decodes it into v. It
// reports whether it is left to show: who wants JSON has been served with that.
func (c *call) one(ctx context.Context, args []string, pathOf func(id string) string, v any) (show bool, err error) {
	fs := c.flags()
	asJSON := fs.Bool("json", false, jsonHelp)
	ids, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return false, err
	}
	return c.decoded(ctx, pathOf(ids[0]), *asJSON, v)
}

// whole is one, of something that there is one of, for a command with flags of
// its own and no arguments.
func (c *call) whole(ctx context.Context, fs *flag.FlagSet, args []string, path string, v any) (show bool, err error) {
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return false, err
	}
	return c.decoded(ctx, path, *asJSON, v)
}

// decoded asks for path, and decodes it into v unless it is shown as it is.
func (c *call) decoded(ctx context.Context, path string, asJSON bool, v any) (show bool, err error) {
	var raw json.RawMessage
	if err := c.api.get(ctx, path, &raw); err != nil {
		return false, err
	}
	if asJSON {
		return false, c.printJSON(raw)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("%s: %w", c.cmd.Name, err)
	}
	return true, nil
}
