package web

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// Phases are how long the phases of a shutdown last at most. Each ends at once
// when no stream is left.
type Phases struct {
	Notify time.Duration // streams were told, and go on: who heeds it goes elsewhere
	Drain  time.Duration // those that did not are ended, not all at once
	Close  time.Duration // what is left has so long before it is cut off
}

// A phase is how far the shutdown of a server is.
type phase string

const (
	phaseReady     phase = "ready"
	phaseNotifying phase = "notifying"
	phaseDraining  phase = "draining"
	phaseClosing   phase = "closing"
	phaseComplete  phase = "complete"
)

// shutdown is the phase that a server is in. Its zero value is ready.
type shutdown struct {
	mu    sync.Mutex
	phase phase
	since time.Time
	until time.Time // at the latest
}

func (s *shutdown) enter(p phase, most time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.since = p, time.Now()
	s.until = s.since.Add(most)
}

// shutdownView is a shutdown as the API shows it.
type shutdownView struct {
	Phase phase      `json:"phase"`
	Since *time.Time `json:"since"` // null: ready
	Until *time.Time `json:"until"` // at the latest; likewise
}

func (s *shutdown) view() shutdownView {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == "" {
		return shutdownView{Phase: phaseReady}
	}
	return shutdownView{s.phase, new(s.since.UTC().Truncate(time.Millisecond)), new(s.until.UTC().Truncate(time.Millisecond))}
}

// Drain is to be called when Closing is closed. It lets no new streams begin,
// waits until none is left, and then has shut end the server around the handler
// until its context ends. It returns the error of shut, and takes no longer than
// the three phases together; none at all when ctx ends.
func (s *Server) Drain(ctx context.Context, shut func(context.Context) error) error {
	empty := s.seats.shut()
	s.pass(ctx, phaseNotifying, s.Phases.Notify, empty)
	s.pass(ctx, phaseDraining, s.Phases.Drain, empty)
	s.shutdown.enter(phaseClosing, s.Phases.Close)
	defer s.shutdown.enter(phaseComplete, 0)
	ctx, stop := context.WithTimeout(ctx, s.Phases.Close)
	defer stop()
	err := shut(ctx)
	select { // it does not know of streams that were detached from their requests
	case <-empty:
	case <-ctx.Done():
	}
	return err
}

// pass goes through a phase until empty is closed or ctx ends.
func (s *Server) pass(ctx context.Context, p phase, most time.Duration, empty <-chan struct{}) {
	select {
	case <-empty:
		return
	default:
	}
	s.shutdown.enter(p, most)
	s.Log.Info("shutdown", "phase", string(p), "streams", s.seats.open(), "seconds", most.Seconds())
	over := time.NewTimer(most)
	defer over.Stop()
	select {
	case <-empty:
	case <-ctx.Done():
	case <-over.C:
	}
}

// farewell tells the client that this process stops, and when this feed ends if
// the client does not leave before: not all at once, so that those who come back
// do not storm the others. Until then it goes on.
func (f *feed) farewell(p Phases) {
	left := p.Notify
	if p.Drain > 0 {
		left += rand.N(p.Drain) //nolint:gosec // not all at once; nobody gains by guessing
	}
	f.told = nil
	f.leave = time.NewTimer(left)
	f.control("shutdown", gin.H{"grace_seconds": int(left.Seconds()), "reconnect_after": 1 + int(rand.N(p.Notify+time.Second).Seconds())}) //nolint:gosec // likewise
}

// left rings when a feed that has taken its farewell is to end.
func (f *feed) left() <-chan time.Time {
	if f.leave == nil {
		return nil
	}
	return f.leave.C
}
