package e2e

import (
	"encoding/json"
	"time"
)

// submission is the body of POST /executions.
type submission struct {
	Language string            `json:"language,omitempty"`
	Version  string            `json:"version,omitempty"`
	Script   string            `json:"script,omitempty"`
	Args     []string          `json:"args,omitempty"`
	Stdin    string            `json:"stdin,omitempty"`
	Env      map[string]string `json:"env,omitempty"`
	Files    []file            `json:"files,omitempty"`
	Limits   *limits           `json:"limits,omitempty"`
	Priority string            `json:"priority,omitempty"`
	Pool     string            `json:"pool,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`

	EntryPoint  string         `json:"entry_point,omitempty"`
	Interactive bool           `json:"interactive,omitempty"`
	ScheduledAt *time.Time     `json:"scheduled_at,omitempty"`
	Expected    map[string]any `json:"expected_output,omitempty"`
	Network     map[string]any `json:"network,omitempty"`
}

type file struct {
	Path    string `json:"path"`
	Content string `json:"content,omitempty"`
	Base64  []byte `json:"content_base64,omitempty"`
}

type limits struct {
	Timeout   int64 `json:"timeout_seconds,omitempty"`
	CPUMillis int64 `json:"cpu_millis,omitempty"`
	Memory    int64 `json:"memory_bytes,omitempty"`
	Output    int64 `json:"output_bytes,omitempty"`
	Processes int64 `json:"processes,omitempty"`
	Disk      int64 `json:"disk_bytes,omitempty"`
	CPU       int64 `json:"cpu_seconds,omitempty"`
	OpenFiles int64 `json:"open_files,omitempty"`
	FileBytes int64 `json:"file_bytes,omitempty"`
}

func python(script string) submission { return submission{Language: "python", Script: script} }

func bash(script string) submission { return submission{Language: "bash", Script: script} }

// execution is one as GET gives it.
type execution struct {
	ID          string            `json:"id"`
	Status      string            `json:"status"`
	ErrorType   *string           `json:"error_type"`
	Limit       *string           `json:"limit"`
	Reason      *string           `json:"reason"`
	Message     *string           `json:"message"`
	Language    string            `json:"language"`
	Version     string            `json:"version"`
	Labels      map[string]string `json:"labels"`
	Limits      limits            `json:"limits"`
	CreatedAt   time.Time         `json:"created_at"`
	ScheduledAt *time.Time        `json:"scheduled_at"`
	StartedAt   *time.Time        `json:"started_at"`
	FinishedAt  *time.Time        `json:"finished_at"`
	CancelledBy *string           `json:"cancelled_by"`
	Queue       *struct {
		Position   int64   `json:"position"`
		ETASeconds float64 `json:"eta_seconds"`
	} `json:"queue"`
	Result *result `json:"result"`

	UserID       string     `json:"user_id"`
	Priority     string     `json:"priority"`
	EntryPoint   *string    `json:"entry_point"`
	Attempt      int        `json:"attempt"`
	ParentID     *string    `json:"parent_id"`
	Retries      []string   `json:"retries"`
	ScheduledFor *time.Time `json:"scheduled_for"`
}

type result struct {
	Stdout          *string  `json:"stdout"`
	Stderr          *string  `json:"stderr"`
	StdoutBytes     int64    `json:"stdout_bytes"`
	StderrBytes     int64    `json:"stderr_bytes"`
	StdoutTruncated bool     `json:"stdout_truncated"`
	StderrTruncated bool     `json:"stderr_truncated"`
	Complete        bool     `json:"output_complete"`
	OutputURL       string   `json:"output_url"`
	ExitCode        *int     `json:"exit_code"`
	Signal          *string  `json:"signal"`
	Wall            *float64 `json:"wall_time_seconds"`
	CPU             *float64 `json:"cpu_time_seconds"`
	PeakMemory      *int64   `json:"peak_memory_bytes"`
	OOMKilled       bool     `json:"oom_killed"`

	CompileOutput    *string    `json:"compile_output"`
	CompileBytes     int64      `json:"compile_output_bytes"`
	Artifacts        []artifact `json:"artifacts"`
	ArtifactsSkipped int64      `json:"artifacts_skipped"`
	QueueSeconds     *float64   `json:"queue_seconds"`
	Judge            *struct {
		Passed bool   `json:"passed"`
		Detail string `json:"detail"`
	} `json:"judge"`
}

// artifact is a file that a script left.
type artifact struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	URL    string `json:"url"`
}

// wall is how long the script ran; -1 if that is not known.
func (r *result) wall() float64 { return orNot(r.Wall) }

// cpu is likewise.
func (r *result) cpu() float64 { return orNot(r.CPU) }

func orNot(seconds *float64) float64 {
	if seconds == nil {
		return -1
	}
	return *seconds
}

func deref(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

var terminal = map[string]bool{"completed": true, "failed": true, "timeout": true, "cancelled": true, "error": true}

// verdict is how x ended in one line: status, error_type, limit, exit code and
// signal, those that there are.
func (x execution) verdict() string {
	v := x.Status
	for _, part := range []*string{x.ErrorType, x.Limit} {
		if part != nil {
			v += " " + *part
		}
	}
	if x.Result == nil {
		return v
	}
	if code := x.Result.ExitCode; code != nil {
		v += " " + jsonOf(*code)
	}
	if signal := x.Result.Signal; signal != nil {
		v += " " + *signal
	}
	return v
}

// stdout is what GET shows of it.
func (x execution) stdout() string {
	if x.Result == nil || x.Result.Stdout == nil {
		return ""
	}
	return *x.Result.Stdout
}

func (x execution) stderr() string {
	if x.Result == nil || x.Result.Stderr == nil {
		return ""
	}
	return *x.Result.Stderr
}

// event is one of a timeline.
type event struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	ExecutionID string          `json:"execution_id"`
	Source      string          `json:"source"`
	At          time.Time       `json:"occurred_at"`
	Outcome     json.RawMessage `json:"outcome"`
}

// ending reports whether e says how an execution ended, and as what.
func (e event) ending() (status string, ok bool) {
	var o struct{ Status string }
	if len(e.Outcome) == 0 || string(e.Outcome) == "null" || json.Unmarshal(e.Outcome, &o) != nil {
		return "", false
	}
	return o.Status, true
}

// problem is an error (RFC 9457).
type problem struct {
	Type          string `json:"type"`
	Title         string `json:"title"`
	Status        int    `json:"status"`
	Detail        string `json:"detail"`
	Instance      string `json:"instance"`
	CorrelationID string `json:"correlation_id"`
	Errors        []struct {
		Field string `json:"field"`
		Rule  string `json:"rule"`
	} `json:"errors"`
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
