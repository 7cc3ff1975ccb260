package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const languagesDir = "../../languages"

// registered is what the matrix needs of a language.json.
type registered struct {
	ID       string
	FileName string `json:"file_name"`
	Default  string `json:"default_version"`
	Example  string
	Versions []struct {
		Version string
		Local   string `json:"local_image"`
	}
}

// conformance is a case of a testdata/cases.json; deploy/languages says what
// its parts mean.
type conformance struct {
	Name         string
	Script       string
	Folder       string
	Files        map[string]string
	EntryPoint   string `json:"entry_point"`
	Args         []string
	Stdin        string
	Env          map[string]string
	Limits       *limits
	Versions     []string
	EveryVersion bool `json:"every_version"`
	Expect       struct {
		Verdict         string
		Stdout          *string
		Stderr          *string
		StderrContains  string  `json:"stderr_contains"`
		StdoutBytes     int64   `json:"stdout_bytes"`
		CompileContains string  `json:"compile_output_contains"`
		PeakMemory      int64   `json:"peak_memory_bytes"`
		CPUSeconds      float64 `json:"cpu_seconds"`
	}
}

// EX-05, EX-06, EX-07, BY-20, DF-09: every version that there is an image of
// here shows what its language promises. Of the others it is said that they
// were not run.
func TestDF09EveryLanguageConforms(t *testing.T) {
	group(t)
	var absent []string
	for _, l := range readRegistry(t) {
		var all struct{ Cases []conformance }
		readJSON(t, filepath.Join(languagesDir, l.ID, "testdata", "cases.json"), &all)
		for _, v := range l.Versions {
			if v.Local == "" {
				absent = append(absent, l.ID+" "+v.Version)
				continue
			}
			if v.Version == l.Default {
				t.Run(l.ID+"/"+v.Version+"/example", func(t *testing.T) { beside(t, 3*time.Minute).example(l) })
			}
			for _, c := range all.Cases {
				if c.isFor(v.Version, l.Default) {
					t.Run(l.ID+"/"+v.Version+"/"+c.Name, func(t *testing.T) { beside(t, 3*time.Minute).conform(l, v.Version, c) })
				}
			}
		}
	}
	fmt.Println("not run, for there is no image here:", strings.Join(absent, ", "))
}

// isFor says whether c is run with a version: those that it names, all, or the
// default one.
func (c conformance) isFor(version, byDefault string) bool {
	if len(c.Versions) > 0 {
		return slices.Contains(c.Versions, version)
	}
	return c.EveryVersion || version == byDefault
}

// example runs what the page offers to begin with.
func (s *story) example(l registered) {
	x := s.run(submission{Language: l.ID, Script: l.Example})
	if x.verdict() != "completed 0" || !strings.Contains(x.stdout(), "step") || !strings.Contains(x.stdout(), "4") {
		s.Errorf("%s, stdout %q, stderr %q", x.verdict(), x.stdout(), x.stderr())
	}
}

// conform runs c and compares.
func (s *story) conform(l registered, version string, c conformance) {
	var accepted execution
	s.into(s.do(http.MethodPost, "/api/v1/executions", s.placed(l, version, c)), http.StatusAccepted, &accepted)
	s.note(accepted.ID)
	x := s.ended(accepted.ID)
	var more struct {
		Result struct {
			Compile string `json:"compile_output"`
		}
	}
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+x.ID, nil), http.StatusOK, &more)
	want, r := c.Expect, x.Result
	wrong := func(what string, got, want any) {
		s.Errorf("%s: %v, want %v; %s, stdout %.300q, stderr %.600q, compile %.600q", what, got, want, x.verdict(), x.stdout(), x.stderr(), more.Result.Compile)
	}
	if got := x.verdict(); got != want.Verdict && !strings.HasPrefix(got, want.Verdict+" ") {
		wrong("verdict", got, want.Verdict)
	}
	if want.Stdout != nil && x.stdout() != strings.ReplaceAll(*want.Stdout, "{version}", version) {
		wrong("stdout", x.stdout(), *want.Stdout)
	}
	if want.Stderr != nil && x.stderr() != *want.Stderr {
		wrong("stderr", x.stderr(), *want.Stderr)
	}
	if !strings.Contains(x.stderr(), want.StderrContains) {
		wrong("stderr", x.stderr(), want.StderrContains)
	}
	if want.StdoutBytes != 0 && r.StdoutBytes != want.StdoutBytes {
		wrong("bytes on stdout", r.StdoutBytes, want.StdoutBytes)
	}
	if !strings.Contains(more.Result.Compile, want.CompileContains) {
		wrong("the compiler's words", more.Result.Compile, want.CompileContains)
	}
	if want.PeakMemory != 0 && (r.PeakMemory == nil || *r.PeakMemory < want.PeakMemory) {
		wrong("peak memory", jsonOf(r.PeakMemory), want.PeakMemory)
	}
	if want.CPUSeconds > 0 && r.cpu() < want.CPUSeconds { // of what the kernel killed as a whole nothing is measured
		wrong("seconds of CPU", r.cpu(), want.CPUSeconds)
	}
}

// placed is the submission of c.
func (s *story) placed(l registered, version string, c conformance) any {
	sub := struct {
		submission
		EntryPoint string `json:"entry_point,omitempty"`
	}{
		submission{Language: l.ID, Version: version, Args: c.Args, Stdin: c.Stdin, Env: c.Env, Limits: c.Limits}, c.EntryPoint,
	}
	dir := filepath.Join(languagesDir, l.ID, "testdata")
	if c.Script != "" {
		sub.Script = contentOf(s.T, filepath.Join(dir, c.Script))
		return sub
	}
	for path, text := range c.Files {
		sub.Files = append(sub.Files, file{Path: path, Content: text})
	}
	top := filepath.Join(dir, c.Folder)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			sub.Files = append(sub.Files, file{Path: strings.TrimPrefix(path, top+"/"), Content: contentOf(s.T, path)})
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return sub
}

func readRegistry(t *testing.T) (all []registered) {
	paths, err := filepath.Glob(filepath.Join(languagesDir, "*", "language.json"))
	if err != nil || len(paths) < 25 {
		t.Fatalf("%d languages, %v", len(paths), err)
	}
	for _, path := range paths {
		var l registered
		readJSON(t, path, &l)
		all = append(all, l)
	}
	return all
}

func readJSON(t *testing.T, path string, v any) {
	if err := json.Unmarshal([]byte(contentOf(t, path)), v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func contentOf(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
