package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codesaga/codesaga/execution"
)

const (
	// settled is how long something has to look wrong before it is: what is
	// younger may be under way.
	settled = time.Minute
	// page is how many executions are read at a time.
	page = 500
	// abreast is how many are looked at at a time.
	abreast = 8
	// enough is how long one sweep reads on. The next one goes on where it ended.
	enough = 50 * time.Second
)

// Swept is what a sweep found to do.
type Swept struct {
	Started  int    // executions and batches whose workflow had not been started
	Ended    int    // executions whose saga is over and has left no ending, as after a termination by an operator
	Released int    // entries of the ledger that nobody was going to give back, and pods that nobody was going to delete
	Woken    int    // executions that have capacity, or have waited for too long, and do not know
	Trouble  string `json:",omitempty"` // what it could not mend; the next sweep will try
	Next     string `json:",omitempty"` // where the next sweep begins; empty: at the oldest execution
}

// Sweep looks for what fell through: accepted executions without a saga are
// started, executions that lost theirs get an ending, what both held is given
// back, and those that were to be woken are. It begins behind the execution at
// which the sweep before ended, if that did not get to the last. It may run
// beside live sagas and beside itself; what it cannot mend keeps it from nothing
// else.
func (a *Activities) Sweep(ctx context.Context, from string) (Swept, error) {
	s := &sweep{Activities: a, before: time.Now().Add(-settled), batches: map[string]*owner{}, queued: map[execution.ID]bool{}, begun: map[execution.ID]bool{}}
	err := errors.Join(s.executions(ctx, from), s.ledger(ctx))
	if from == "" && s.Next == "" && err == nil { // it has seen all there is
		a.Slots.compare(ctx, s.entries, s.queued, s.begun)
	}
	if err = errors.Join(err, a.cleanReplays(ctx)); err != nil {
		s.Trouble = err.Error()[:min(len(err.Error()), 2000)]
	}
	return s.Swept, nil
}

// sweep is one that is under way.
type sweep struct {
	*Activities
	before time.Time

	mu sync.Mutex
	Swept
	batches map[string]*owner
	queued  map[execution.ID]bool // of the executions that were read: those that have not begun
	begun   map[execution.ID]bool // and those that have; true: before the time
	entries []execution.Held
}

// owner is the batch of an execution, as it is looked at once.
type owner struct {
	once  sync.Once
	batch execution.Batch
	state execution.SagaState
	err   error // NotFound: there is no workflow of it, or no batch
}

func (s *sweep) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *sweep) executions(ctx context.Context, cursor string) (errs error) {
	for began := time.Now(); time.Since(began) < enough; {
		xs, next, err := s.Store.Unfinished(ctx, s.before, cursor, page)
		if err != nil {
			return errors.Join(errs, err)
		}
		errs = errors.Join(errs, each(xs, func(x execution.Execution) error {
			s.read(x)
			return s.execution(ctx, x)
		}))
		if s.Next = next; next == "" {
			break
		}
		cursor = next
	}
	return errs
}

// read notes how far x is.
func (s *sweep) read(x execution.Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.Status == execution.Queued {
		s.queued[x.ID] = true
	} else {
		s.begun[x.ID] = x.ScheduledAt != nil && x.ScheduledAt.Before(s.before)
	}
}

// each does do with all of some, a few at a time, and joins what went wrong.
func each[T any](some []T, do func(T) error) error {
	errs := make([]error, len(some))
	var g errgroup.Group
	g.SetLimit(abreast)
	for i, one := range some {
		g.Go(func() error {
			errs[i] = do(one)
			return nil
		})
	}
	_ = g.Wait() // they are in errs
	return errors.Join(errs...)
}

// execution looks at one that has not ended.
func (s *sweep) execution(ctx context.Context, x execution.Execution) error {
	state, err := s.Sagas.State(ctx, x.ID)
	switch {
	case execution.KindOf(err) == execution.NotFound && x.BatchID != "":
		return s.item(ctx, x)
	case execution.KindOf(err) == execution.NotFound:
		return s.start(ctx, x.ID)
	case err != nil || state.Running || !state.ClosedAt.Before(s.before):
		return err
	default:
		return s.end(ctx, x, "the saga of this run was ended from outside")
	}
}

// item looks at an execution of a batch that has no saga. Its turn comes, if
// the workflow of its batch runs; if that is over, it never will.
func (s *sweep) item(ctx context.Context, x execution.Execution) error {
	o := s.owner(ctx, x.BatchID)
	switch {
	case execution.KindOf(o.err) == execution.NotFound && o.batch.ID == "":
		return s.end(ctx, x, "its batch was not accepted")
	case o.err != nil || o.state.Running || !o.state.ClosedAt.Before(s.before):
		return o.err
	case x.ParentID != "": // a retry, whose batch did not wait for it
		return s.start(ctx, x.ID)
	case o.batch.CancelledBy != "":
		s.count(&s.Ended)
		return s.Bus.Publish(ctx, neverBegun(x, o.batch))
	default:
		return s.end(ctx, x, "its batch was ended from outside")
	}
}

// owner looks at a batch, and starts its workflow if there is none.
func (s *sweep) owner(ctx context.Context, id string) *owner {
	s.mu.Lock()
	o := s.batches[id]
	if o == nil {
		o = &owner{}
		s.batches[id] = o
	}
	s.mu.Unlock()
	o.once.Do(func() {
		if o.batch, o.err = s.Batches.Batch(ctx, id); o.err != nil {
			return
		}
		o.state, o.err = s.Sagas.State(ctx, execution.ID(id))
		if execution.KindOf(o.err) == execution.NotFound {
			s.count(&s.Started)
			o.err = s.Sagas.StartBatch(ctx, o.batch)
			o.state.Running = true
		}
	})
	return o
}

// start starts the saga of id with all that there is of it.
func (s *sweep) start(ctx context.Context, id execution.ID) error {
	x, err := s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	s.count(&s.Started)
	return s.Sagas.Start(ctx, x)
}

// end announces an ending for an execution whose saga is over. If the saga
// had announced one itself that is still on its way, that one is first on the
// partition, and counts.
func (s *sweep) end(ctx context.Context, x execution.Execution, why string) error {
	if err := s.DeletePod(ctx, execution.CapacityOf(x)); err != nil {
		return err
	}
	s.count(&s.Ended)
	o := execution.Outcome{Status: execution.Errored, ErrorType: "system_error", Reason: "internal", Message: why}
	return s.Bus.Publish(ctx, execution.NewEnding(x.ID, x.UserID, execution.SourceSaga, o, time.Now()))
}

func (s *sweep) ledger(ctx context.Context) error {
	overlooked, err := s.Ledger.Mend(ctx)
	if err != nil {
		return err
	}
	s.Activities.wake(ctx, overlooked)
	entries, err := s.Ledger.Entries(ctx, s.before)
	if err != nil {
		return err
	}
	s.entries = entries
	late, err := s.late(ctx, entries)
	return errors.Join(err, each(entries, func(h execution.Held) error {
		state, err := s.Sagas.State(ctx, h.ID)
		switch {
		case err != nil && execution.KindOf(err) != execution.NotFound:
			return err
		case state.Running && (h.Granted && s.queued[h.ID] || !h.Granted && late(h)):
			return s.wake(ctx, h.ID)
		case state.Running || err == nil && !state.ClosedAt.Before(s.before):
			return nil
		default:
			return s.free(ctx, h.Capacity)
		}
	}))
}

// late tells who has waited for longer than its pool allows now. A saga hears
// of that when it asks, and one that waits asks rarely.
func (s *sweep) late(ctx context.Context, entries []execution.Held) (func(execution.Held) bool, error) {
	bounds, errs := map[string]time.Duration{}, error(nil)
	for _, h := range entries {
		if _, known := bounds[h.Pool]; known || h.Granted {
			continue
		}
		p, err := s.Ledger.Policy(ctx, h.Pool)
		errs = errors.Join(errs, err)
		bounds[h.Pool] = time.Duration(p.MaxQueueSeconds * float64(time.Second))
	}
	return func(h execution.Held) bool { return bounds[h.Pool] > 0 && time.Since(h.Since) > bounds[h.Pool] }, errs
}

// wake has a saga ask the ledger, unless it has just ended.
func (s *sweep) wake(ctx context.Context, id execution.ID) error {
	s.count(&s.Woken)
	if err := s.Sagas.Wake(ctx, id); execution.KindOf(err) != execution.NotFound {
		return err
	}
	return nil
}

// free gives back what c takes of its pool, though its saga is over.
func (s *sweep) free(ctx context.Context, c execution.Capacity) error {
	if err := s.DeletePod(ctx, c); err != nil { // who did not release did not delete
		return fmt.Errorf("delete the pod of %s: %w", c.ID, err)
	}
	if err := s.Release(ctx, c.ID, c.Pool); err != nil {
		return fmt.Errorf("release %s: %w", c.ID, err)
	}
	s.count(&s.Released)
	return nil
}
