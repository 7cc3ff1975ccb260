package kube

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// jobKey is the name of the job in its ConfigMap, and of the file in /job.
const jobKey = "job"

// configMapFor is what brings the job of t to its pod, and to no other.
func configMapFor(t execution.Task) (*corev1.ConfigMap, error) {
	job, err := runner.EncodeJob(jobFor(t))
	if err != nil {
		return nil, err
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: podName(t.ExecutionID), Labels: labels(t.ExecutionID)},
		Immutable:  new(true),
		BinaryData: map[string][]byte{jobKey: job},
	}, nil
}

// jobFor is what the runner does for t. The script is written after the files
// that came with it, so that none of them can take its place; it is empty if
// one of them is the entry point. A user's variable wins over the language's.
func jobFor(t execution.Task) runner.Job {
	p, in := t.Program, t.Input
	job := runner.Job{
		Compile:     p.Compile,
		Run:         append(append([]string{}, p.Run...), in.Args...),
		Env:         execution.Map(p.Env),
		Stdin:       []byte(in.Stdin),
		Interactive: t.Interactive,
		Limits:      limitsOf(t),
	}
	for _, v := range in.Env {
		job.Env[v.Name] = v.Value
	}
	for _, f := range in.Files {
		if in.Script == "" || f.Path != p.FileName {
			job.Files = append(job.Files, runner.File{Path: f.Path, Content: f.Content})
		}
	}
	if in.Script != "" {
		job.Files = append(job.Files, runner.File{Path: p.FileName, Content: []byte(in.Script)})
	}
	return job
}

// limitsOf are the limits that the runner holds. The container has the memory
// of the step that may have more: the runner looks after the other.
func limitsOf(t execution.Task) runner.Limits {
	p, asked := t.Program, t.Limits
	l := runner.Limits{
		WallSeconds: float64(asked.TimeoutSeconds),
		CPUSeconds:  float64(asked.CPUSeconds),
		OutputBytes: asked.OutputBytes,
		Processes:   asked.Processes,
		OpenFiles:   asked.OpenFiles,
		FileBytes:   asked.FileBytes,
		DiskBytes:   asked.DiskBytes,
	}
	if len(p.Compile) == 0 {
		return l
	}
	l.CompileSeconds = float64(cmp.Or(p.CompileSeconds, compileSeconds))
	switch {
	case p.CompileMemoryBytes > asked.MemoryBytes:
		l.MemoryBytes = asked.MemoryBytes
	case p.CompileMemoryBytes < asked.MemoryBytes:
		l.CompileMemoryBytes = p.CompileMemoryBytes // 0: as much as the script
	}
	return l
}
