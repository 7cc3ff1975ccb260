package execution

import (
	"encoding/json"
	"time"
)

// A projection is what the platform makes of its events to read. One can be
// made anew, beside the live one, and takes its place (parity EV-17).

// The projections.
const (
	EventsProjection     = "events"     // the event store itself
	ExecutionsProjection = "executions" // of each row what follows from its events; what was submitted, and what was printed, is kept
)

// Where the events of a rebuild come from.
const (
	FromKafka = "kafka"
	FromStore = "store"
)

// ProjectionKind is a projection, and what it can be made from.
type ProjectionKind struct {
	Name    string   `json:"name"`
	Sources []string `json:"sources"` // the first is the usual one
	Swap    string   `json:"swap"`    // how a new one takes the place of the old one
}

// ProjectionKinds are all of them. Statistics are none: they are counted from
// the events each time, and what is kept of that is checked against them.
var ProjectionKinds = []ProjectionKind{
	{EventsProjection, []string{FromKafka}, "the new collection replaces the old one at once"},
	{ExecutionsProjection, []string{FromStore, FromKafka}, "row by row, where they differ and nobody has changed the row since"},
}

// FindProjection returns the kind with a name, or NotFound.
func FindProjection(name string) (ProjectionKind, error) {
	for _, k := range ProjectionKinds {
		if k.Name == name {
			return k, nil
		}
	}
	return ProjectionKind{}, Errorf(NotFound, "no projection %q", name)
}

// Projection is how one stands.
type Projection struct {
	ProjectionKind
	Documents int64    `json:"documents"` // about
	Rebuild   *Rebuild `json:"rebuild"`   // the last one; nil if there was none
}

// RebuildOrder asks for a rebuild.
type RebuildOrder struct {
	ID         string
	Projection string
	Source     string
	DryRun     bool // nothing takes the place of anything
	By         string
}

// The states of a rebuild.
const (
	RebuildRunning   = "running"
	RebuildCompleted = "completed"
	RebuildFailed    = "failed"
	RebuildCancelled = "cancelled"
)

// The phases of a rebuild, in their order.
const (
	PhaseFill    = "fill" // the shadow
	PhaseCompare = "compare"
	PhaseSwap    = "swap"
	PhaseDone    = "done"
)

// Rebuild is one, as it stands.
type Rebuild struct {
	ID         string     `json:"id" bson:"_id"`
	Projection string     `json:"projection" bson:"projection"`
	Source     string     `json:"source" bson:"source"`
	DryRun     bool       `json:"dry_run" bson:"dry_run"`
	By         string     `json:"requested_by" bson:"requested_by"`
	Status     string     `json:"status" bson:"status"`
	Phase      string     `json:"phase" bson:"phase"`
	Shadow     string     `json:"shadow" bson:"shadow"` // the collection that is filled
	Error      string     `json:"error,omitempty" bson:"error,omitempty"`
	StartedAt  time.Time  `json:"started_at" bson:"started_at"`
	UpdatedAt  time.Time  `json:"updated_at" bson:"updated_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty" bson:"finished_at,omitempty"`

	Done       int64   `json:"done" bson:"done"`                           // events that were read
	Total      int64   `json:"total" bson:"total"`                         // that there were at the beginning
	PerSecond  float64 `json:"events_per_second" bson:"events_per_second"` // of the attempt that reads
	Unreadable int64   `json:"unreadable" bson:"unreadable"`               // messages that are no events

	Comparison `bson:",inline"`
	Repaired   int64 `json:"repaired" bson:"repaired"` // documents that the swap changed, or added

	Checkpoint RebuildCheckpoint `json:"-" bson:"checkpoint"`
}

// RebuildCheckpoint is where a rebuild goes on after a crash.
type RebuildCheckpoint struct {
	Extents []Extent  `bson:"extents,omitempty"` // of Kafka: Next moves towards End
	Since   time.Time `bson:"since,omitempty"`   // of the store: the last event was recorded then
	Closed  bool      `bson:"closed,omitempty"`  // nothing is filled into the shadow any more: it may be the live one already
	Swapped bool      `bson:"swapped,omitempty"` // the shadow is the live one
}

// Extent is a part of a partition of the log.
type Extent struct {
	Partition int   `bson:"partition"`
	Next      int64 `bson:"next"` // the offset that is read next
	End       int64 `bson:"end"`  // exclusive
}

// Comparison says how a shadow and the live one differ, as far as both go.
type Comparison struct {
	Compared    int64        `json:"compared" bson:"compared"`       // documents
	Skipped     int64        `json:"skipped" bson:"skipped"`         // that only one of them can have: what is older than the source, or was deleted
	Differences int64        `json:"differences" bson:"differences"` // documents
	Examples    []Difference `json:"examples" bson:"examples"`       // at most 20 of them
	Equal       *bool        `json:"equal" bson:"equal"`             // nil: they were not compared yet
}

// MaxExamples is how many differences are told one by one.
const MaxExamples = 20

// Difference is a document that a shadow has otherwise than the live one.
type Difference struct {
	ID  string `json:"id" bson:"id"`
	Why string `json:"why" bson:"why"` // fields that differ, or which of the two lacks it
}

// Percent is how far the reading is, 0 to 100.
func (r Rebuild) Percent() float64 {
	if r.Phase != PhaseFill || r.Done >= r.Total {
		return 100
	}
	return 100 * float64(r.Done) / float64(r.Total)
}

// ETASeconds is how long the reading goes on for, at its rate; 0: not known, or
// it does not go on.
func (r Rebuild) ETASeconds() float64 {
	if r.Phase != PhaseFill || r.PerSecond == 0 || r.FinishedAt != nil {
		return 0
	}
	return max(0, float64(r.Total-r.Done)/r.PerSecond)
}

// MarshalJSON adds what follows from the rest.
func (r Rebuild) MarshalJSON() ([]byte, error) {
	type plain Rebuild
	return json.Marshal(struct {
		plain
		Percent    float64 `json:"percent"`
		ETASeconds float64 `json:"eta_seconds"` // until Total is reached
	}{plain(r), r.Percent(), r.ETASeconds()})
}
