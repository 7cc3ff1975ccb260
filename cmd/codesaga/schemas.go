package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/codesaga/codesaga/bridge"
)

var (
	errVerb    = errors.New("schemas: say check, diff or register")
	errSchemas = errors.New("the schemas of this program and those of the registry do not go together")
)

// schemas compares the schemas of this program with those of the registry, or
// registers them.
func (a *app) schemas(out io.Writer, verb string, inJSON bool) error {
	if verb == "register" {
		changes, err := a.cluster.Register()
		if inJSON {
			err = errors.Join(err, printJSON(out, append([]string{}, changes...)))
		} else {
			fmt.Fprintln(out, strings.Join(append(changes, nothing(changes)...), "\n"))
		}
		return err
	}
	all, err := a.cluster.Subjects()
	if err != nil {
		return err
	}
	switch {
	case inJSON:
		err = printJSON(out, all)
	case verb == "diff":
		printDiff(out, all)
	default:
		printCheck(out, all)
	}
	for _, s := range all {
		if verb == "check" && len(s.Problems) > 0 {
			return errors.Join(err, errSchemas)
		}
	}
	return err
}

func nothing(changes []string) []string {
	if len(changes) > 0 {
		return nil
	}
	return []string{"nothing to change"}
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printCheck has a line for each problem, and one for each subject without.
func printCheck(out io.Writer, all []bridge.Subject) {
	for _, s := range all {
		for _, problem := range s.Problems {
			fmt.Fprintf(out, "%s: %s\n", s.Name, problem)
		}
		if len(s.Problems) == 0 {
			fmt.Fprintf(out, "%s: ok, %s\n", s.Name, s.Standing())
		}
	}
}

// printDiff has what is new below each subject.
func printDiff(out io.Writer, all []bridge.Subject) {
	for _, s := range all {
		fmt.Fprintf(out, "%s: %s\n", s.Name, s.Standing())
		for _, change := range s.Changes {
			fmt.Fprintln(out, "  "+change)
		}
	}
}
