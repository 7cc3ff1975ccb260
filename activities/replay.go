package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/codesaga/codesaga/execution"
)

// Replays keeps sessions.
type Replays interface {
	Replay(ctx context.Context, id string) (execution.Replay, error)
	// BeginReplay lets one that is scheduled run.
	BeginReplay(ctx context.Context, r execution.Replay, now time.Time) error
	// EndReplay ends one that goes: completed or, because of why, failed.
	EndReplay(ctx context.Context, id string, status execution.ReplayStatus, why string, now time.Time) error
	// CleanReplays removes those that ended before a time, with all that there
	// is of them, and returns how many.
	CleanReplays(ctx context.Context, before time.Time) (int, error)
}

// ReplayLog is how far sessions are. Both are a Conflict if somebody else was
// faster.
type ReplayLog interface {
	ClaimReplay(ctx context.Context, r execution.Replay, claim execution.ReplayClaim) error
	AdvanceReplay(ctx context.Context, r execution.Replay, token string) error // ends the claim
}

// ReplayFailures are the events that sessions could not write.
type ReplayFailures interface {
	AddReplayFailures(ctx context.Context, id string, failures []execution.ReplayFailure) error
	ClearReplayFailures(ctx context.Context, id string, events []string) error
	ReplayFailures(ctx context.Context, id string, before, limit int) ([]execution.ReplayFailure, error)
	CountReplayFailures(ctx context.Context, id string) (int64, error)
}

// ReplayEvents are the events that there are.
type ReplayEvents interface {
	Browse(context.Context, execution.EventQuery, execution.EventPage) (page []execution.Recorded, next string, err error)
	EventCursor(execution.Recorded) string // of the page behind one
}

// ReplayTopics are topics of replays. A write that fails may have been done:
// Written tells, from the offsets of the session on.
type ReplayTopics interface {
	Open(context.Context, execution.Replay) (offsets []int64, err error)
	Written(context.Context, execution.Replay) (ids map[string]bool, err error)
	Write(context.Context, execution.Replay, []execution.Sequenced) (tried int, failed []execution.ReplayFailure, err error)
}

// Projector is where events are kept and counted beside the live ones. Events
// that come again change nothing.
type Projector interface {
	ProjectReplay(ctx context.Context, session string, events []execution.Sequenced) error
	WriteReplayPart(ctx context.Context, session string, events []execution.Sequenced) error
}

// ReplayReceiver is told of events, a batch a message.
type ReplayReceiver interface {
	Send(ctx context.Context, url, id string, body []byte) execution.Delivery
}

// Replaying is what sessions need.
type Replaying struct {
	Sessions  Replays
	Log       ReplayLog
	Failures  ReplayFailures
	Events    ReplayEvents
	Topics    ReplayTopics
	Projector Projector
	Receiver  ReplayReceiver
	Retention time.Duration // of sessions that have ended
}

const (
	// replayWriting is how long after its claim a batch is written, at most.
	replayWriting = 10 * time.Second
	// replaySettled is when what somebody wrote who is gone has arrived, or never
	// will: later than any request is waited for.
	replaySettled = 15 * time.Second
	// replayBackoff is waited for before what failed is tried again.
	replayBackoff = 5 * time.Second
)

// ReplayStatus returns where the session id is.
func (a *Activities) ReplayStatus(ctx context.Context, id string) (execution.ReplayStatus, error) {
	r, err := a.Replaying.Sessions.Replay(ctx, id)
	return r.Status, err
}

// FailReplay ends the session id, if it goes, because of why.
func (a *Activities) FailReplay(ctx context.Context, id, why string) error {
	return a.Replaying.Sessions.EndReplay(ctx, id, execution.ReplayFailed, why, moment())
}

func moment() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// ReplayBatch writes the next batch of the session id, if that goes. Where the
// batch begins is in the store and moves on when all of it is written. Done again
// after a crash in between, it writes what is missing.
func (a *Activities) ReplayBatch(ctx context.Context, id string) (execution.ReplayStep, error) {
	r, err := a.Replaying.Sessions.Replay(ctx, id)
	if err != nil {
		return execution.ReplayStep{}, err
	}
	if r.Status == execution.ReplayScheduled {
		if err := a.Replaying.Sessions.BeginReplay(ctx, r, moment()); err != nil {
			return execution.ReplayStep{}, err
		}
		if r, err = a.Replaying.Sessions.Replay(ctx, id); err != nil {
			return execution.ReplayStep{}, err
		}
	}
	if r.Status != execution.ReplayRunning {
		return execution.ReplayStep{Status: r.Status}, nil
	}
	b := &replayBatch{Replaying: a.Replaying, was: r, r: r, step: execution.ReplayStep{Status: execution.ReplayRunning, Speed: r.Speed}}
	defer alive(ctx)()
	return b.do(ctx)
}

// replayBatch is one under way.
type replayBatch struct {
	*Replaying
	was, r execution.Replay // as it was read, and as it becomes
	step   execution.ReplayStep
	events []execution.Sequenced
	round  int      // in which failures are tried again; 0: the first time for all
	gone   []string // events that are to be tried again, and are no longer there
}

// alive lets Temporal know that this process lives, until stopped.
func alive(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-done:
				return
			case <-time.After(5 * time.Second):
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (b *replayBatch) do(ctx context.Context) (execution.ReplayStep, error) {
	if err := b.settle(); err != nil {
		return b.step, err
	}
	read := b.read
	if b.r.Place.Retrying {
		read = b.readFailed
	}
	if err := read(ctx); err != nil {
		return b.step, err
	}
	if len(b.events) == 0 && len(b.gone) == 0 && (b.r.Place.Done || b.round > 0) {
		return b.finish(ctx)
	}
	claim, written, err := b.claim(ctx)
	if err != nil {
		return b.step, err
	}
	tried, failed, err := b.write(ctx, claim.At.Add(replayWriting), written)
	if err != nil {
		return b.step, err
	}
	if err := b.advance(ctx, claim.Token, tried, failed); err != nil {
		return b.step, err
	}
	if len(failed) > 0 && !b.r.Skip {
		return b.end(ctx, execution.ReplayFailed, fmt.Sprintf("event %s: %s", failed[0].EventID, failed[0].Reason))
	}
	return b.step, nil
}

// cleanReplays removes the sessions that ended long enough ago.
func (a *Activities) cleanReplays(ctx context.Context) error {
	if a.Replaying == nil {
		return nil
	}
	_, err := a.Replaying.Sessions.CleanReplays(ctx, time.Now().Add(-a.Replaying.Retention))
	return err
}
