package activities

import (
	"context"
	"time"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// RetryExecution makes the execution that takes the place of id, and returns
// what its saga is to be told. Which one that is follows from id.
func (a *Activities) RetryExecution(ctx context.Context, id execution.ID) (execution.Brief, error) {
	x, err := a.Store.Get(ctx, id)
	if err != nil {
		return execution.Brief{}, err
	}
	next := x.Again(execution.DerivedID(id, "retry"), time.Now())
	next.Trace = tracing.Parent(ctx)
	return execution.BriefOf(next), a.Store.Create(ctx, next)
}

// MakeScheduled makes the execution that it is the time of: that of a workflow
// which a schedule started. It returns what its saga is to be told.
func (a *Activities) MakeScheduled(ctx context.Context, schedule, workflow string) (execution.Brief, error) {
	s, err := a.Schedules.Schedule(ctx, schedule)
	if err != nil {
		return execution.Brief{}, err
	}
	x := s.Run(execution.ScheduledID(workflow), time.Now())
	x.Trace = tracing.Parent(ctx)
	return execution.BriefOf(x), a.Store.Create(ctx, x)
}

// BatchItems returns what the sagas of a batch are to be told, from the item
// from on and up to n. Those that have ended are left out.
func (a *Activities) BatchItems(ctx context.Context, batch string, from, n int) (items []execution.BatchItem, err error) {
	for len(items) == 0 {
		page, err := a.Batches.BatchItems(ctx, batch, from, n)
		if err != nil || len(page) == 0 {
			return nil, err
		}
		for _, x := range page {
			from = int(x.BatchIndex) + 1
			if x.Status.Terminal() {
				continue
			}
			if x, err = a.Store.Get(ctx, x.ID); err != nil { // with its script, whose digest is told
				return nil, err
			}
			items = append(items, execution.BatchItem{Number: x.BatchIndex, Brief: execution.BriefOf(x)})
		}
	}
	return items, nil
}

// EndItems announces that the executions of a batch from the item from on are
// cancelled, unless they have ended, and returns how many there were. None of
// them has a saga.
func (a *Activities) EndItems(ctx context.Context, batch string, from int) (ended int, err error) {
	b, err := a.Batches.Batch(ctx, batch)
	if err != nil {
		return 0, err
	}
	for {
		page, err := a.Batches.BatchItems(ctx, batch, from, page)
		if err != nil || len(page) == 0 {
			return ended, err
		}
		var events []execution.Event
		for _, x := range page {
			from = int(x.BatchIndex) + 1
			if !x.Status.Terminal() {
				events = append(events, neverBegun(x, b))
			}
		}
		if err := a.Bus.Publish(ctx, events...); err != nil {
			return ended, err
		}
		ended += len(events)
	}
}

// neverBegun is the ending of an execution whose turn did not come in its batch.
func neverBegun(x execution.Execution, b execution.Batch) execution.Event {
	o := execution.Outcome{Status: execution.Cancelled, Message: b.CancelledBy, Reason: b.CancelReason}
	switch {
	case x.CancelledBy != "":
		o.Message, o.Reason = x.CancelledBy, x.CancelReason
	case b.CancelledBy == "":
		o.Message, o.Reason = b.UserID, "an execution before it did not complete, and the batch stops then"
	}
	e := execution.NewEnding(x.ID, x.UserID, execution.SourceSaga, o, time.Now())
	e.CorrelationID = x.CorrelationID
	return e
}
