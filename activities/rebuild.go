package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/codesaga/codesaga/execution"
)

// RebuildBook keeps how rebuilds stand.
type RebuildBook interface {
	BeginRebuild(context.Context, execution.Rebuild) error // nothing if it began; makes its shadow, and ends what was left of others
	Rebuild(ctx context.Context, id string) (execution.Rebuild, error)
	SaveRebuild(context.Context, execution.Rebuild) error // nothing after its end
	EndRebuild(ctx context.Context, id, status, cause string) error
}

// Shadows are what rebuilds make. Each of these may be done again after it broke
// off; beat is told how far it is.
type Shadows interface {
	Fill(context.Context, execution.Rebuild, []execution.Recorded) error // in the order of the events of each execution
	// Compare returns how a shadow differs from the live one. Of the differences
	// some may be of events on their way: the suspects, at most 1000, are for
	// Recheck.
	Compare(ctx context.Context, r execution.Rebuild, beat func(int64)) (execution.Comparison, []execution.Difference, error)
	Recheck(context.Context, execution.Rebuild, []execution.Difference) (left []execution.Difference, err error)
	Swap(ctx context.Context, r execution.Rebuild, beat func(int64)) (changed int64, err error)
}

// EventLog has the events that Kafka keeps.
type EventLog interface {
	Extents(context.Context) ([]execution.Extent, error) // what there is now of each partition
	// Read hands the events of an extent to do in order and in parts, with the
	// offset to go on at and how many messages were no events.
	Read(ctx context.Context, x execution.Extent, do func(ctx context.Context, events []execution.Recorded, next, unreadable int64) error) error
}

// EventStore has the events that are stored.
type EventStore interface {
	// EachEvent hands the events that were published since a time to do, the
	// oldest first and in parts.
	EachEvent(ctx context.Context, since time.Time, do func([]execution.Recorded) error) error
	CountEvents(context.Context, execution.EventQuery) (int64, error)
}

const (
	// late is how much later than others an event may come to the store, whose
	// publication was earlier. Reading goes on so much before the last one.
	late = 10 * time.Minute
	// rechecks bounds how long what differs may be on its way, in seconds: a
	// result processor waits 30 s for output.
	rechecks     = 40
	recheckPause = time.Second
)

// BeginRebuild notes that a rebuild begins, and how much there is to read.
func (a *Activities) BeginRebuild(ctx context.Context, o execution.RebuildOrder) error {
	if _, err := a.Rebuilds.Rebuild(ctx, o.ID); execution.KindOf(err) != execution.NotFound {
		return err // it began
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	r := execution.Rebuild{
		ID: o.ID, Projection: o.Projection, Source: o.Source, DryRun: o.DryRun, By: o.By, Status: execution.RebuildRunning,
		Phase: execution.PhaseFill, Shadow: o.Projection + "_shadow_" + o.ID, StartedAt: now, UpdatedAt: now,
	}
	r.Examples = []execution.Difference{}
	var err error
	if o.Source == execution.FromKafka {
		r.Checkpoint.Extents, err = a.EventLog.Extents(ctx)
		for _, x := range r.Checkpoint.Extents {
			r.Total += x.End - x.Next
		}
	} else {
		r.Total, err = a.EventStore.CountEvents(ctx, execution.EventQuery{})
	}
	if err != nil {
		return err
	}
	return a.Rebuilds.BeginRebuild(ctx, r)
}

// FillRebuild fills the shadow of a rebuild with what there was at its
// beginning. After a crash it goes on at the checkpoint.
func (a *Activities) FillRebuild(ctx context.Context, id string) error {
	r, err := a.Rebuilds.Rebuild(ctx, id)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := a.fill(ctx, &r); err != nil {
		return err
	}
	activity.GetLogger(ctx).Info("projection filled", "projection", r.Projection, "rebuild", r.ID, "source", r.Source,
		"events", r.Done, "seconds", time.Since(began).Seconds(), "events_per_second", r.PerSecond)
	r.Phase = execution.PhaseCompare
	return a.Rebuilds.SaveRebuild(ctx, r)
}

// fill reads on to the end of what is to be read, which the checkpoint has.
func (a *Activities) fill(ctx context.Context, r *execution.Rebuild) error {
	f := &filling{a, r, time.Now(), 0}
	if r.Source == execution.FromStore {
		return f.fromStore(ctx)
	}
	for i := range r.Checkpoint.Extents {
		x := &r.Checkpoint.Extents[i]
		err := a.EventLog.Read(ctx, *x, func(ctx context.Context, events []execution.Recorded, next, unreadable int64) error {
			if err := a.Shadows.Fill(ctx, *r, events); err != nil {
				return err
			}
			read := next - x.Next
			x.Next, r.Unreadable = next, r.Unreadable+unreadable
			return f.note(ctx, read)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// filling is a fill that is under way.
type filling struct {
	*Activities
	r     *execution.Rebuild
	began time.Time
	read  int64
}

// note saves that so many more were read.
func (f *filling) note(ctx context.Context, read int64) error {
	f.read += read
	f.r.Done += read
	if f.r.Phase == execution.PhaseFill && f.read > 0 { // later there are only a few
		f.r.PerSecond = float64(f.read) / max(time.Since(f.began), time.Millisecond).Seconds()
	}
	activity.RecordHeartbeat(ctx, f.r.Done)
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Rebuilds.SaveRebuild(ctx, *f.r)
}

// fromStore reads the stored events in the order of their publication, and those
// of one execution in that of their offsets: clocks of publishers may differ.
func (f *filling) fromStore(ctx context.Context) error {
	since, from := f.r.Checkpoint.Since, time.Time{}
	if !since.IsZero() {
		from = since.Add(-late)
	}
	return f.EventStore.EachEvent(ctx, from, func(events []execution.Recorded) error {
		execution.InOrder(events)
		if err := f.Shadows.Fill(ctx, *f.r, events); err != nil {
			return err
		}
		read := int64(0)
		for _, e := range events {
			if e.RecordedAt.After(since) {
				read++
			}
			if e.RecordedAt.After(f.r.Checkpoint.Since) {
				f.r.Checkpoint.Since = e.RecordedAt
			}
		}
		return f.note(ctx, read)
	})
}

// catchUp reads what came since.
func (a *Activities) catchUp(ctx context.Context, r *execution.Rebuild) error {
	if r.Source == execution.FromKafka {
		now, err := a.EventLog.Extents(ctx)
		if err != nil {
			return err
		}
		for _, x := range now {
			if x.Partition >= len(r.Checkpoint.Extents) { // it was added
				r.Checkpoint.Extents = append(r.Checkpoint.Extents, x)
			}
			r.Checkpoint.Extents[x.Partition].End = x.End
		}
	}
	return a.fill(ctx, r)
}

// CompareRebuild compares the shadow of a rebuild with the live one. Live events
// go on: what differs is looked at again until it has had the time to come.
func (a *Activities) CompareRebuild(ctx context.Context, id string) error {
	r, err := a.Rebuilds.Rebuild(ctx, id)
	if err != nil {
		return err
	}
	if err := a.catchUp(ctx, &r); err != nil {
		return err
	}
	found, suspects, err := a.Shadows.Compare(ctx, r, func(n int64) { activity.RecordHeartbeat(ctx, n) })
	if err != nil {
		return err
	}
	if found.Differences == int64(len(suspects)) {
		if suspects, err = a.recheck(ctx, &r, suspects); err != nil {
			return err
		}
		found.Differences = int64(len(suspects))
	}
	found.Examples = append([]execution.Difference{}, suspects[:min(len(suspects), execution.MaxExamples)]...)
	found.Equal = new(found.Differences == 0)
	r.Comparison, r.Phase = found, execution.PhaseSwap
	activity.GetLogger(ctx).Info("projection compared", "projection", r.Projection, "rebuild", r.ID, "compared", r.Compared, "differences", r.Differences)
	return a.Rebuilds.SaveRebuild(ctx, r)
}

func (a *Activities) recheck(ctx context.Context, r *execution.Rebuild, suspects []execution.Difference) ([]execution.Difference, error) {
	for i := 0; i < rechecks && len(suspects) > 0; i++ {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(recheckPause):
		}
		if err := a.catchUp(ctx, r); err != nil {
			return nil, err
		}
		var err error
		if suspects, err = a.Shadows.Recheck(ctx, *r, suspects); err != nil {
			return nil, err
		}
	}
	return suspects, nil
}

// SwapRebuild has the shadow of a rebuild take the place of the live one, and
// then brings it up to what came until after that.
func (a *Activities) SwapRebuild(ctx context.Context, id string) error {
	r, err := a.Rebuilds.Rebuild(ctx, id)
	if err != nil {
		return err
	}
	if !r.Checkpoint.Closed {
		if err := a.catchUp(ctx, &r); err != nil {
			return err
		}
		r.Checkpoint.Closed = true // what is filled into a shadow that has its new name would make another one
		if err := a.Rebuilds.SaveRebuild(ctx, r); err != nil {
			return err
		}
	}
	if !r.Checkpoint.Swapped {
		changed, err := a.Shadows.Swap(ctx, r, func(n int64) { activity.RecordHeartbeat(ctx, n) })
		if err != nil {
			return err
		}
		r.Repaired, r.Checkpoint.Swapped = changed, true
		if err := a.Rebuilds.SaveRebuild(ctx, r); err != nil {
			return err
		}
	}
	if r.Projection != execution.EventsProjection {
		return nil
	}
	return a.catchUp(ctx, &r)
}

// EndRebuild notes how a rebuild ended, and drops what is left of it.
func (a *Activities) EndRebuild(ctx context.Context, id, status, cause string) error {
	err := a.Rebuilds.EndRebuild(ctx, id, status, cause)
	if execution.KindOf(err) == execution.NotFound {
		return nil // it never began
	}
	return err
}
