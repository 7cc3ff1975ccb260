package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const (
	// settled is how long something has to look wrong before it is: what is
	// younger may be under way.
	settled = time.Minute
	// swept is how many executions one sweep looks at.
	swept = 1000
)

// Swept is what a sweep found to do.
type Swept struct {
	Started  int // executions whose saga had not been started
	Ended    int // executions whose saga is over and has left no ending, as after a termination by an operator
	Released int // entries of the ledger that nobody was going to give back, and pods that nobody was going to delete
}

// Sweep looks for what fell through: accepted executions without a saga are
// started, executions that lost theirs get an ending, and what both held is
// given back. It may run beside live sagas and beside itself.
func (a *Activities) Sweep(ctx context.Context) (s Swept, err error) {
	before := time.Now().Add(-settled)
	return s, errors.Join(a.sweepExecutions(ctx, before, &s), a.sweepLedger(ctx, before, &s))
}

func (a *Activities) sweepExecutions(ctx context.Context, before time.Time, s *Swept) error {
	unfinished, err := a.Store.Unfinished(ctx, before, swept)
	if err != nil {
		return err
	}
	for _, x := range unfinished {
		state, err := a.Sagas.State(ctx, x.ID)
		switch {
		case execution.KindOf(err) == execution.NotFound:
			if err := a.startLost(ctx, x.ID); err != nil {
				return err
			}
			s.Started++
		case err != nil:
			return err
		case !state.Running && state.ClosedAt.Before(before):
			if err := a.endLost(ctx, x); err != nil {
				return err
			}
			s.Ended++
		}
	}
	return nil
}

// startLost starts the saga of id with all that there is of it.
func (a *Activities) startLost(ctx context.Context, id execution.ID) error {
	x, err := a.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	return a.Sagas.Start(ctx, x)
}

// endLost announces an ending for an execution whose saga is over. If the saga
// had announced one itself that is still on its way, that one is first on the
// partition, and counts.
func (a *Activities) endLost(ctx context.Context, x execution.Execution) error {
	c := execution.CapacityOf(x)
	if err := a.DeletePod(ctx, c); err != nil {
		return err
	}
	o := execution.Outcome{Status: execution.Errored, ErrorType: "system_error", Reason: "internal", Message: "the saga of this run was ended from outside"}
	return a.Bus.Publish(ctx, execution.NewEnding(x.ID, x.UserID, execution.SourceSaga, o, time.Now()))
}

func (a *Activities) sweepLedger(ctx context.Context, before time.Time, s *Swept) error {
	waiting, err := a.Ledger.Mend(ctx)
	if err != nil {
		return err
	}
	a.wake(ctx, waiting)
	entries, err := a.Ledger.Entries(ctx, before)
	if err != nil {
		return err
	}
	for _, c := range entries {
		state, err := a.Sagas.State(ctx, c.ID)
		if err != nil && execution.KindOf(err) != execution.NotFound {
			return err
		}
		if state.Running || err == nil && !state.ClosedAt.Before(before) {
			continue
		}
		if err := a.DeletePod(ctx, c.Capacity); err != nil { // who did not release did not delete
			return fmt.Errorf("delete the pod of %s: %w", c.ID, err)
		}
		if err := a.Release(ctx, c.ID, c.Pool); err != nil {
			return fmt.Errorf("release %s: %w", c.ID, err)
		}
		s.Released++
	}
	return nil
}
