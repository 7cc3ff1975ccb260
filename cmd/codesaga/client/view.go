package client

import (
	"encoding/json"
	"fmt"
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
	CreatedAt   time.Time         `json:"created_at"`
	ScheduledAt *time.Time        `json:"scheduled_at"`
	StartedAt   *time.Time        `json:"started_at"`
	FinishedAt  *time.Time        `json:"finished_at"`
	Queue       *execution.Queue  `json:"queue"`
	Result      *resultView       `json:"result"`

	raw json.RawMessage // all of it
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
}

// viewOf reads an execution.
func viewOf(raw json.RawMessage) (view, error) {
	x := view{raw: raw}
	if err := json.Unmarshal(raw, &x); err != nil {
		return x, fmt.Errorf("an execution: %w", err)
	}
	if x.ID == "" || x.Status == "" {
		return x, fmt.Errorf("an execution without id or status")
	}
	return x, nil
}

// printed is how many bytes the script wrote to s, and whether all were kept.
func (x view) printed(s execution.Stream) (n int64, truncated bool) {
	switch {
	case x.Result == nil:
		return 0, false
	case s == execution.Stdout:
		return x.Result.StdoutBytes, x.Result.StdoutTruncated
	default:
		return x.Result.StderrBytes, x.Result.StderrTruncated
	}
}

// exitCode is what a shell is told of the run: the script's own code, but never
// 0 unless it completed.
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
}

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
	if (s.Type == "" || s.Type == "snapshot") && !s.Status.Terminal() {
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
