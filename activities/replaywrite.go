package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// read finds the events of the batch and, where there are gaps to keep, when the
// one behind them is due.
func (b *replayBatch) read(ctx context.Context) error {
	limit := b.r.Limit()
	if limit == 0 || b.r.Place.Done {
		b.r.Place.Done = true
		return nil
	}
	page, next, err := b.Events.Browse(ctx, b.r.Filter, execution.EventPage{Cursor: b.r.Place.Cursor, Limit: limit, OldestFirst: true})
	if err != nil {
		return err
	}
	n := b.r.Cut(page, next != "")
	if n == len(page) {
		b.r.Place.Cursor, b.r.Place.Done = next, next == ""
	} else {
		b.r.Place.Cursor, b.step.Next = b.Events.EventCursor(page[n-1]), page[n].RecordedAt
	}
	if page = page[:n]; n == 0 {
		return nil
	}
	b.step.First = page[0].RecordedAt
	execution.InOrder(page)
	for _, e := range page {
		if !slices.Contains(b.r.Place.Tried, e.ID) {
			b.events = append(b.events, execution.Sequenced{Recorded: e, Sequence: b.r.Place.Sequence + int64(len(b.events)), SessionID: b.r.ID})
		}
	}
	return nil
}

// readFailed finds the next events that are to be tried again.
func (b *replayBatch) readFailed(ctx context.Context) error {
	b.round = b.r.Place.Round
	failures, err := b.Failures.ReplayFailures(ctx, b.r.ID, b.round, b.r.Batch)
	if err != nil || len(failures) == 0 {
		return err
	}
	ids := make([]string, len(failures))
	for i, f := range failures {
		ids[i] = f.EventID
	}
	found, _, err := b.Events.Browse(ctx, execution.EventQuery{EventIDs: ids}, execution.EventPage{Limit: len(ids), OldestFirst: true})
	if err != nil {
		return err
	}
	for _, f := range failures {
		i := slices.IndexFunc(found, func(e execution.Recorded) bool { return e.ID == f.EventID })
		if i < 0 {
			b.gone = append(b.gone, f.EventID)
			continue
		}
		b.events = append(b.events, execution.Sequenced{Recorded: found[i], Sequence: f.Sequence, SessionID: b.r.ID})
	}
	return nil
}

// settle refuses to go on while what somebody wrote who is gone may be on its
// way.
func (b *replayBatch) settle() error {
	if was := b.was.Place.Claim; was != nil && b.r.Target.Kind == "kafka" && time.Since(was.At) < replaySettled {
		return execution.Errorf(execution.Unavailable, "what was written of this batch may still be on its way")
	}
	return nil
}

// claim notes that the batch is about to be written. If somebody did so before
// and is gone, it returns what that one has written: looked for before the claim,
// so that as much time is left to write, and the same that is claimed, or the
// claim fails.
func (b *replayBatch) claim(ctx context.Context) (claim execution.ReplayClaim, written map[string]bool, err error) {
	if b.r.Target.Kind == "kafka" {
		if b.r.Place.Offsets == nil {
			b.r.Place.Offsets, err = b.Topics.Open(ctx, b.r)
		} else if b.was.Place.Claim != nil {
			written, err = b.Topics.Written(ctx, b.r)
		}
		if err != nil {
			return claim, nil, err
		}
	}
	claim = execution.ReplayClaim{Token: string(execution.NewID()), At: moment()}
	return claim, written, contested(b.Log.ClaimReplay(ctx, b.r, claim))
}

// contested lets a batch that somebody else has be tried again: who has it may
// be dead.
func contested(err error) error {
	if execution.KindOf(err) == execution.Conflict {
		return execution.Errorf(execution.Unavailable, "%w", err)
	}
	return err
}

// write writes the events that are not written, until a time, and returns those that were
// tried, by whomever.
func (b *replayBatch) write(ctx context.Context, until time.Time, written map[string]bool) (tried []execution.Sequenced, failed []execution.ReplayFailure, err error) {
	left := slices.Clone(b.events)
	for _, e := range b.events {
		if written[e.ID] {
			tried = append(tried, e)
		}
	}
	if left = slices.DeleteFunc(left, func(e execution.Sequenced) bool { return written[e.ID] }); len(left) == 0 {
		return tried, nil, nil
	}
	ctx, stop := context.WithDeadline(ctx, until)
	defer stop()
	switch b.r.Target.Kind {
	case "kafka":
		n, failed, err := b.publish(ctx, left)
		return append(tried, left[:n]...), failed, err
	case "file":
		err = b.Projector.WriteReplayPart(ctx, b.r.ID, left)
	case "projection":
		err = b.Projector.ProjectReplay(ctx, b.r.ID, left)
	case "callback":
		failed, err = b.tell(ctx, left)
	}
	return b.events, failed, err
}

// publish writes events to a topic, those that are due together at once.
func (b *replayBatch) publish(ctx context.Context, events []execution.Sequenced) (tried int, failed []execution.ReplayFailure, err error) {
	start := time.Now()
	for _, burst := range b.r.Bursts(events) {
		due := b.r.Gap(events[0].Recorded, burst[0].Recorded)
		if b.round > 0 {
			due = 0
		}
		select {
		case <-ctx.Done():
			return 0, nil, execution.Errorf(execution.Unavailable, "%w", ctx.Err())
		case <-time.After(time.Until(start.Add(due))):
		}
		n, bad, err := b.Topics.Write(ctx, b.r, burst)
		if err != nil {
			return 0, nil, err
		}
		tried += n
		if failed = append(failed, bad...); len(failed) > 0 && !b.r.Skip {
			break
		}
	}
	return tried, failed, nil
}

// tell tells a receiver of events: all of them fail, or none.
func (b *replayBatch) tell(ctx context.Context, events []execution.Sequenced) (failed []execution.ReplayFailure, err error) {
	body, err := json.Marshal(struct {
		Type    string                `json:"type"`
		Session string                `json:"replay_session_id"`
		Events  []execution.Sequenced `json:"events"`
	}{"replay.events", b.r.ID, events})
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("replay/%s/%d/%d", b.r.ID, events[0].Sequence, b.round)
	d := b.Receiver.Send(ctx, b.r.Target.URL, id, body)
	if d.Failure == "" {
		return nil, nil
	}
	for _, e := range events {
		failed = append(failed, execution.ReplayFailure{EventID: e.ID, Sequence: e.Sequence, Reason: "the receiver did not take it: " + string(d.Failure), At: moment()})
	}
	return failed, nil
}
