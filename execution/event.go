package execution

import "time"

// Event says that something happened to an execution. Of its parts it has the
// one or two that its type calls for; a part that says nothing is nil.
type Event struct {
	ID            string    `json:"id" bson:"_id" avro:"id"` // see EventID
	Type          EventType `json:"type" bson:"type" avro:"type"`
	ExecutionID   ID        `json:"execution_id" bson:"execution_id" avro:"execution_id"`
	UserID        string    `json:"user_id" bson:"user_id" avro:"user_id"`
	Source        string    `json:"source" bson:"source" avro:"source"`                // saga, kube, results or web
	At            time.Time `json:"occurred_at" bson:"occurred_at" avro:"occurred_at"` // to the millisecond, UTC
	CorrelationID string    `json:"correlation_id,omitempty" bson:"correlation_id,omitempty" avro:"correlation_id"`

	Request *Request `json:"request,omitempty" bson:"request,omitempty" avro:"request"`
	Queue   *Queue   `json:"queue,omitempty" bson:"queue,omitempty" avro:"queue"`
	Pod     *Pod     `json:"pod,omitempty" bson:"pod,omitempty" avro:"pod"`
	Outcome *Outcome `json:"outcome,omitempty" bson:"outcome,omitempty" avro:"outcome"` // makes the event an ending
	Usage   *Usage   `json:"usage,omitempty" bson:"usage,omitempty" avro:"usage"`
	Output  *Output  `json:"output,omitempty" bson:"output,omitempty" avro:"output"`
	Saga    *Saga    `json:"saga,omitempty" bson:"saga,omitempty" avro:"saga"`
}

// Request is what was asked for. The script is not in it: its digest is.
type Request struct {
	Language     string   `json:"language" bson:"language" avro:"language"`
	Version      string   `json:"version" bson:"version" avro:"version"`
	ScriptSHA256 string   `json:"script_sha256" bson:"script_sha256" avro:"script_sha256"` // in hex
	Priority     Priority `json:"priority" bson:"priority" avro:"priority"`
	Pool         string   `json:"pool" bson:"pool" avro:"pool"`
	Limits       Limits   `json:"limits" bson:"limits" avro:"limits"`
	Attempt      int32    `json:"attempt" bson:"attempt" avro:"attempt"`
}

// Queue is where an execution waits.
type Queue struct {
	Position   int64   `json:"position" bson:"position" avro:"position"`          // from 1
	ETASeconds float64 `json:"eta_seconds" bson:"eta_seconds" avro:"eta_seconds"` // an estimate; 0: not known
}

// Pod is the pod of an execution.
type Pod struct {
	Name        string `json:"name" bson:"name" avro:"name"`
	Namespace   string `json:"namespace,omitempty" bson:"namespace,omitempty" avro:"namespace"`
	Node        string `json:"node,omitempty" bson:"node,omitempty" avro:"node"` // empty until scheduled
	ContainerID string `json:"container_id,omitempty" bson:"container_id,omitempty" avro:"container_id"`
	Reason      string `json:"reason,omitempty" bson:"reason,omitempty" avro:"reason"` // as Kubernetes says it
	Message     string `json:"message,omitempty" bson:"message,omitempty" avro:"message"`
}

// Outcome is how an execution ended.
type Outcome struct {
	Status    Status `json:"status" bson:"status" avro:"status"`
	ErrorType string `json:"error_type,omitempty" bson:"error_type,omitempty" avro:"error_type"` // script_error, compile_error, resource_limit, timeout or system_error
	Limit     string `json:"limit,omitempty" bson:"limit,omitempty" avro:"limit"`                // of a resource_limit: which
	Reason    string `json:"reason,omitempty" bson:"reason,omitempty" avro:"reason"`             // of a system_error: which; of a cancellation: as the user gave it
	Message   string `json:"message,omitempty" bson:"message,omitempty" avro:"message"`          // for people
	ExitCode  *int32 `json:"exit_code" bson:"exit_code" avro:"exit_code"`                        // nil if the script never started; 128+n by signal n
	Signal    string `json:"signal,omitempty" bson:"signal,omitempty" avro:"signal"`             // such as SIGSEGV, if one ended the script
}

// Usage is what a script took until it ended, or was ended, with all of its
// processes. It makes no event an ending: of a cancelled run it comes with
// pod_terminated.
type Usage struct {
	StartedAt       *time.Time `json:"started_at,omitempty" bson:"started_at,omitempty" avro:"started_at"`
	FinishedAt      *time.Time `json:"finished_at,omitempty" bson:"finished_at,omitempty" avro:"finished_at"`
	WallSeconds     float64    `json:"wall_time_seconds" bson:"wall_time_seconds" avro:"wall_time_seconds"`
	CompileWall     float64    `json:"compile_wall_time_seconds,omitempty" bson:"compile_wall_time_seconds,omitempty" avro:"compile_wall_time_seconds"` // of the compile step, on top
	CompileCPU      float64    `json:"compile_cpu_time_seconds,omitempty" bson:"compile_cpu_time_seconds,omitempty" avro:"compile_cpu_time_seconds"`    // likewise
	CPUSeconds      float64    `json:"cpu_time_seconds" bson:"cpu_time_seconds" avro:"cpu_time_seconds"`
	PeakMemoryBytes int64      `json:"peak_memory_bytes" bson:"peak_memory_bytes" avro:"peak_memory_bytes"`
	OOMKilled       bool       `json:"oom_killed" bson:"oom_killed" avro:"oom_killed"` // any process
	ExitCode        *int32     `json:"exit_code" bson:"exit_code" avro:"exit_code"`    // nil if the script never started
	Signal          string     `json:"signal,omitempty" bson:"signal,omitempty" avro:"signal"`
}

// Output counts what a script printed.
type Output struct {
	Chunks          int64 `json:"chunks" bson:"chunks" avro:"chunks"`                   // that were sent to execution_output
	StdoutBytes     int64 `json:"stdout_bytes" bson:"stdout_bytes" avro:"stdout_bytes"` // printed, whether kept or not
	StderrBytes     int64 `json:"stderr_bytes" bson:"stderr_bytes" avro:"stderr_bytes"` // likewise
	StdoutTruncated bool  `json:"stdout_truncated" bson:"stdout_truncated" avro:"stdout_truncated"`
	StderrTruncated bool  `json:"stderr_truncated" bson:"stderr_truncated" avro:"stderr_truncated"`
	Incomplete      bool  `json:"incomplete,omitempty" bson:"incomplete,omitempty" avro:"incomplete"` // not all chunks came in time to be stored

	CompileBytes     int64      `json:"compile_bytes,omitempty" bson:"compile_bytes,omitempty" avro:"compile_bytes"` // that the compile step printed
	CompileTruncated bool       `json:"compile_truncated,omitempty" bson:"compile_truncated,omitempty" avro:"compile_truncated"`
	Artifacts        []Artifact `json:"artifacts,omitempty" bson:"artifacts,omitempty" avro:"artifacts"`                         // in the order of the stream Artifacts
	ArtifactsSkipped int64      `json:"artifacts_skipped,omitempty" bson:"artifacts_skipped,omitempty" avro:"artifacts_skipped"` // files that were not taken: too many, too large, or no plain files
}

// Artifact is a file that a script left below /out. Its bytes are a piece of the
// stream Artifacts.
type Artifact struct {
	Path     string `json:"path" bson:"path" avro:"path"`             // below /out, with slashes, in its shortest form
	Bytes    int64  `json:"bytes" bson:"bytes" avro:"bytes"`          // its size
	Position int64  `json:"position" bson:"position" avro:"position"` // of its first byte in the stream
	SHA256   string `json:"sha256" bson:"sha256" avro:"sha256"`       // in hex
}

// Saga is where a saga stands.
type Saga struct {
	Step  string `json:"step,omitempty" bson:"step,omitempty" avro:"step"`    // that failed, if one did
	Cause string `json:"cause,omitempty" bson:"cause,omitempty" avro:"cause"` // in words
}

// EventType names what happened. Consumers ignore types they do not know.
type EventType string

// The types of events, as in the design.
const (
	ExecutionRequested EventType = "execution_requested"
	ExecutionAccepted  EventType = "execution_accepted"
	ExecutionQueued    EventType = "execution_queued"
	ExecutionScheduled EventType = "execution_scheduled"
	ExecutionCompleted EventType = "execution_completed"
	ExecutionFailed    EventType = "execution_failed"
	ExecutionTimeout   EventType = "execution_timeout"
	ExecutionCancelled EventType = "execution_cancelled"
	ExecutionError     EventType = "execution_error"

	PodCreated    EventType = "pod_created"
	PodWaiting    EventType = "pod_waiting" // it does not start for now; see NewWaiting
	PodScheduled  EventType = "pod_scheduled"
	PodRunning    EventType = "pod_running"
	PodTerminated EventType = "pod_terminated"
	PodDeleted    EventType = "pod_deleted"

	SagaStarted      EventType = "saga_started"
	SagaCompensating EventType = "saga_compensating"
	SagaCompensated  EventType = "saga_compensated"
	SagaCompleted    EventType = "saga_completed"
	SagaFailed       EventType = "saga_failed"
	SagaCancelled    EventType = "saga_cancelled"

	ExecutionReprioritised EventType = "execution_reprioritised" // in the queue, by an operator
	ExecutionRetried       EventType = "execution_retried"       // another execution, in Saga.Cause, takes its place

	ResultStored EventType = "result_stored"
	ResultFailed EventType = "result_failed"
)

// The sources of events.
const (
	SourceSaga    = "saga"
	SourceKube    = "kube"
	SourceResults = "results"
	SourceWeb     = "web"     // what people ask for
	SourceLetters = "letters" // what becomes of dead letters
)

// EventID is a function of what happened, so that an event which is published
// twice is recognised everywhere as one.
func EventID(id ID, source string, t EventType) string {
	return string(id) + "/" + source + "/" + string(t)
}

// NewEvent returns the event that source tells of id, which belongs to user, at
// the time at.
func NewEvent(id ID, user, source string, t EventType, at time.Time) Event {
	return Event{ID: EventID(id, source, t), Type: t, ExecutionID: id, UserID: user, Source: source, At: at.UTC().Truncate(time.Millisecond)}
}

// NewWaiting returns the event by which source tells that the pod of id does not
// start, or is not to be had, because of reason: in the words of Kubernetes, such
// as Unschedulable or ErrImagePull. Each reason is an event of its own.
func NewWaiting(id ID, user, source, reason, message string, at time.Time) Event {
	e := NewEvent(id, user, source, PodWaiting, at)
	e.ID += "/" + reason
	e.Pod = &Pod{Reason: reason, Message: message}
	return e
}

// endings has one type of event for each terminal status.
var endings = map[Status]EventType{
	Completed: ExecutionCompleted,
	Failed:    ExecutionFailed,
	TimedOut:  ExecutionTimeout,
	Cancelled: ExecutionCancelled,
	Errored:   ExecutionError,
}

// NewEnding returns the event by which source tells that id ended as o says.
func NewEnding(id ID, user, source string, o Outcome, at time.Time) Event {
	e := NewEvent(id, user, source, endings[o.Status], at)
	e.Outcome = &o
	return e
}

// Moves is the status that e brings an execution to before its end, or none.
func (e Event) Moves() Status {
	switch e.Type {
	case ExecutionScheduled:
		return Scheduled
	case PodRunning:
		return Running
	default:
		return ""
	}
}
