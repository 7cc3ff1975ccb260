package client

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// testCase is what a script reads, and what it should print then.
type testCase struct {
	Name     string   `json:"name"`
	Stdin    string   `json:"stdin,omitempty"`
	Expected expected `json:"expected_output"`
}

// doBatchRun judges a script by the cases in a folder.
func doBatchRun(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var f batchFlags
	var sub submission
	f.define(fs)
	sub.defineShared(fs)
	dir := fs.String("cases", "", "`DIR` with what the script reads, NAME.in, and should print, NAME.out")
	stop := fs.Bool("stop-on-failure", false, "start no more cases after the first that fails")
	rest, err := c.parseScript(fs, args, 2, 2)
	switch {
	case err != nil:
		return err
	case *dir == "":
		return c.misused()
	}
	sub.Language = rest[0]
	how := sub.comparison.orTrim()
	sub.comparison = comparison{} // it goes with each case
	if err := sub.load(c.Stdin, rest[1:]); err != nil {
		return err
	}
	cases, err := readCases(*dir, how)
	if err != nil {
		return err
	}
	body, err := merged(sub, map[string]any{"items": cases, "stop_on_failure": *stop})
	if err != nil {
		return err
	}
	a, _, err := c.submitBatch(ctx, body, f, c.screen(false))
	if err != nil {
		return err
	}
	return c.stayWithBatch(ctx, a.ID, f.json)
}

// merged is the object that v is in JSON, with more members.
func merged(v any, more map[string]any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	for name, value := range fields {
		more[name] = value
	}
	return more, nil
}

// readCases reads the pairs NAME.in and NAME.out in a folder, in the order of
// their names; numbers in that of their size. Without NAME.in the script reads
// nothing; without NAME.out there is nothing to judge by.
func readCases(dir string, how comparison) ([]testCase, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, usagef("--cases: %v", err)
	}
	in, out := map[string]bool{}, []string{}
	for _, e := range entries {
		name, suffix := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), filepath.Ext(e.Name())
		switch {
		case name == "" || e.IsDir():
		case suffix == ".in":
			in[name] = true
		case suffix == ".out":
			out = append(out, name)
		}
	}
	for name := range in {
		if !slices.Contains(out, name) {
			return nil, usagef("--cases: there is %s.in but no %[1]s.out", name)
		}
	}
	if len(out) == 0 {
		return nil, usagef("--cases: there is no NAME.out in %s", dir)
	}
	slices.SortFunc(out, byNumber)
	cases := make([]testCase, len(out))
	for i, name := range out {
		cases[i] = testCase{Name: name, Expected: expected{comparison: how}}
		if cases[i].Expected.Stdout, err = readText(nil, filepath.Join(dir, name+".out")); err != nil {
			return nil, err
		}
		if !in[name] {
			continue
		}
		if cases[i].Stdin, err = readText(nil, filepath.Join(dir, name+".in")); err != nil {
			return nil, err
		}
	}
	return cases, nil
}

// byNumber orders names that are numbers as such, and before others.
func byNumber(a, b string) int {
	m, notA := strconv.ParseUint(a, 10, 64)
	n, notB := strconv.ParseUint(b, 10, 64)
	switch {
	case notA == nil && notB == nil:
		return cmp.Or(cmp.Compare(m, n), strings.Compare(a, b))
	case notA == nil:
		return -1
	case notB == nil:
		return 1
	default:
		return strings.Compare(a, b)
	}
}
