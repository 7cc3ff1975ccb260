package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// view is an execution as the API shows it: what the client needs of it.
type view struct {
	ID          execution.ID      `json:"id"`
	Status      execution.Status  `json:"status"`
	ErrorType   string            `json:"error_type"`
	Limit       string            `json:"limit"`
	Reason      string            `json:"reason"`
	Message     string            `json:"message"`
	Language    string            `json:"language"`
	Version     string            `json:"version"`
	Priority    string            `json:"priority"`
	Pool        string            `json:"pool"`
	UserID      string            `json:"user_id"`
	Labels      map[string]string `json:"labels"`
	Limits      execution.Limits  `json:"limits"`
	Attempt     int32             `json:"attempt"`
	ParentID    execution.ID      `json:"parent_id"`
	TraceID     string            `json:"trace_id"`
	TraceURL    string            `json:"trace_url"`
	CreatedAt   time.Time         `json:"created_at"`
	ScheduledAt *time.Time        `json:"scheduled_at"`
	StartedAt   *time.Time        `json:"started_at"`
	FinishedAt  *time.Time        `json:"finished_at"`
	Queue       *execution.Queue  `json:"queue"`
	Result      *resultView       `json:"result"`

	EntryPoint   string                `json:"entry_point"`
	Interactive  bool                  `json:"interactive"`
	Network      network               `json:"network"`
	Retry        execution.RetryPolicy `json:"retry"`
	Retries      []execution.ID        `json:"retries"`
	CallbackURL  string                `json:"callback_url"`
	ScheduledFor *time.Time            `json:"scheduled_for"`
	ScheduleID   string                `json:"schedule_id"`
	BatchID      string                `json:"batch_id"`
	BatchIndex   *int32                `json:"batch_index"`
	Waiting      *waiting              `json:"waiting_reason"`

	raw json.RawMessage // all of it
}

// waiting is why a pod does not start.
type waiting struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// resultView is what a run left, without its output.
type resultView struct {
	StdoutBytes     int64    `json:"stdout_bytes"`
	StderrBytes     int64    `json:"stderr_bytes"`
	StdoutTruncated bool     `json:"stdout_truncated"`
	StderrTruncated bool     `json:"stderr_truncated"`
	ExitCode        *int     `json:"exit_code"`
	Signal          string   `json:"signal"`
	WallSeconds     *float64 `json:"wall_time_seconds"` // nil: not measured
	CPUSeconds      *float64 `json:"cpu_time_seconds"`  // likewise
	PeakMemoryBytes *int64   `json:"peak_memory_bytes"` // likewise

	CompileBytes     int64      `json:"compile_output_bytes"`
	CompileTruncated bool       `json:"compile_output_truncated"`
	CompileWall      *float64   `json:"compile_wall_time_seconds"`
	CompileCPU       *float64   `json:"compile_cpu_time_seconds"`
	QueueSeconds     *float64   `json:"queue_seconds"`
	GiBSeconds       *float64   `json:"gib_seconds"`
	Artifacts        []artifact `json:"artifacts"`
	ArtifactsSkipped int64      `json:"artifacts_skipped"`
	Judge            *judge     `json:"judge"`
}

// judge says whether the script printed what was expected.
type judge struct {
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// UnmarshalJSON reads an execution; one without ID or status is none.
func (x *view) UnmarshalJSON(raw []byte) error {
	type plain view
	var v plain
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("an execution: %w", err)
	}
	if v.ID == "" || v.Status == "" {
		return errors.New("an execution without id or status")
	}
	*x, x.raw = view(v), slices.Clone(raw)
	return nil
}

// printed is how many bytes the script wrote to s, and whether all were kept.
func (x view) printed(s execution.Stream) (n int64, truncated bool) {
	switch {
	case x.Result == nil:
		return 0, false
	case s == execution.Compile:
		return x.Result.CompileBytes, x.Result.CompileTruncated
	case s == execution.Stdout:
		return x.Result.StdoutBytes, x.Result.StdoutTruncated
	default:
		return x.Result.StderrBytes, x.Result.StderrTruncated
	}
}

// exitCode is what a shell is told of the run: the script's own code, but never
// 0 unless it completed, with what was expected of it.
func (x view) exitCode() int {
	switch x.Status {
	case execution.TimedOut:
		return exitTimeout
	case execution.Cancelled:
		return exitCancelled
	case execution.Completed, execution.Failed:
	default:
		return exitPlatform
	}
	switch code := x.scriptCode(); {
	case x.Status == execution.Completed && x.wrong():
		return exitFailed
	case x.Status == execution.Completed:
		return code
	case code != 0:
		return code
	case x.Limit == "memory":
		return 137 // 128 + SIGKILL
	default:
		return 1
	}
}

// wrong reports whether the script did not print what was expected.
func (x view) wrong() bool { return x.Result != nil && x.Result.Judge != nil && !x.Result.Judge.Passed }

func (x view) scriptCode() int {
	if x.Result == nil || x.Result.ExitCode == nil {
		return 0
	}
	return *x.Result.ExitCode
}

// verdict says in words how the run ended, if its exit code does not say it
// all.
func (x view) verdict() string {
	switch {
	case x.Status == execution.TimedOut && x.Limits.TimeoutSeconds > 0:
		return fmt.Sprintf("timed out after %d s", x.Limits.TimeoutSeconds)
	case x.Status == execution.TimedOut:
		return "timed out"
	case x.Status == execution.Cancelled:
		return with("cancelled", x.Reason)
	case x.Status == execution.Errored:
		return with(with("the platform failed", x.Reason), x.Message)
	case x.ErrorType == "resource_limit":
		return "ended by its limit of " + x.limit()
	case x.ErrorType == "compile_error":
		return with("does not compile", x.Message)
	case x.Result != nil && x.Result.Signal != "":
		return "ended by " + x.Result.Signal
	case x.Status == execution.Completed && x.wrong():
		return with("the output is not as expected", x.Result.Judge.Detail)
	default:
		return ""
	}
}

// limit names the limit that ended the run, and says what it was.
func (x view) limit() string {
	switch l := x.Limits; {
	case x.Limit == "memory" && l.MemoryBytes > 0:
		return "memory: " + bytesText(l.MemoryBytes)
	case x.Limit == "disk" && l.DiskBytes > 0:
		return "disk: " + bytesText(l.DiskBytes)
	case x.Limit == "processes" && l.Processes > 0:
		return fmt.Sprintf("processes: %d", l.Processes)
	case x.Limit == "cpu_time" && l.CPUSeconds > 0:
		return fmt.Sprintf("CPU time: %d s", l.CPUSeconds)
	case x.Limit == "open_files" && l.OpenFiles > 0:
		return fmt.Sprintf("open files: %d", l.OpenFiles)
	case x.Limit == "file_size" && l.FileBytes > 0:
		return "file size: " + bytesText(l.FileBytes)
	default:
		return with(x.Limit, x.Message)
	}
}

func with(s, more string) string {
	if more == "" {
		return s
	}
	return s + ": " + more
}

// statusFrame is the data of a status event.
type statusFrame struct {
	Status execution.Status    `json:"status"`
	Type   execution.EventType `json:"type"`
	Queue  *execution.Queue    `json:"queue"`
	Pod    *waiting            `json:"pod"`
}

// podWaiting is the event that says why a pod does not start.
const podWaiting = "pod_waiting"

// stages are the events that bring a run on, as users see them.
var stages = map[execution.EventType]string{
	execution.ExecutionQueued:    "queued",
	execution.ExecutionScheduled: "scheduled",
	execution.PodCreated:         "pod created",
	execution.PodScheduled:       "pod starting",
	execution.PodRunning:         "running",
}

// stage is what to show now, or nothing if this is not about a stage. A
// snapshot is the present state.
func (s statusFrame) stage() string {
	stage := stages[s.Type]
	switch {
	case s.Type == podWaiting && s.Pod != nil:
		stage = with("the pod waits", with(s.Pod.Reason, s.Pod.Message))
	case (s.Type == "" || s.Type == "snapshot" || s.Type == "queue") && !s.Status.Terminal(): // how it stands
		stage = string(s.Status)
	}
	if stage == "queued" && s.Queue != nil && s.Queue.Position > 0 {
		stage += fmt.Sprintf(", position %d", s.Queue.Position)
		if s.Queue.ETASeconds >= 1 {
			stage += fmt.Sprintf(", about %.0f s", s.Queue.ETASeconds)
		}
	}
	return stage
}
