package languages

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cases is <id>/testdata/cases.json: what every language has to show, and how.
// deploy/dev/e2e runs them in pods, "codesaga-dev check" in the images alone.
type cases struct {
	Lacks map[string]string `json:"lacks"` // what the language cannot show: why
	Cases []struct {
		Name         string            `json:"name"`
		Script       string            `json:"script"`      // a file beside, or:
		Folder       string            `json:"folder"`      // a folder whose files go to the work folder
		Files        map[string]string `json:"files"`       // beside those: path, text
		EntryPoint   string            `json:"entry_point"` // one of the files
		Args         []string          `json:"args"`
		Stdin        string            `json:"stdin"`
		Env          map[string]string `json:"env"`
		Limits       map[string]int64  `json:"limits"`
		Versions     []string          `json:"versions"`      // it is run with these, or:
		EveryVersion bool              `json:"every_version"` // with all; else with the default version
		Covers       []string          `json:"covers"`
		Expect       struct {
			Verdict         string  `json:"verdict"`
			Stdout          *string `json:"stdout"` // {version} stands for the version
			Stderr          *string `json:"stderr"`
			StderrContains  string  `json:"stderr_contains"`
			StdoutBytes     int64   `json:"stdout_bytes"`
			CompileContains string  `json:"compile_output_contains"`
			PeakMemory      int64   `json:"peak_memory_bytes"` // at least
			CPUSeconds      float64 `json:"cpu_seconds"`       // at least
		} `json:"expect"`
	} `json:"cases"`
}

func readCases(t *testing.T, id string) (c cases) {
	f, err := os.Open(filepath.Join(id, "testdata", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatalf("%s: %v", f.Name(), err)
	}
	return c
}

// EX-06, BY-20: a language that is added brings its own proof.
func TestEveryLanguageShowsAllThatItMust(t *testing.T) {
	all, err := Read(Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		needed := []string{"version", "args", "stdin", "env", "utf8", "stderr", "exit", "output", "memory"}
		if len(l.Compile) > 0 {
			needed = append(needed, "compile_error")
		}
		if slices.Contains([]string{"python", "javascript", "ruby", "bash", "go"}, l.ID) {
			needed = append(needed, "burn", "memory_limit", "timeout", "folders")
		}
		c := readCases(t, l.ID)
		covered, idioms := map[string]bool{}, map[string]bool{}
		for what, why := range c.Lacks {
			if covered[what] = true; why == "" {
				t.Errorf("%s lacks %s, and nobody says why", l.ID, what)
			}
		}
		for _, x := range c.Cases {
			for _, what := range x.Covers {
				covered[what] = true
			}
			if slices.Contains(x.Covers, "idiom") {
				for _, v := range l.Versions {
					idioms[v.Version] = idioms[v.Version] || x.EveryVersion || slices.Contains(x.Versions, v.Version)
				}
			}
			if x.Expect.Verdict == "" || (x.Script == "") == (x.Folder == "") {
				t.Errorf("%s, case %s: a verdict and either a script or a folder are needed", l.ID, x.Name)
			}
		}
		for _, what := range needed {
			if !covered[what] {
				t.Errorf("%s: no case covers %s", l.ID, what)
			}
		}
		for _, v := range l.Versions {
			if !idioms[v.Version] {
				t.Errorf("%s %s: no case has an idiom of it", l.ID, v.Version)
			}
		}
	}
}

func TestNoScriptIsForgotten(t *testing.T) {
	all, err := Read(Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		var used []string
		for _, x := range readCases(t, l.ID).Cases {
			used = append(used, x.Script, x.Folder)
		}
		dir := filepath.Join(l.ID, "testdata")
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			name, _, _ := strings.Cut(strings.TrimPrefix(path, dir+"/"), "/")
			if err == nil && !d.IsDir() && name != "cases.json" && !slices.Contains(used, name) {
				t.Errorf("%s is in no case", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
