package runner

import "time"

// Phase is a step of a job.
type Phase string

// The steps: only compiled languages have the first.
const (
	Compile Phase = "compile"
	Run     Phase = "run"
)

// Started is what a Start frame carries, in JSON: a step's process runs the
// program that it was meant to. A job that compiles has two.
type Started struct {
	At    time.Time `json:"at"` // UTC
	Phase Phase     `json:"phase"`
}

// End is what the Final frame carries, in JSON: how the job ended, and what
// all of its processes took.
//
// Usage is the container's own, from its cgroup (v2: cpu.stat, memory.peak; v1:
// cpuacct.usage, memory.max_usage_in_bytes), and counts every process, the
// runner's few milliseconds and megabytes included. Where it cannot be read it
// is that of the processes which were waited for (getrusage).
type End struct {
	ExitCode int32  `json:"exit_code"`        // 0..255; 128+n by signal n; 137 if memory ran out; -1 if the script never started
	Signal   string `json:"signal,omitempty"` // such as SIGSEGV; only if it was ended by one
	Phase    Phase  `json:"phase"`            // Compile if that step failed or was cut short

	TimedOut  bool   `json:"timed_out,omitempty"`  // the runner's deadline
	Stopped   bool   `json:"stopped,omitempty"`    // by SIGTERM, whoever sent it
	Limit     string `json:"limit,omitempty"`      // memory, cpu_time, processes, open_files, file_size, disk or output
	OOMKilled bool   `json:"oom_killed,omitempty"` // any process of this phase; and that is the limit
	Error     string `json:"error,omitempty"`      // the platform's own failure; what the script did is no error

	// Of the process that Phase names; zero if it never started.
	StartedAt   time.Time `json:"started_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
	WallSeconds float64   `json:"wall_time_seconds"`
	CPUSeconds  float64   `json:"cpu_time_seconds"`

	// Of the compile step, when the script was reached: the bill is the sum.
	CompileWallSeconds float64 `json:"compile_wall_time_seconds,omitempty"`
	CompileCPUSeconds  float64 `json:"compile_cpu_time_seconds,omitempty"`

	// The high-water mark of the container's whole life, page cache included:
	// it cannot be reset from inside. Without a cgroup, the resident set of the
	// largest process.
	PeakMemoryBytes int64 `json:"peak_memory_bytes"`

	Frames           int64 `json:"frames"`       // of the four streams
	StdoutBytes      int64 `json:"stdout_bytes"` // that the script wrote, in full
	StderrBytes      int64 `json:"stderr_bytes"`
	CompileBytes     int64 `json:"compile_bytes,omitempty"`    // that the compile step wrote, both outputs together
	StdoutTruncated  bool  `json:"stdout_truncated,omitempty"` // less than that is in frames
	StderrTruncated  bool  `json:"stderr_truncated,omitempty"`
	CompileTruncated bool  `json:"compile_truncated,omitempty"`

	Artifacts        []Artifact `json:"artifacts,omitempty"`         // in the order of their bytes
	ArtifactsSkipped int64      `json:"artifacts_skipped,omitempty"` // what else there was: too many, too large, or no plain files
}

// Artifact is a file that the script left below /out. Its bytes are in frames
// of kind ArtifactData.
type Artifact struct {
	Path     string `json:"path"` // below /out, with slashes, in its shortest form; at most 255 bytes of UTF-8
	Bytes    int64  `json:"bytes"`
	Position int64  `json:"position"` // of the first one, in their stream
	SHA256   string `json:"sha256"`   // in hex
}
