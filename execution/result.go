package execution

import "time"

// InlineBytes is how much of each stream a Result carries. What is beyond it is
// read from the store.
const InlineBytes = 256 << 10

// Stream is where a script's bytes go: one of the two that it prints to, what
// its compiler says, or the files that it leaves.
type Stream string

// The streams.
const (
	Stdout    Stream = "stdout"
	Stderr    Stream = "stderr"
	Compile   Stream = "compile"   // both outputs of the compile step, as they came
	Artifacts Stream = "artifacts" // the files below /out, one behind the other; see Artifact
)

// Chunk is a piece of what a script printed or left. The chunks of an execution
// are numbered over all streams, in the order of printing and without a gap.
type Chunk struct {
	ExecutionID ID        `bson:"execution_id" avro:"execution_id"`
	Number      int64     `bson:"number" avro:"number"` // from 1
	Stream      Stream    `bson:"stream" avro:"stream"`
	Position    int64     `bson:"position" avro:"position"` // of the first byte, in its stream
	Bytes       []byte    `bson:"bytes" avro:"bytes"`       // at most 16 KiB
	At          time.Time `bson:"at" avro:"at"`             // when it was read, to the millisecond, UTC
}

// Result is all that is left of a run: the payload of result_stored.
type Result struct {
	ExecutionID ID        `avro:"execution_id"`
	UserID      string    `avro:"user_id"`
	StoredAt    time.Time `avro:"stored_at"` // to the millisecond, UTC
	Outcome     Outcome   `avro:"outcome"`
	Usage       *Usage    `avro:"usage"`      // nil if no script was measured
	Output      *Output   `avro:"output"`     // nil if no script was started
	Stdout      []byte    `avro:"stdout"`     // the first InlineBytes
	Stderr      []byte    `avro:"stderr"`     // the first InlineBytes
	OutputURL   string    `avro:"output_url"` // of all of it, relative to the API
	Compile     []byte    `avro:"compile"`    // the first InlineBytes of what the compiler said
	BatchID     string    `avro:"batch_id"`   // of the batch that it belongs to; may be empty
	BatchIndex  int32     `avro:"batch_index"`

	// What a notice says, and the payload does not.
	Language    string `avro:"-"`
	CancelledBy string `avro:"-"` // who asked for the end first; empty: nobody
}

// Event is r in the log of events: that it can be read, and nothing of it, so
// that whoever follows that log needs no second one.
func (r Result) Event() Event {
	e := NewEvent(r.ExecutionID, r.UserID, SourceResults, ResultStored, r.StoredAt)
	e.Output = r.Output
	return e
}
