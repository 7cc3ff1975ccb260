// Package web is for people: the API, a stream for each execution, and the
// page that uses both. openapi.yaml says what each route takes and gives.
package web

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/codesaga/codesaga/execution"
)

// Executions keeps a row for each execution.
type Executions interface {
	Create(context.Context, execution.Execution) error // nothing if the ID exists
	Get(context.Context, execution.ID) (execution.Execution, error)
	Remove(context.Context, execution.ID) error // of a submission that failed; nothing if there is none, or its saga got on
}

// Marks notes on executions what people ask of them.
type Marks interface {
	SetCancel(ctx context.Context, id execution.ID, by, reason string) error // the first one counts; Conflict after the end
	SetPriority(context.Context, execution.ID, execution.Priority) error     // Conflict unless it is queued
}

// History tells what was.
type History interface {
	List(context.Context, execution.Filter) (items []execution.Execution, next string, err error)
	Events(context.Context, execution.ID, execution.EventFilter) (items []execution.Event, next string, err error)
	Retries(context.Context, execution.ID) ([]execution.ID, error) // of it, the oldest first

	// Since returns what came after at, events among themselves and output
	// among itself in order, result_stored last; more: call again.
	Since(ctx context.Context, id execution.ID, at execution.Position) (updates []execution.Update, more bool, err error)
}

// Outputs keeps what scripts print and leave.
type Outputs interface {
	// Output writes the first limit bytes that are kept of stream, all if limit
	// is negative, and returns how many there were.
	Output(ctx context.Context, id execution.ID, stream execution.Stream, w io.Writer, limit int64) (int64, error)
	Artifact(ctx context.Context, id execution.ID, a execution.Artifact, w io.Writer) error // writes all of it, or fails
}

// Keys keeps idempotency keys, each user's apart.
type Keys interface {
	// Claim gives key to id, unless it was given before: then it returns to
	// whom, and true. If that was with another digest, it is Invalid.
	Claim(ctx context.Context, user, key string, digest [32]byte, id execution.ID) (holder execution.ID, replayed bool, err error)
	Unclaim(ctx context.Context, user, key string) error
}

// Sagas starts executions, and stops them.
type Sagas interface {
	Start(context.Context, execution.Execution) error // nothing if it was started
	Cancel(context.Context, execution.ID) error       // NotFound when it is over, or was never started
	Wake(context.Context, execution.ID) error         // one that has got capacity: a courtesy
}

// SagaBook tells where sagas stand.
type SagaBook interface {
	View(context.Context, execution.ID) (execution.SagaView, error) // also of one that is over
	List(context.Context, execution.SagaFilter) (items []execution.SagaSummary, next string, err error)
	RetryStep(context.Context, execution.ID) error // lets one that waits try its step now; NotFound when it is over
}

// Queue is where executions wait for capacity.
type Queue interface {
	// Check says whether c would get in: Exhausted if the queue is full,
	// Invalid if c is larger than its pool.
	Check(context.Context, execution.Capacity) error
	Place(ctx context.Context, id execution.ID, pool string) (*execution.Queue, error) // nil unless it waits

	// Move gives one that waits another priority, and returns who has got
	// capacity by that. It is a Conflict unless it waits.
	Move(ctx context.Context, id execution.ID, pool string, p execution.Priority) (granted []execution.ID, err error)
}

// Policies are how pools admit.
type Policies interface {
	Status(context.Context) ([]execution.PoolStatus, error)
	Policy(ctx context.Context, pool string) (execution.PoolPolicy, error)

	// SetPolicy lets change change that of pool, perhaps several times until
	// nobody else does at once, and returns who has got capacity by that. One
	// that cannot be is Invalid.
	SetPolicy(ctx context.Context, pool string, change func(*execution.PoolPolicy) error) (granted []execution.ID, err error)
}

// Bus carries what people ask for to who does it.
type Bus interface {
	Send(context.Context, execution.Task) error
	Publish(context.Context, ...execution.Event) error
}

// DefaultHeartbeat is how long a stream may be silent.
const DefaultHeartbeat = 15 * time.Second

// Live hands out updates as they come, which others have, too, and nobody may
// change. A channel that closes means: too slow.
type Live interface {
	Subscribe(execution.ID) (updates <-chan *execution.Update, stop func())
	SubscribeNotices(user string) (updates <-chan *execution.Update, stop func()) // empty ones: there is something to read
	Figures() execution.LiveFigures
}

// Server answers HTTP. Its fields are set before the first call of Handler.
// One without Executions serves only what is asked of the process: its health
// and its metrics.
type Server struct {
	Executions Executions
	Marks      Marks
	History    History
	Outputs    Outputs
	Keys       Keys
	Sagas      Sagas
	SagaBook   SagaBook
	Queue      Queue
	Policies   Policies
	Bus        Bus
	Live       Live

	Batches      Batches
	BatchBook    BatchBook
	BatchMarks   BatchMarks
	BatchSagas   BatchSagas
	Accounts     Accounts
	Callbacks    Callbacks
	Deliverer    Deliverer
	EventBook    EventBook
	EventFigures EventFigures
	EventArchive EventArchive
	Projections  Projections
	Inbox        Inbox
	PlatformBook PlatformBook
	Rebuilder    Rebuilder
	Schedules    Schedules
	Clock        Clock
	ClockHands   ClockHands

	Groups      func(context.Context) ([]execution.ConsumerGroup, error) // how far the consumer groups are, but for pauses
	GroupKinds  []execution.ConsumerGroup                                // all of them, without how far they are
	GroupPauses GroupPauses

	Letters         Letters
	LetterMoves     LetterMoves
	LetterTopics    []string // that dead letters may come from
	RedrivePolicies RedrivePolicies
	WakeLetter      func(ctx context.Context, id string) error                // lets its workflow look at it
	ViewLetter      func(topic string, value []byte) (json.RawMessage, error) // what it says, for people

	Replays     Replays
	ReplayShelf ReplayShelf
	ReplayHands ReplayHands
	ReplayRules execution.ReplayRules

	User      func(*http.Request) (string, error) // who asks; an error refuses
	Operators []string                            // users who see and do what belongs to others, too

	// Hosts are the names under which this server may be asked about executions;
	// any if there is none. A site whose name is made to lead here, after a
	// browser has loaded its page, asks under its own.
	Hosts []string

	Languages     execution.Languages
	LocalImages   bool // programs have the images that the development cluster has
	Bounds        execution.Bounds
	EgressAllowed execution.AllowedEgress
	Pools         []string               // that may be asked for; "default" if empty
	CallbackURL   func(url string) error // what is wrong with one, a rule of the field; nil: there are no callbacks
	LinkSecret    []byte                 // signs links to artifacts; empty: one of this process
	About         About
	AsyncAPI      []byte        // the contract of the topics, in JSON
	Checks        []Check       // of readiness
	MaxStreams    int           // that a user may have open here; 0: any number
	Heartbeat     time.Duration // how long a stream may be silent; 0: DefaultHeartbeat

	ContinueTraces bool   // a request is a part of the trace that its client says
	TraceURL       string // of a trace, with {trace_id} in it; empty: they are shown nowhere

	Closing  <-chan struct{}      // closed when streams are to end and no new ones to begin, see Drain; nil: never
	Phases   Phases               // of that
	Registry *prometheus.Registry // for the metrics of this room, and what /metrics shows; nil: one of its own
	Log      *slog.Logger

	once     sync.Once
	routes   *gin.Engine
	metrics  metrics
	seats    seats
	shared   shared
	shutdown shutdown
	pace     pace
	policies policyCache
	batching *semaphore.Weighted
}

// Handler returns all routes. A server in front of it needs no WriteTimeout:
// the handlers that take long set deadlines of their own.
func (s *Server) Handler() http.Handler {
	s.once.Do(s.build)
	return s.routes
}

// closing reports whether no new streams are to begin.
func (s *Server) closing() bool {
	select {
	case <-s.Closing:
		return true
	default:
		return false
	}
}

// heartbeat is how long a stream may be silent.
func (s *Server) heartbeat() time.Duration { return cmp.Or(s.Heartbeat, DefaultHeartbeat) }
