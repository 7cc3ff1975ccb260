package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// examples are consumers to be copied, made ready to run: name → command line.
func (s *story) examples() map[string][]string {
	s.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		s.Fatal(err)
	}
	dir := s.TempDir()
	built, python := filepath.Join(dir, "consumer-go"), filepath.Join(dir, "venv", "bin", "python")
	folder := filepath.Join(root, "deploy/examples/consumer-python")
	for _, args := range [][]string{
		{"go", "build", "-C", root, "-o", built, "./deploy/examples/consumer-go"},
		{"python3", "-m", "venv", filepath.Join(dir, "venv")},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(folder, "requirements.txt")},
	} {
		if out, err := exec.CommandContext(s.ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			s.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return map[string][]string{"go": {built}, "python": {python, filepath.Join(folder, "consumer.py")}}
}

// pages is what a process writes, to be read meanwhile.
type pages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pages) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// EV-12: who has nothing but public libraries follows the topics, goes on where
// the group was, and ends when asked.
func TestExampleConsumersFollowTheTopics(t *testing.T) {
	s := beside(t, 5*time.Minute)
	for name, args := range s.examples() {
		t.Run(name, func(t *testing.T) {
			group := the.prefix + "example-" + name
			first := s.run(python("print(1)"))
			one := s.consume(t, args, group, first.ID)
			second := s.run(python("print(2)"))
			two := s.consume(t, args, group, second.ID)
			if again := about(two, first.ID); strings.Contains(again, "result_stored") {
				t.Errorf("told again: %s", again)
			}
			for text, id := range map[string]string{about(one, first.ID): first.ID, about(two, second.ID): second.ID} {
				for _, kind := range []string{"execution_requested", "pod_created", "execution_completed"} {
					if !strings.Contains(text, kind) {
						t.Errorf("%s of %s is missing in:\n%s", kind, id, text)
					}
				}
			}
		})
	}
}

// about are the lines that name id.
func about(text, id string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.Contains(line, id) })
	return strings.Join(lines, "\n")
}

// consume runs a consumer until it has told all of an execution, and returns
// what it said.
func (s *story) consume(t *testing.T, args []string, group, id string) string {
	t.Helper()
	var out, errs pages
	cmd := exec.CommandContext(s.ctx, args[0], append(args[1:], group)...)
	cmd.Env = append(os.Environ(), "KAFKA_BROKERS="+the.kafka, "TOPIC="+the.prefix+"execution_events",
		"SCHEMA_REGISTRY_URL="+os.Getenv("CODESAGA_SCHEMA_REGISTRY_URL"))
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := await(s.ctx, 90*time.Second, func() (bool, string) {
		told := about(out.String(), id)
		return strings.Contains(told, `"result_stored"`), fmt.Sprintf("told %.2000s, stderr %.500s", cmp.Or(told, "nothing"), errs.String())
	})
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if ended := cmd.Wait(); err != nil || ended != nil {
		t.Fatalf("%v; ended with %v; stderr %s", err, ended, errs.String())
	}
	return out.String()
}
