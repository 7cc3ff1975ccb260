// Package activities does what workflows decide. Temporal may run an activity
// again after it succeeded, so every activity is idempotent.
package activities

import (
	"context"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Store is where scripts are kept, so that no history has to.
type Store interface {
	Get(context.Context, execution.ID) (execution.Execution, error)
	Create(context.Context, execution.Execution) error // nothing if the ID exists
	// Unfinished returns a page of the executions without an ending that were
	// submitted before a time, the oldest first, without their scripts and
	// inputs, and the cursor of the next page; it is empty after the last.
	Unfinished(ctx context.Context, before time.Time, cursor string, limit int) (page []execution.Execution, next string, err error)
}

// Ledger is who has capacity, and who waits for it.
type Ledger interface {
	// Admit answers how things stand; Invalid if it will never fit.
	Admit(context.Context, execution.Capacity) (execution.Admission, error)
	// Release forgets an execution and returns who should ask again because of
	// that.
	Release(ctx context.Context, id execution.ID, pool string) ([]execution.ID, error)
	// Entries returns who has held, or waited, since before a time.
	Entries(ctx context.Context, before time.Time) ([]execution.Held, error)
	// Policy returns how a pool admits now.
	Policy(ctx context.Context, pool string) (execution.PoolPolicy, error)
	// Mend finds who was overlooked, and returns who should ask again.
	Mend(context.Context) ([]execution.ID, error)
}

// Publisher sends events and tasks to the rest of the platform. What it has
// sent when it returns is not lost.
type Publisher interface {
	Publish(context.Context, ...execution.Event) error
	Send(context.Context, execution.Task) error
}

// Sagas is what activities need of the workflows of other executions.
type Sagas interface {
	// Wake lets a saga know that it may have capacity. It is a courtesy: sagas
	// also ask by themselves.
	Wake(context.Context, execution.ID) error
	// Start starts the saga of an execution unless it was started before.
	Start(context.Context, execution.Execution) error
	// StartBatch starts the workflow of a batch unless it was started before.
	StartBatch(context.Context, execution.Batch) error
	// State tells whether there is a workflow of id, an execution or a batch,
	// and since when it is over.
	State(context.Context, execution.ID) (execution.SagaState, error)
}

// Schedules keeps schedules.
type Schedules interface {
	Schedule(ctx context.Context, id string) (execution.Schedule, error) // NotFound if it was deleted
}

// Batches keeps batches. Their executions were stored after them.
type Batches interface {
	Batch(ctx context.Context, id string) (execution.Batch, error)
	// BatchItems returns the executions of a batch from an index on, in their
	// order and not more than limit, without their scripts and inputs. Retries
	// are left out.
	BatchItems(ctx context.Context, id string, from, limit int) ([]execution.Execution, error)
}

// Callbacks tells those who wait for an end elsewhere.
type Callbacks interface {
	// Post makes one attempt, and keeps a record of it. It reports whether there
	// is nothing more to do: it was heard, or nobody is to be told. An error
	// without a kind, or Unavailable, is worth another attempt.
	Post(context.Context, execution.CallbackAttempt) (done bool, err error)
}

// Activities holds what activities depend on. Each exported method is one.
type Activities struct {
	Store      Store
	Ledger     Ledger
	Bus        Publisher
	Sagas      Sagas
	Schedules  Schedules
	Batches    Batches
	Callbacks  Callbacks
	Letters    LetterBook
	LetterPost LetterPost
	Replaying  *Replaying
	Slots      *Slots // may be nil

	Rebuilds   RebuildBook
	Shadows    Shadows
	EventLog   EventLog
	EventStore EventStore

	StartTimeout time.Duration // that kube workers give a pod until its script starts
}

// Publish sends events, in order. Their IDs come from the workflow: a second
// attempt sends the very same events. Who cancelled, and why in their words, is
// filled in here: it was written before the cancellation, and does not belong
// into a history.
func (a *Activities) Publish(ctx context.Context, events []execution.Event) error {
	for i, e := range events {
		if e.Outcome == nil || e.Outcome.Status != execution.Cancelled {
			continue
		}
		x, err := a.Store.Get(ctx, e.ExecutionID)
		if execution.KindOf(err) == execution.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		o := *e.Outcome
		if o.Message, o.Reason, err = a.whoCancelled(ctx, x); err != nil {
			return err
		}
		events[i].Outcome = &o
	}
	return a.Bus.Publish(ctx, events...)
}

// whoCancelled tells who asked for the end of x, or of its batch, and why.
func (a *Activities) whoCancelled(ctx context.Context, x execution.Execution) (who, why string, err error) {
	if x.CancelledBy != "" || x.BatchID == "" {
		return x.CancelledBy, x.CancelReason, nil
	}
	b, err := a.Batches.Batch(ctx, x.BatchID)
	if execution.KindOf(err) == execution.NotFound {
		return "", "", nil
	}
	return b.CancelledBy, b.CancelReason, err
}

// Admit gives an execution the capacity that it asks for, or a place in the
// queue. Asked again, it tells how things stand.
func (a *Activities) Admit(ctx context.Context, c execution.Capacity) (execution.Admission, error) {
	return a.Ledger.Admit(ctx, c)
}

// Release gives back what id holds: capacity, or a place in the queue. Whoever
// gets the capacity next is told.
func (a *Activities) Release(ctx context.Context, id execution.ID, pool string) error {
	granted, err := a.Ledger.Release(ctx, id, pool)
	if err != nil {
		return err
	}
	a.wake(ctx, granted)
	return nil
}

func (a *Activities) wake(ctx context.Context, ids []execution.ID) {
	for _, id := range ids {
		_ = a.Sagas.Wake(ctx, id) // it asks the ledger by itself, only later
	}
}

// CreatePod asks a kube worker for the pod of id. The answer is an event. That
// the task is void after notAfter is decided in the workflow: an attempt that
// hangs, and goes through when all is over, must not make a pod.
//
// What the store knows goes before what the saga does, which an operator may
// have taken back to its beginning: of a script that was started no pod is made
// any more, and of one that has ended none is asked for.
func (a *Activities) CreatePod(ctx context.Context, id execution.ID, notAfter time.Time) (execution.TaskTerms, error) {
	x, err := a.Store.Get(ctx, id)
	if err != nil {
		return execution.TaskTerms{}, err
	}
	terms := execution.TaskTerms{StartSeconds: a.StartTimeout.Seconds(), Started: x.StartedAt != nil}
	if x.Status.Terminal() {
		terms.Ended = x.Status
		if x.Status == execution.Errored && x.Outcome != nil {
			terms.Reason = x.Outcome.Reason
		}
		return terms, nil
	}
	if terms.Started {
		notAfter = x.CreatedAt
	}
	return terms, a.Bus.Send(ctx, execution.Task{
		Action: execution.Create, ExecutionID: id, UserID: x.UserID, Pool: x.Pool, Language: x.Language, Attempt: x.Attempt,
		CorrelationID: x.CorrelationID, NotAfter: &notAfter, Program: &x.Program, Input: &x.Input, Limits: &x.Limits,
		Interactive: x.Interactive, Egress: x.Egress,
	})
}

// DeletePod asks a kube worker to remove all that the cluster has of c.
func (a *Activities) DeletePod(ctx context.Context, c execution.Capacity) error {
	return a.Bus.Send(ctx, execution.Task{Action: execution.Delete, ExecutionID: c.ID, UserID: c.UserID, Pool: c.Pool})
}

// PostCallback makes one attempt to tell a callback_url of an end, and reports
// whether there is nothing more to do.
func (a *Activities) PostCallback(ctx context.Context, attempt execution.CallbackAttempt) (bool, error) {
	return a.Callbacks.Post(ctx, attempt)
}
