package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/codesaga/codesaga/execution"
)

// View is an execution as clients get it.
type View struct {
	ID        execution.ID       `json:"id"`
	Status    execution.Status   `json:"status"`
	ErrorType Text               `json:"error_type"`
	Limit     Text               `json:"limit"`   // of a resource_limit: which
	Reason    Text               `json:"reason"`  // of a system_error: which; of a cancellation: as the user gave it
	Message   Text               `json:"message"` // for people
	Language  string             `json:"language"`
	Version   string             `json:"version"`
	Priority  execution.Priority `json:"priority"`
	Pool      string             `json:"pool"`
	Labels    map[string]string  `json:"labels"`
	Limits    execution.Limits   `json:"limits"`
	UserID    string             `json:"user_id"`
	SagaID    string             `json:"saga_id"` // of the workflow
	Attempt   int32              `json:"attempt"`
	ParentID  Text               `json:"parent_id"`

	CreatedAt   time.Time  `json:"created_at"`
	ScheduledAt *time.Time `json:"scheduled_at"`
	StartedAt   *time.Time `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`

	CancelledBy Text             `json:"cancelled_by"`
	Queue       *execution.Queue `json:"queue"`  // nil unless it waits
	Result      *ViewResult      `json:"result"` // nil before the end
}

// ViewResult is what came of an execution.
type ViewResult struct {
	Stdout          *string  `json:"stdout,omitempty"` // the first execution.InlineBytes that are kept; nil in lists
	Stderr          *string  `json:"stderr,omitempty"` // likewise
	StdoutBytes     int64    `json:"stdout_bytes"`     // printed, whether kept or not
	StderrBytes     int64    `json:"stderr_bytes"`
	StdoutTruncated bool     `json:"stdout_truncated"` // more was printed than is kept
	StderrTruncated bool     `json:"stderr_truncated"`
	OutputComplete  bool     `json:"output_complete"`
	OutputURL       string   `json:"output_url"` // of all that is kept; ?stream=stderr for that one
	ExitCode        *int32   `json:"exit_code"`  // nil if the script never started
	Signal          Text     `json:"signal"`
	WallSeconds     *float64 `json:"wall_time_seconds"` // nil if it was not measured
	CPUSeconds      *float64 `json:"cpu_time_seconds"`  // likewise
	PeakMemoryBytes *int64   `json:"peak_memory_bytes"` // likewise
	OOMKilled       bool     `json:"oom_killed"`
}

// Text is a string that is null in JSON when it is empty.
type Text string

// MarshalJSON writes t.
func (t Text) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// row is x without its output.
func row(x execution.Execution) View {
	v := View{
		ID: x.ID, Status: x.Status, Language: x.Language, Version: x.Version, Priority: x.Priority, Pool: x.Pool,
		Labels: execution.Map(x.Labels), Limits: x.Limits, UserID: x.UserID, SagaID: string(x.ID), Attempt: x.Attempt, ParentID: Text(x.ParentID),
		CreatedAt: x.CreatedAt, ScheduledAt: x.ScheduledAt, StartedAt: x.StartedAt, FinishedAt: x.FinishedAt,
		CancelledBy: Text(x.CancelledBy), Reason: Text(x.CancelReason),
	}
	if !x.Status.Terminal() {
		v.Queue = x.Queue
		return v
	}
	v.Result = &ViewResult{OutputURL: pathOf(x.ID) + "/output", OutputComplete: true}
	if o := x.Outcome; o != nil {
		v.ErrorType, v.Limit, v.Reason, v.Message = Text(o.ErrorType), Text(o.Limit), Text(o.Reason), Text(o.Message)
		v.Result.ExitCode, v.Result.Signal = o.ExitCode, Text(o.Signal)
	}
	v.Result.measure(x.Usage, x.Output)
	return v
}

// measure notes what is known of u and o.
func (r *ViewResult) measure(u *execution.Usage, o *execution.Output) {
	if u != nil {
		r.WallSeconds, r.OOMKilled = &u.WallSeconds, u.OOMKilled
		if u.PeakMemoryBytes > 0 { // else nobody was left to measure: no process takes nothing
			r.CPUSeconds, r.PeakMemoryBytes = &u.CPUSeconds, &u.PeakMemoryBytes
		}
		r.ExitCode, r.Signal = cmp.Or(r.ExitCode, u.ExitCode), cmp.Or(r.Signal, Text(u.Signal)) // of a cancelled run only Usage has them
	}
	if o != nil {
		r.StdoutBytes, r.StderrBytes, r.OutputComplete = o.StdoutBytes, o.StderrBytes, !o.Incomplete
		r.StdoutTruncated, r.StderrTruncated = o.StdoutTruncated, o.StderrTruncated
	}
}

// view is x with the beginning of its output.
func (s *Server) view(ctx context.Context, x execution.Execution) (v View, err error) {
	v = row(x)
	if v.Result == nil {
		return v, nil
	}
	if v.Result.Stdout, err = s.inline(ctx, x, execution.Stdout, v.Result.StdoutBytes); err == nil {
		v.Result.Stderr, err = s.inline(ctx, x, execution.Stderr, v.Result.StderrBytes)
	}
	return v, err
}

// inline reads the beginning of what x printed to stream. A character that is
// cut in two there is left out.
func (s *Server) inline(ctx context.Context, x execution.Execution, stream execution.Stream, printed int64) (*string, error) {
	if x.Output != nil && printed == 0 {
		return new(""), nil
	}
	var b bytes.Buffer
	if _, err := s.History.Output(ctx, x.ID, stream, &b, execution.InlineBytes); err != nil {
		return nil, err
	}
	text := b.Bytes()
	for cut := 1; len(text) == execution.InlineBytes && cut < utf8.UTFMax; cut++ {
		if tail := text[len(text)-cut:]; utf8.RuneStart(tail[0]) && !utf8.FullRune(tail) {
			text = text[:len(text)-cut]
		}
	}
	return new(string(text)), nil // what is not UTF-8 becomes U+FFFD in JSON
}
