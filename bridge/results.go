package bridge

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Endings keeps how executions ended.
type Endings interface {
	// End gives an execution its one ending and returns the result that can be
	// read from now on: of e, or of the ending that came before e. An execution
	// that does not exist is NotFound.
	End(ctx context.Context, e execution.Event) (execution.Result, error)
}

// Told is what the result processor tells others.
type Told interface {
	Stored(context.Context, execution.Result, ...execution.Notice) error
	Publish(context.Context, ...execution.Event) error
}

// Results is the result processor, the only writer of how executions end. That
// a result is stored is told after the write; told twice, it is the same.
type Results struct {
	Store    Endings
	Bus      Told
	Notify   []execution.Status // the endings that users are told of by a notice, see execution.Result.Notice
	Patience time.Duration      // after which users hear that storing fails; 0: a minute
	Log      *slog.Logger
}

// Do ends the execution of e if e is an ending. While the store is away it
// waits, and says so once with result_failed, which ends no stream. An ending
// of an execution that does not exist, because it was deleted or its submission
// was taken back, is dropped: there is nothing to try again, ever.
func (r *Results) Do(ctx context.Context, e execution.Event) error {
	if e.Outcome == nil {
		return nil
	}
	result, err := r.end(ctx, e)
	switch execution.KindOf(err) {
	case "":
		return r.Bus.Stored(ctx, result, r.notices(result)...)
	case execution.NotFound:
		r.Log.WarnContext(ctx, "ending of an execution that does not exist", "execution", string(e.ExecutionID), "type", string(e.Type))
		return nil
	default:
		return err
	}
}

// notices are those of result.
func (r *Results) notices(result execution.Result) []execution.Notice {
	if n, ok := result.Notice(); ok && slices.Contains(r.Notify, result.Outcome.Status) {
		return []execution.Notice{n}
	}
	return nil
}

// end tries until the store is there.
func (r *Results) end(ctx context.Context, e execution.Event) (execution.Result, error) {
	patience := cmp.Or(r.Patience, time.Minute)
	var down outage
	for told := false; ; {
		result, err := r.Store.End(ctx, e)
		if execution.KindOf(err) != execution.Unavailable || ctx.Err() != nil {
			down.over(r.Log, "store is back", "execution", string(e.ExecutionID))
			return result, err
		}
		down.note(r.Log, "cannot store result", "execution", string(e.ExecutionID), "err", err)
		if !told && time.Since(down.since) >= patience {
			told = r.Bus.Publish(ctx, failing(e)) == nil // else at the next try
		}
		if err := down.wait(ctx); err != nil {
			return result, err
		}
	}
}

// failing is the event that says the result of e cannot be stored for now.
func failing(e execution.Event) execution.Event {
	f := execution.NewEvent(e.ExecutionID, e.UserID, execution.SourceResults, execution.ResultFailed, time.Now())
	f.CorrelationID = e.CorrelationID
	f.Saga = &execution.Saga{Step: "store", Cause: "the result cannot be stored for now; storing it is tried until it succeeds"}
	return f
}
