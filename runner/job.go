package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
)

// Job is all that the runner has to know of one execution: what to write, what
// to start, and how far it may go. The kube worker writes it with EncodeJob, the
// runner reads it from the file that it is given.
type Job struct {
	Files   []File            `json:"-"`                 // written below /work before anything starts
	Compile []string          `json:"compile,omitempty"` // argv of the compile step; empty: there is none
	Run     []string          `json:"run"`               // argv of the script; argv[0] is sought in PATH
	Env     map[string]string `json:"env,omitempty"`     // of both steps, over PATH, HOME, LANG and TMPDIR
	Stdin   []byte            `json:"-"`                 // of the script; the compile step has none
	Limits  Limits            `json:"limits"`

	// The script's stdin stays open behind Stdin: what follows comes in feeds.
	Interactive bool `json:"interactive,omitempty"`
}

// File is one file of a job. Path is relative to /work, with slashes, in its
// shortest form and without "..". Its folders are made.
type File struct {
	Path    string
	Content []byte
}

// Limits say how far a job may go. What is 0 is not limited, unless said
// otherwise. The compile step has time and memory of its own, and more processes;
// CPUSeconds, OpenFiles and FileBytes are the script's alone. The others hold in
// both steps.
type Limits struct {
	WallSeconds    float64 `json:"wall_time_seconds"`              // of the script, from the start of its process; not 0
	CompileSeconds float64 `json:"compile_time_seconds,omitempty"` // the same of the compile step; not 0 if there is one
	CPUSeconds     float64 `json:"cpu_time_seconds,omitempty"`     // of all processes together, looked at ten times a second

	// What is in use, without the page cache that could be dropped; looked at
	// fifty times a second. They are for a step that may take less than the
	// container: at the container's own limit the kernel is the one that looks.
	MemoryBytes        int64 `json:"memory_bytes,omitempty"`
	CompileMemoryBytes int64 `json:"compile_memory_bytes,omitempty"`

	OutputBytes        int64 `json:"output_bytes,omitempty"`         // kept of each stream; what is more is only counted
	OutputCeilingBytes int64 `json:"output_ceiling_bytes,omitempty"` // of all streams; more ends the run. 0: 1 GiB

	// Processes and threads at a time. More than that, seen ten times a second
	// in the cgroup, ends the run. RLIMIT_NPROC cannot be the limit, for it
	// counts per uid: without a user namespace all pods of a node share one,
	// and one fork bomb would keep its neighbours from forking. With a user
	// namespace it is set as well, a little higher; without one the kubelet's
	// podPidsLimit is what stops a bomb between two looks.
	Processes int64 `json:"processes,omitempty"`
	OpenFiles int64 `json:"open_files,omitempty"` // of each process, RLIMIT_NOFILE
	FileBytes int64 `json:"file_bytes,omitempty"` // of each file that is written, RLIMIT_FSIZE
	DiskBytes int64 `json:"disk_bytes,omitempty"` // of all files together, see usage
}

// compileProcesses are those of the compile step at least: compilers start more
// of them, and threads, than most scripts.
const compileProcesses = 512

// compile is what of l holds in the compile step.
func (l Limits) compile() Limits {
	c := Limits{WallSeconds: l.CompileSeconds, MemoryBytes: l.CompileMemoryBytes, DiskBytes: l.DiskBytes}
	if l.Processes > 0 {
		c.Processes = max(l.Processes, compileProcesses)
	}
	return c
}

const outputCeiling = 1 << 30 // bytes, when a job says nothing

// jobHead is the first line of an encoded job, in JSON. The bytes that it counts
// follow as they are, stdin first: in base64 they would not fit the ConfigMap
// that a job travels in.
type jobHead struct {
	Job
	StdinBytes int        `json:"stdin_bytes,omitempty"`
	FileHeads  []fileHead `json:"files,omitempty"`
}

type fileHead struct {
	Path  string `json:"path"`
	Bytes int    `json:"bytes"`
}

// EncodeJob returns j as a runner reads it: little more than the bytes of its
// files and its stdin.
func EncodeJob(j Job) ([]byte, error) {
	head, body := jobHead{Job: j, StdinBytes: len(j.Stdin)}, bytes.Clone(j.Stdin)
	for _, f := range j.Files {
		head.FileHeads = append(head.FileHeads, fileHead{f.Path, len(f.Content)})
		body = append(body, f.Content...)
	}
	line, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode job: %w", err)
	}
	return append(append(line, '\n'), body...), nil
}

// readJob reads a job and refuses what this runner would not do: a field that
// it does not know may be a limit of a newer kube worker.
func readJob(r io.Reader) (Job, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return Job{}, fmt.Errorf("read job: %w", err)
	}
	line, body, _ := bytes.Cut(text, []byte("\n"))
	var head jobHead
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&head); err != nil {
		return Job{}, fmt.Errorf("read job: %w", err)
	}
	job := head.Job
	take := func(n int) (b []byte) {
		if n < 0 || n > len(body) {
			err = fmt.Errorf("read job: %d bytes in place of %d", len(body), n)
			return nil
		}
		b, body = body[:n:n], body[n:]
		return b
	}
	job.Stdin = take(head.StdinBytes)
	for _, f := range head.FileHeads {
		job.Files = append(job.Files, File{f.Path, take(f.Bytes)})
	}
	if err == nil && len(body) > 0 {
		err = fmt.Errorf("read job: %d bytes too many", len(body))
	}
	if err != nil {
		return Job{}, err
	}
	if job.Limits.OutputCeilingBytes == 0 {
		job.Limits.OutputCeilingBytes = outputCeiling
	}
	return job, job.check()
}

func (j Job) check() error {
	l := j.Limits
	switch {
	case len(j.Run) == 0 || j.Run[0] == "":
		return errors.New("job: nothing to run")
	case len(j.Compile) > 0 && j.Compile[0] == "":
		return errors.New("job: compile names no program")
	case !(l.WallSeconds > 0), len(j.Compile) > 0 && !(l.CompileSeconds > 0):
		return errors.New("job: a step without a deadline")
	case min(l.CompileSeconds, l.CPUSeconds) < 0,
		min(l.OutputBytes, l.OutputCeilingBytes, l.Processes, l.OpenFiles, l.FileBytes, l.DiskBytes, l.MemoryBytes, l.CompileMemoryBytes) < 0:
		return errors.New("job: a limit below 0")
	}
	for name, value := range j.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return fmt.Errorf("job: env %q", name)
		}
	}
	for _, f := range j.Files {
		if !safe(f.Path) {
			return fmt.Errorf("job: path %q", f.Path)
		}
	}
	return nil
}

// safe says that p names something below the folder it is relative to.
func safe(p string) bool {
	return p != "." && p == path.Clean(p) && filepath.IsLocal(p) && !bytes.ContainsAny([]byte(p), "\\\x00")
}
