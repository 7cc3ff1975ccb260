package activities

import (
	"context"
	"slices"

	"github.com/codesaga/codesaga/execution"
)

// advance notes what came of the batch.
func (b *replayBatch) advance(ctx context.Context, token string, tried []execution.Sequenced, failed []execution.ReplayFailure) error {
	for i := range failed {
		failed[i].Round = b.round
	}
	p, place := &b.r.Progress, &b.r.Place
	if err := b.Failures.AddReplayFailures(ctx, b.r.ID, failed); err != nil {
		return err
	}
	if b.round > 0 {
		if err := b.Failures.ClearReplayFailures(ctx, b.r.ID, append(written(tried, failed), b.gone...)); err != nil {
			return err
		}
	}
	if b.round > 0 || p.Failed > 0 || len(failed) > 0 {
		n, err := b.Failures.CountReplayFailures(ctx, b.r.ID)
		if err != nil {
			return err
		}
		p.Failed = n
	}
	place.Gone += int64(len(b.gone))
	if b.round == 0 {
		place.Sequence += int64(len(tried))
		b.stay(tried)
	}
	p.Skipped, p.Replayed = place.Gone, place.Sequence-p.Failed-place.Gone
	if n := len(tried); n > 0 {
		p.LastEvent = &tried[n-1].RecordedAt
	}
	p.UpdatedAt = moment()
	return contested(b.Log.AdvanceReplay(ctx, b.r, token))
}

// stay keeps the session at its page if it ends within, and what was tried of
// that: the events of a page are not in the order that cursors are in.
func (b *replayBatch) stay(tried []execution.Sequenced) {
	place := &b.r.Place
	if len(tried) == len(b.events) {
		place.Tried = nil
		return
	}
	place.Cursor, place.Done = b.was.Place.Cursor, false
	for _, e := range tried {
		place.Tried = append(place.Tried, e.ID)
	}
}

// written are the events that were tried and did not fail.
func written(tried []execution.Sequenced, failed []execution.ReplayFailure) (ids []string) {
	for _, e := range tried {
		if !slices.ContainsFunc(failed, func(f execution.ReplayFailure) bool { return f.EventID == e.ID }) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// finish ends the session when nothing is left to be tried, or begins the next
// round of what failed.
func (b *replayBatch) finish(ctx context.Context) (execution.ReplayStep, error) {
	p, place := &b.r.Progress, &b.r.Place
	switch {
	case b.round > 0 && !place.Done: // what failed was tried again, and now the rest is
		place.Retrying = false
	case p.Failed > 0 && b.r.Retry && place.Round < b.r.Attempts:
		place.Retrying, place.Round = true, place.Round+1
		b.step.Backoff = replayBackoff << (place.Round - 1)
	default:
		place.Retrying = false
		p.Skipped = place.Gone + max(0, p.Total-place.Sequence)
	}
	going := b.step.Backoff > 0 || !place.Done
	claim := execution.ReplayClaim{Token: string(execution.NewID()), At: moment()}
	if err := contested(b.Log.ClaimReplay(ctx, b.was, claim)); err != nil {
		return b.step, err
	}
	if err := contested(b.Log.AdvanceReplay(ctx, b.r, claim.Token)); err != nil || going {
		return b.step, err
	}
	return b.end(ctx, execution.ReplayCompleted, "")
}

// end ends the session, unless something else was asked of it meanwhile.
func (b *replayBatch) end(ctx context.Context, status execution.ReplayStatus, why string) (execution.ReplayStep, error) {
	if err := b.Sessions.EndReplay(ctx, b.r.ID, status, why, moment()); err != nil {
		return b.step, err
	}
	r, err := b.Sessions.Replay(ctx, b.r.ID)
	b.step = execution.ReplayStep{Status: r.Status}
	return b.step, err
}
