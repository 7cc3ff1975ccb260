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
	Entry     Text               `json:"entry_point"` // the file that is run
	Priority  execution.Priority `json:"priority"`
	Pool      string             `json:"pool"`
	Labels    map[string]string  `json:"labels"`
	Limits    execution.Limits   `json:"limits"`
	UserID    string             `json:"user_id"`
	SagaID    string             `json:"saga_id"` // of the workflow
	TraceID   Text               `json:"trace_id"`
	TraceURL  Text               `json:"trace_url"` // null in lists, and where traces are shown nowhere
	Attempt   int32              `json:"attempt"`
	ParentID  Text               `json:"parent_id"`
	Retries   []execution.ID     `json:"retries,omitzero"` // of it, the oldest first; nil in lists

	Interactive bool                   `json:"interactive"`
	Network     *Network               `json:"network"` // nil: it reaches nothing
	Retry       *execution.RetryPolicy `json:"retry"`   // nil: not by itself
	CallbackURL Text                   `json:"callback_url"`
	ScheduleID  Text                   `json:"schedule_id"`
	BatchID     Text                   `json:"batch_id"`
	BatchIndex  *int32                 `json:"batch_index"` // in that batch

	CreatedAt    time.Time  `json:"created_at"`
	ScheduledFor *time.Time `json:"scheduled_for"` // before that it does not ask for capacity
	ScheduledAt  *time.Time `json:"scheduled_at"`
	StartedAt    *time.Time `json:"started_at"`
	FinishedAt   *time.Time `json:"finished_at"`

	CancelledBy   Text             `json:"cancelled_by"`
	Queue         *execution.Queue `json:"queue"`          // nil unless it waits
	WaitingReason *waitingReason   `json:"waiting_reason"` // why its pod does not start; nil if nothing is wrong
	Result        *ViewResult      `json:"result"`         // nil before the end
}

// waitingReason is what keeps a pod from starting: see execution.NewWaiting.
type waitingReason struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// ViewResult is what came of an execution.
type ViewResult struct {
	Stdout           *string          `json:"stdout,omitempty"`         // the first execution.InlineBytes that are kept; nil in lists
	Stderr           *string          `json:"stderr,omitempty"`         // likewise
	CompileOutput    *string          `json:"compile_output,omitempty"` // likewise, of both streams of the compile step
	StdoutBytes      int64            `json:"stdout_bytes"`             // printed, whether kept or not
	StderrBytes      int64            `json:"stderr_bytes"`
	CompileBytes     int64            `json:"compile_output_bytes"`
	StdoutTruncated  bool             `json:"stdout_truncated"` // more was printed than is kept
	StderrTruncated  bool             `json:"stderr_truncated"`
	CompileTruncated bool             `json:"compile_output_truncated"`
	OutputComplete   bool             `json:"output_complete"`
	OutputURL        string           `json:"output_url"`         // of all that is kept; ?stream=stderr for that one
	Artifacts        []viewArtifact   `json:"artifacts,omitzero"` // nil in lists
	ArtifactsSkipped int64            `json:"artifacts_skipped"`
	ExitCode         *int32           `json:"exit_code"` // nil if the script never started
	Signal           Text             `json:"signal"`
	WallSeconds      *float64         `json:"wall_time_seconds"`         // nil if it was not measured
	CPUSeconds       *float64         `json:"cpu_time_seconds"`          // likewise
	CompileWall      *float64         `json:"compile_wall_time_seconds"` // likewise; on top
	CompileCPU       *float64         `json:"compile_cpu_time_seconds"`  // likewise
	PeakMemoryBytes  *int64           `json:"peak_memory_bytes"`         // likewise
	QueueSeconds     *float64         `json:"queue_seconds"`             // nil if it never left the queue
	GiBSeconds       *float64         `json:"gib_seconds"`               // nil if it was not measured
	OOMKilled        bool             `json:"oom_killed"`
	Judge            *execution.Judge `json:"judge"` // nil if nothing was expected
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
		ID: x.ID, Status: x.Status, Language: x.Language, Version: x.Version, Entry: Text(x.Program.FileName), Priority: x.Priority, Pool: x.Pool,
		Labels: execution.Map(x.Labels), Limits: x.Limits, UserID: x.UserID, SagaID: string(x.ID), TraceID: Text(x.TraceID()), Attempt: x.Attempt, ParentID: Text(x.ParentID),
		Interactive: x.Interactive, CallbackURL: Text(x.CallbackURL), ScheduleID: Text(x.ScheduleID), BatchID: Text(x.BatchID),
		CreatedAt: x.CreatedAt, ScheduledFor: x.NotBefore, ScheduledAt: x.ScheduledAt, StartedAt: x.StartedAt, FinishedAt: x.FinishedAt,
		CancelledBy: Text(x.CancelledBy), Reason: Text(x.CancelReason),
	}
	if len(x.Egress) > 0 {
		v.Network = &Network{Egress: x.Egress}
	}
	if x.Retry.MaxAttempts > 1 {
		v.Retry = &x.Retry
	}
	if x.BatchID != "" {
		v.BatchIndex = &x.BatchIndex
	}
	if x.Status.Terminal() {
		v.end(x)
		return v
	}
	v.Queue = x.Queue
	if x.Waiting != nil && x.StartedAt == nil {
		v.WaitingReason = &waitingReason{x.Waiting.Reason, x.Waiting.Message}
	}
	return v
}

// end notes how x ended.
func (v *View) end(x execution.Execution) {
	r := &ViewResult{OutputURL: pathOf(x.ID) + "/output", OutputComplete: true, Judge: x.Judge}
	if o := x.Outcome; o != nil {
		v.ErrorType, v.Limit, v.Reason, v.Message = Text(o.ErrorType), Text(o.Limit), Text(o.Reason), Text(o.Message)
		r.ExitCode, r.Signal = o.ExitCode, Text(o.Signal)
	}
	r.measure(x.Usage, x.Output)
	if n, ok := x.QueueSeconds(); ok {
		r.QueueSeconds = &n
	}
	if n, ok := x.GiBSeconds(); ok {
		r.GiBSeconds = &n
	}
	v.Result = r
}

// measure notes what is known of u and o.
func (r *ViewResult) measure(u *execution.Usage, o *execution.Output) {
	if u != nil {
		r.WallSeconds, r.OOMKilled = &u.WallSeconds, u.OOMKilled
		r.CompileWall, r.CompileCPU = &u.CompileWall, &u.CompileCPU
		if u.PeakMemoryBytes > 0 { // else nobody was left to measure: no process takes nothing
			r.CPUSeconds, r.PeakMemoryBytes = &u.CPUSeconds, &u.PeakMemoryBytes
		}
		r.ExitCode, r.Signal = cmp.Or(r.ExitCode, u.ExitCode), cmp.Or(r.Signal, Text(u.Signal)) // of a cancelled run only Usage has them
	}
	if o != nil {
		r.StdoutBytes, r.StderrBytes, r.CompileBytes, r.OutputComplete = o.StdoutBytes, o.StderrBytes, o.CompileBytes, !o.Incomplete
		r.StdoutTruncated, r.StderrTruncated, r.CompileTruncated = o.StdoutTruncated, o.StderrTruncated, o.CompileTruncated
		r.ArtifactsSkipped = o.ArtifactsSkipped
	}
}

// view is x with its present place in the queue, what was made of it, and the
// beginning of its output.
func (s *Server) view(ctx context.Context, x execution.Execution) (v View, err error) {
	if x.Status == execution.Queued {
		if x.Queue, err = s.Queue.Place(ctx, x.ID, x.Pool); err != nil {
			return v, err
		}
	}
	v = row(x)
	v.Retries, v.TraceURL = []execution.ID{}, s.traceURL(x)
	if v.Result == nil {
		return v, nil
	}
	r := v.Result
	r.Artifacts = artifactsOf(x)
	if retries, err := s.History.Retries(ctx, x.ID); err != nil {
		return v, err
	} else if len(retries) > 0 {
		v.Retries = retries
	}
	if r.Stdout, err = s.inline(ctx, x, execution.Stdout, r.StdoutBytes); err != nil {
		return v, err
	}
	if r.Stderr, err = s.inline(ctx, x, execution.Stderr, r.StderrBytes); err != nil {
		return v, err
	}
	r.CompileOutput, err = s.inline(ctx, x, execution.Compile, r.CompileBytes)
	return v, err
}

// viewNow is what GET answers.
func (s *Server) viewNow(ctx context.Context, id execution.ID) (View, error) {
	x, err := s.Executions.Get(ctx, id)
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, x)
}

// inline reads the beginning of what x printed to stream. A character that is
// cut in two there is left out.
func (s *Server) inline(ctx context.Context, x execution.Execution, stream execution.Stream, printed int64) (*string, error) {
	if x.Output != nil && printed == 0 {
		return new(""), nil
	}
	var b bytes.Buffer
	if _, err := s.Outputs.Output(ctx, x.ID, stream, &b, execution.InlineBytes); err != nil {
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
