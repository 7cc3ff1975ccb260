package execution

import "time"

// Replay is a session in which events that were stored are told again: to a
// topic of replays, a receiver, a file or a shadow of the projections, never to
// where the platform listens. It chooses among the events recorded before it
// was made, so that what it chooses does not grow.
type Replay struct {
	ID       string       `json:"id" bson:"_id"`
	Name     string       `json:"name" bson:"name"`
	Type     string       `json:"type" bson:"type"` // one of ReplayTypes
	Status   ReplayStatus `json:"status" bson:"status"`
	Filter   EventQuery   `json:"filter" bson:"filter"`
	Target   ReplayTarget `json:"target" bson:"target"`
	Speed    float64      `json:"speed_multiplier" bson:"speed"`             // the original gaps are divided by it; FullSpeed: there are none
	Preserve bool         `json:"preserve_timestamps" bson:"preserve"`       // messages have the times of the originals
	Batch    int          `json:"batch_size" bson:"batch"`                   // events written at a time
	Max      int64        `json:"max_events,omitempty" bson:"max,omitempty"` // 0: all
	Skip     bool         `json:"skip_errors" bson:"skip"`                   // an event that cannot be written ends nothing
	Retry    bool         `json:"retry_failed" bson:"retry"`                 // those are tried again at the end
	Attempts int          `json:"retry_attempts" bson:"attempts"`            // how often that may be done, also by hand
	Error    string       `json:"error,omitempty" bson:"error,omitempty"`    // why it failed as a whole
	By       string       `json:"created_by" bson:"created_by"`
	At       time.Time    `json:"created_at" bson:"created_at"`
	Started  *time.Time   `json:"started_at,omitempty" bson:"started,omitempty"`
	Ended    *time.Time   `json:"ended_at,omitempty" bson:"ended,omitempty"`

	Progress ReplayProgress `json:"progress" bson:"progress"`
	Place    ReplayPlace    `json:"-" bson:"place"`
}

// ReplayTarget is where events are replayed to.
type ReplayTarget struct {
	Kind       string `json:"kind" bson:"kind"`                                 // one of ReplayTargets
	Topic      string `json:"topic,omitempty" bson:"topic,omitempty"`           // of kafka
	Partitions int    `json:"partitions,omitempty" bson:"partitions,omitempty"` // of that, if it is to be made
	URL        string `json:"url,omitempty" bson:"url,omitempty"`               // of callback
}

// ReplayProgress is how far a session is. Replayed, Failed and Skipped together
// come to Total.
type ReplayProgress struct {
	Total     int64           `json:"total" bson:"total"`
	Replayed  int64           `json:"replayed" bson:"replayed"`
	Failed    int64           `json:"failed" bson:"failed"`
	Skipped   int64           `json:"skipped" bson:"skipped"` // were counted, and no longer there when it was their turn
	LastEvent *time.Time      `json:"last_event_at,omitempty" bson:"last_event,omitempty"`
	UpdatedAt time.Time       `json:"updated_at,omitzero" bson:"updated_at,omitempty"`
	Errors    []ReplayFailure `json:"errors,omitempty" bson:"-"` // the first hundred that failed
}

// ReplayFailure is an event that could not be replayed.
type ReplayFailure struct {
	EventID  string    `json:"event_id" bson:"event_id"`
	Sequence int64     `json:"sequence" bson:"sequence"`
	Reason   string    `json:"reason" bson:"reason"`
	At       time.Time `json:"at" bson:"at"`
	Round    int       `json:"attempt" bson:"round"` // 0: the first try
}

// ReplayPlace is where a session goes on.
type ReplayPlace struct {
	Cursor   string       `bson:"cursor"`
	Sequence int64        `bson:"sequence"` // of events that were tried
	Done     bool         `bson:"done"`     // all were
	Retrying bool         `bson:"retrying"` // those that failed are tried again
	Round    int          `bson:"round"`    // how often that was
	Gone     int64        `bson:"gone"`     // events that were to be tried again, and were no longer there
	Tried    []string     `bson:"tried"`    // events of the page behind the cursor that are done
	Offsets  []int64      `bson:"offsets"`  // that the next message will have at least, in each partition
	Claim    *ReplayClaim `bson:"claim,omitempty"`

	Since        time.Time `bson:"since,omitempty"` // it last began or went on
	SinceHandled int64     `bson:"since_handled"`   // what it had done then
}

// ReplayClaim says that somebody is writing, or was when it died.
type ReplayClaim struct {
	Token string    `bson:"token"`
	At    time.Time `bson:"at"`
}

// Sequenced is an event with its place in a session, from 0.
type Sequenced struct {
	Recorded
	Sequence  int64  `json:"replay_sequence"`
	SessionID string `json:"replay_session_id"`
}

// ReplayStep is what a batch of a session comes to.
type ReplayStep struct {
	Status  ReplayStatus
	Speed   float64
	First   time.Time     // when the first event of the batch was recorded
	Next    time.Time     // likewise of the one after it; zero: there is none, or it does not matter
	Backoff time.Duration // before anything else
}

// ReplayStatus is where a session is.
type ReplayStatus string

// The statuses of a session.
const (
	ReplayCreated   ReplayStatus = "created"
	ReplayScheduled ReplayStatus = "scheduled" // it is to begin
	ReplayRunning   ReplayStatus = "running"
	ReplayPaused    ReplayStatus = "paused"
	ReplayCompleted ReplayStatus = "completed"
	ReplayFailed    ReplayStatus = "failed"
	ReplayCancelled ReplayStatus = "cancelled"
)

// ReplayStatuses are all of them.
var ReplayStatuses = []ReplayStatus{ReplayCreated, ReplayScheduled, ReplayRunning, ReplayPaused, ReplayCompleted, ReplayFailed, ReplayCancelled}

// Ended reports whether nothing comes after s by itself.
func (s ReplayStatus) Ended() bool {
	return s == ReplayCompleted || s == ReplayFailed || s == ReplayCancelled
}

// Goes reports whether events are written.
func (s ReplayStatus) Goes() bool { return s == ReplayScheduled || s == ReplayRunning }

// ReplayMoves are, by what an operator asks for, the statuses of which that can
// be asked, and what comes of it.
var ReplayMoves = map[string]struct {
	From []ReplayStatus
	To   ReplayStatus
}{
	"start":        {[]ReplayStatus{ReplayCreated, ReplayScheduled}, ReplayScheduled},
	"pause":        {[]ReplayStatus{ReplayScheduled, ReplayRunning}, ReplayPaused},
	"resume":       {[]ReplayStatus{ReplayPaused, ReplayFailed}, ReplayScheduled},
	"cancel":       {[]ReplayStatus{ReplayCreated, ReplayScheduled, ReplayRunning, ReplayPaused}, ReplayCancelled},
	"retry-failed": {[]ReplayStatus{ReplayCompleted, ReplayFailed}, ReplayScheduled},
}

// What sessions choose by, and where they replay to (parity RP-01, RP-05).
var (
	ReplayTypes   = []string{"execution", "time_range", "event_type", "user", "query", "ids", "recovery"}
	ReplayTargets = []string{"kafka", "projection", "callback", "file", "test"}
)

// FullSpeed is the speed at which nothing is waited for.
const FullSpeed = 100

// The bounds of a session.
const (
	maxReplayName     = 100
	maxReplayBatch    = 1000
	maxReplayAttempts = 10
	MaxReplayParts    = 12                    // partitions of a topic of replays
	replayWindow      = time.Second           // of a session's own time that is written in one batch
	replayTick        = 20 * time.Millisecond // that is written at once
)

// Handled is how many events need no more to be done for.
func (p ReplayProgress) Handled() int64 { return p.Replayed + p.Failed + p.Skipped }

// Percentage is of what is to be done, 0 to 100.
func (p ReplayProgress) Percentage() float64 {
	if p.Total == 0 {
		return 100
	}
	return min(100, 100*float64(p.Handled())/float64(p.Total))
}

// Rate is how many events a session does in a second since it last began or went
// on; 0: not known, or it does not go.
func (r Replay) Rate() float64 {
	took := r.Progress.UpdatedAt.Sub(r.Place.Since).Seconds()
	n := r.Progress.Handled() - r.Place.SinceHandled
	if r.Status != ReplayRunning || took <= 0 || n <= 0 {
		return 0
	}
	return float64(n) / took
}

// ETA is how long a session goes on for, at its rate; 0: not known.
func (r Replay) ETA() time.Duration {
	rate := r.Rate()
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(max(0, r.Progress.Total-r.Progress.Handled())) / rate * float64(time.Second))
}

// Limit is how many events are to be read for the next batch. Where there are
// gaps to keep, it is one more than is written: the gap after the batch counts.
func (r Replay) Limit() int {
	n := r.Batch
	if r.Max > 0 {
		n = int(min(int64(n), r.Max-r.Place.Sequence))
	}
	if r.Speed < FullSpeed && (r.Max == 0 || r.Place.Sequence+int64(n) < r.Max) {
		n = min(n+1, maxReplayBatch)
	}
	return max(n, 0)
}

// Cut is how many of page, which are in the order of their recording, the next
// batch has; more says that there are others behind it. What is written in one
// batch is due within a second: a longer gap is waited out between batches.
func (r Replay) Cut(page []Recorded, more bool) int {
	if r.Speed >= FullSpeed || len(page) == 0 {
		return min(len(page), r.Batch)
	}
	n := min(len(page), r.Batch)
	if more && n == len(page) && n > 1 { // when the next is due is to be seen
		n--
	}
	for i := 1; i < n; i++ {
		if r.Gap(page[0], page[i]) >= replayWindow {
			return i
		}
	}
	return n
}

// Gap is how long after from the session writes to.
func (r Replay) Gap(from, to Recorded) time.Duration {
	if r.Speed >= FullSpeed {
		return 0
	}
	return max(0, time.Duration(float64(to.RecordedAt.Sub(from.RecordedAt))/r.Speed))
}

// Bursts are the parts of batch that are written at once, one after the other,
// where gaps are kept.
func (r Replay) Bursts(batch []Sequenced) (bursts [][]Sequenced) {
	from := 0
	for i := range batch {
		if r.Gap(batch[from].Recorded, batch[i].Recorded) > replayTick {
			bursts = append(bursts, batch[from:i])
			from = i
		}
	}
	return append(bursts, batch[from:])
}
