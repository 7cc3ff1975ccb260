package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// attack is a script of testdata/hostile, and what must become of it.
type attack struct {
	Script      string           `json:"script"`
	Name        string           `json:"name"` // if the script is in the table twice
	Limits      map[string]int64 `json:"limits"`
	Loud        bool             `json:"loud"`          // it is one that neighbours could hear
	Verdict     string           `json:"verdict"`       // a regular expression
	Stdout      *string          `json:"stdout"`        // nil: whatever it prints
	Raw         []byte           `json:"stdout_base64"` // likewise
	StdoutBytes int64            `json:"stdout_bytes"`
	Artifacts   []string         `json:"artifacts"` // nil: whatever it leaves
	Skipped     int64            `json:"skipped"`
	Seconds     float64          `json:"seconds"` // that it may run
}

// neighbour is a run that needs processes, files, time and output of its own.
const neighbour = `
import subprocess, time
for i in range(10):
    subprocess.run(["/bin/true"], check=True)
    with open("/tmp/%d" % i, "wb") as f:
        f.write(b"x" * 100_000)
    time.sleep(0.2)
print("unharmed")
`

// KU-10, EX-10, EX-16, EX-17, EX-32, DF-10, DF-35: what strangers have tried,
// and more. The table says what each attack comes to, and none is felt beside it.
func TestAttack(t *testing.T) {
	group(t)
	text, err := os.ReadFile(filepath.Join("testdata", "hostile", "attacks.json"))
	if err != nil {
		t.Fatal(err)
	}
	var attacks []attack
	if err := json.Unmarshal(text, &attacks); err != nil {
		t.Fatal(err)
	}
	helper, err := os.ReadFile(filepath.Join("testdata", "hostile", "attempt.py"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks {
		if a.Name == "" {
			a.Name = a.Script
		}
		t.Run(a.Name, func(t *testing.T) {
			s := beside(t, 4*time.Minute)
			var near execution
			x := s.attack(a, file{Path: "attempt.py", Content: string(helper)})
			if a.Loud {
				near = s.submit(python(neighbour))
			}
			s.cameTo(a, s.ended(x.ID))
			if !a.Loud {
				return
			}
			if near = s.ended(near.ID); near.verdict() != "completed 0" || near.stdout() != "unharmed\n" {
				t.Errorf("the neighbour: %s %s", near.verdict(), near.stderr())
			}
		})
	}
}

// attack submits one. What attacks in Python have in common lies beside them.
func (s *story) attack(a attack, helper file) (x execution) {
	s.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "hostile", a.Script))
	if err != nil {
		s.Fatal(err)
	}
	body := map[string]any{"language": "bash", "script": string(script)}
	if strings.HasSuffix(a.Script, ".py") {
		body["language"], body["files"] = "python", []file{helper}
	}
	if a.Limits != nil {
		body["limits"] = a.Limits
	}
	s.into(s.do(http.MethodPost, "/api/v1/executions", body), http.StatusAccepted, &x)
	s.note(x.ID)
	return x
}

// cameTo checks that x came to what a says.
func (s *story) cameTo(a attack, x execution) {
	s.Helper()
	if !regexp.MustCompile("^(" + a.Verdict + ")$").MatchString(x.verdict()) {
		s.Errorf("%s, want %s; stdout %.500q, stderr %.500q", x.verdict(), a.Verdict, x.stdout(), x.stderr())
	}
	if a.Stdout != nil && x.stdout() != *a.Stdout {
		s.Errorf("stdout %.500q, want %q; stderr %.500q", x.stdout(), *a.Stdout, x.stderr())
	}
	if a.Raw != nil && s.output(x.ID, "stdout") != string(a.Raw) {
		s.Errorf("stdout %q, want %q", s.output(x.ID, "stdout"), a.Raw)
	}
	if a.StdoutBytes != 0 && x.Result.StdoutBytes != a.StdoutBytes {
		s.Errorf("%d bytes on stdout, want %d", x.Result.StdoutBytes, a.StdoutBytes)
	}
	if wall := x.Result.wall(); wall > a.Seconds {
		s.Errorf("it ran for %.1f s of %.0f", wall, a.Seconds)
	}
	if a.Artifacts == nil {
		return
	}
	var left struct {
		Items []struct {
			Path string `json:"path"`
		} `json:"items"`
		Skipped int64 `json:"skipped"`
	}
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/artifacts", nil), http.StatusOK, &left)
	var paths []string
	for _, item := range left.Items {
		paths = append(paths, item.Path)
	}
	if !slices.Equal(paths, a.Artifacts) || left.Skipped != a.Skipped {
		s.Errorf("left %q and %d others, want %q and %d", paths, left.Skipped, a.Artifacts, a.Skipped)
	}
}
