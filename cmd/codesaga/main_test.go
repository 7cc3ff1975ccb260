package main

import (
	"bytes"
	"strings"
	"testing"
)

// What is wrong is one line and an exit code; what was asked for is on stdout.
func TestCommandsThatDoNotStart(t *testing.T) {
	tests := []struct {
		args        string
		code        int
		out, stderr string // what is in it
	}{
		{"", 2, "", "usage: codesaga COMMAND"},
		{"help", 0, "usage: codesaga COMMAND", ""},
		{"version", 0, version, ""},
		{"nonsense", 2, "", "codesaga: no such command"},
		{"web -nonsense", 2, "", "codesaga: flag provided but not defined: -nonsense"},
		{"schemas", 2, "", "codesaga: schemas: say check, diff or register"},
		{"schemas change", 2, "", "codesaga: schemas: say check, diff or register"},
		{"schemas check -registry http://127.0.0.1:1 -nonsense", 2, "", "codesaga: flag provided but not defined"},
		{"projections", 2, "", "codesaga: projections: say list"},
		{"projections rebuild", 2, "", "codesaga: projections: say list"},
		{"projections list events", 2, "", "codesaga: projections: say list"},
		{"projections list -dry-run", 2, "", "codesaga: projections: say list"},
		{"projections rebuild pods", 2, "", `no projection "pods"`},
		{"projections rebuild -from store events", 2, "", "codesaga: projections: events are made from kafka"},
		{"projections rebuild events -from=store", 2, "", "codesaga: projections: events are made from kafka"},
		{"projections status -mongo-database x -nonsense", 2, "", "codesaga: flag provided but not defined: -nonsense"},
		{"projections list -h", 0, "-mongo-uri", ""},
		{"kube -h", 0, "-pod-namespace", ""},
		{"setup -topics result_stored:size=1", 2, "", `codesaga: topics: result_stored:size=1: "size" is none of partitions`},
		{"bridge -notify completed,soon", 2, "", `codesaga: notify: "soon" is none of completed`},
		{"bridge -notify none,failed", 2, "", `codesaga: notify: "none" is none of completed`},
		{"web -dry-run", 2, "", "codesaga: flag provided but not defined: -dry-run"},
		{"setup now", 2, "", `codesaga: unexpected argument "now"`},
		{"all -log-level loud", 1, "", "codesaga: log-level: "},
		{"web -listen 0.0.0.0:1", 2, "", "-insecure-listen"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var out, stderr bytes.Buffer
			code := run(process{args: strings.Fields(tt.args), getenv: noEnv, stdin: strings.NewReader(""), stdout: &out, stderr: &stderr})
			if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit %d\n%s\n%s", code, &out, &stderr)
			}
			if tt.args != "" && strings.Count(stderr.String(), "\n") > 1 {
				t.Errorf("more than one line: %s", &stderr)
			}
		})
	}
}
