package kube

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files are what reviewers read: each change to what a script may do
// shows up in them as a change to a manifest.
func TestPodIsLockedDown(t *testing.T) {
	compiled := task()
	compiled.Language = "go"
	compiled.Program.Compile, compiled.Program.CompileSeconds, compiled.Program.CompileMemoryBytes = []string{"go", "build"}, 45, 1<<30
	all := Settings{RunnerImage: "codesaga/runner:1", RuntimeClass: "gvisor", UserNamespaces: true}
	plain := Settings{RunnerImage: "codesaga/runner:1"}
	initial := Settings{RunnerImage: "codesaga/runner:1", InitContainer: true, GraceSeconds: 5, StartSeconds: 90}
	small := task()
	small.Limits.CPUMillis = 100
	interactive, egress := task(), task()
	interactive.Interactive = true
	egress.Egress = []execution.Egress{{CIDR: "192.0.2.0/24"}}
	selected := plain
	selected.NodeSelector = map[string]string{"pool": "gpu"}
	tests := []struct {
		name     string
		task     execution.Task
		settings Settings
	}{
		{"pod", task(), all}, {"compiled", compiled, all}, {"init", task(), initial}, {"plain", task(), plain}, {"small", small, plain},
		{"interactive", interactive, plain}, {"egress", egress, plain}, {"selected", task(), selected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { golden(t, tt.name, podFor(tt.task, tt.settings)) })
	}
}

// golden compares object with its file.
func golden(t *testing.T, name string, object any) {
	t.Helper()
	file := "testdata/" + name + ".golden.yaml"
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s; if that is meant, run the test with -update and review the change\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

// What a run with egress may reach, beside the cluster's names.
func TestPolicyOfARun(t *testing.T) {
	x := task()
	x.Egress = []execution.Egress{
		{CIDR: "192.0.2.7/24", Ports: []int32{443, 80}}, {CIDR: "0.0.0.0/0"}, {CIDR: "2000::/3", Ports: []int32{443}}, {CIDR: "fd00::/8"},
		{CIDR: "169.254.169.254/32"}, {CIDR: "fd00:ec2::254/128"}, {CIDR: "::ffff:169.254.169.254/128"}, {CIDR: "nonsense"}, // of these there is nothing left
	}
	job := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "execution-x1", UID: "u1"}}
	golden(t, "policy", policyFor(x, job))
}

func TestDaemonSetThatPullsImages(t *testing.T) {
	golden(t, "prepull", prepullFor(SetupOptions{
		RunnerImage: "codesaga/runner:1", Images: []string{"python:3.14", "bash:5", "bash:5"}, NodeSelector: map[string]string{"pool": "gpu"},
	}))
}

// What users choose, be it their own name, is never a label that could not be
// one, nor one of another's.
func TestLabelsAreSafe(t *testing.T) {
	evil := task()
	evil.UserID, evil.Language, evil.Pool, evil.CorrelationID = "a b", "c++", strings.Repeat("p", 99), "{x}"
	pod := podFor(evil, Settings{})
	for name, value := range pod.Labels {
		if errs := append(validation.IsValidLabelValue(value), validation.IsQualifiedName(name)...); len(errs) > 0 {
			t.Errorf("%s=%s: %v", name, value, errs)
		}
	}
	if pod.Labels[labelUser] == labelValue("a  b") || pod.Annotations[annotationUser] != "a b" {
		t.Errorf("%v %v", pod.Labels, pod.Annotations)
	}
	tame := podFor(task(), Settings{})
	want := map[string]string{
		managedBy: "codesaga", labelExecution: "x1", labelUser: "ann", labelLanguage: "python", labelPool: "default", labelCorrelation: "c1",
	}
	if !maps.Equal(tame.Labels, want) {
		t.Error(cmp.Diff(want, tame.Labels))
	}
}

func TestJob(t *testing.T) {
	in := task()
	in.Program.Compile, in.Program.CompileSeconds, in.Program.CompileMemoryBytes = []string{"make"}, 90, 1<<30
	in.Input.Stdin = "\xff"
	in.Input.Files = []execution.File{{Path: "main.py", Content: []byte("not the script")}, {Path: "d/x", Content: []byte{0}}}
	in.Limits.CPUSeconds, in.Limits.OpenFiles, in.Limits.FileBytes = 7, 20, 1<<10
	in.Interactive = true
	want := runner.Job{
		Files:   []runner.File{{Path: "d/x", Content: []byte{0}}, {Path: "main.py", Content: []byte("print(1)")}},
		Compile: []string{"make"}, Run: []string{"python3", "main.py", "-v"},
		Env: map[string]string{"A": "2"}, Stdin: []byte("\xff"), Interactive: true,
		Limits: runner.Limits{
			WallSeconds: 30, CompileSeconds: 90, CPUSeconds: 7, MemoryBytes: 128 << 20, OutputBytes: 1 << 20,
			Processes: 64, OpenFiles: 20, FileBytes: 1 << 10, DiskBytes: 64 << 20,
		},
	}
	if diff := cmp.Diff(want, jobFor(in)); diff != "" {
		t.Error(diff)
	}
	if got := in.Program.Run; len(got) != 2 {
		t.Errorf("the task was changed: %v", got)
	}
}

// The step that may have less than the container has a limit of its own.
func TestMemoryOfSteps(t *testing.T) {
	for _, c := range []struct{ script, compile, wantScript, wantCompile int64 }{
		{128, 1024, 128, 0}, {1024, 128, 0, 128}, {128, 128, 0, 0}, {128, 0, 0, 0},
	} {
		in := task()
		in.Program.Compile, in.Program.CompileMemoryBytes, in.Limits.MemoryBytes = []string{"make"}, c.compile, c.script
		if l := jobFor(in).Limits; l.MemoryBytes != c.wantScript || l.CompileMemoryBytes != c.wantCompile || l.CompileSeconds != compileSeconds {
			t.Errorf("%+v: %+v", c, l)
		}
		in.Program.Compile = nil
		if l := jobFor(in).Limits; l.MemoryBytes != 0 || l.CompileMemoryBytes != 0 || l.CompileSeconds != 0 {
			t.Errorf("not compiled, %+v: %+v", c, l)
		}
	}
}

// The entry point is one of the files: it is written as it came.
func TestJobWithoutAScript(t *testing.T) {
	in := task()
	in.Program.FileName, in.Input.Script = "d/main.py", ""
	in.Input.Files = []execution.File{{Path: "d/main.py", Content: []byte("print(2)")}, {Path: "d/x"}}
	want := []runner.File{{Path: "d/main.py", Content: []byte("print(2)")}, {Path: "d/x"}}
	if diff := cmp.Diff(want, jobFor(in).Files); diff != "" {
		t.Error(diff)
	}
}

// What may be submitted at most, fits (1 MiB, Kubernetes' limit for the data of
// a ConfigMap).
func TestLargestJobFits(t *testing.T) {
	in := task()
	in.Input.Stdin = strings.Repeat("\xff", 900<<10-len(in.Input.Script))
	job, err := configMapFor(in)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(job.BinaryData[jobKey]); n > 1<<20-64<<10 {
		t.Errorf("%d bytes", n)
	}
}
