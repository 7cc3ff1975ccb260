package execution

import (
	"cmp"
	"reflect"
	"strings"
	"time"
)

// Derived is what of an execution follows from its events, and from nothing
// else.
type Derived struct {
	ID          ID         `bson:"_id"`
	Status      Status     `bson:"status"`
	Queue       *Queue     `bson:"queue,omitempty"`
	Waiting     *Pod       `bson:"waiting,omitempty"`
	ScheduledAt *time.Time `bson:"scheduled_at,omitempty"`
	StartedAt   *time.Time `bson:"started_at,omitempty"`
	FinishedAt  *time.Time `bson:"finished_at,omitempty"`
	Outcome     *Outcome   `bson:"outcome,omitempty"`
	Usage       *Usage     `bson:"usage,omitempty"`

	Whole   bool  `bson:"whole"`    // its first event was among them
	EndedBy int64 `bson:"ended_by"` // the offset of its ending
}

// Apply changes d as e says: as the projector and the result processor do
// together, whose rules are in the queries of the store. Events of one execution
// come in the order of their offsets; some may come again.
func (d *Derived) Apply(e Recorded) {
	if d.Status == "" {
		d.ID, d.Status = e.ExecutionID, Queued
	}
	next := e.Moves()
	switch {
	case e.Type == ExecutionRequested:
		d.Whole = true
	case e.Outcome != nil && e.Outcome.Status.Terminal():
		d.end(e)
	case next != "":
		d.move(next, e.At)
	case e.Type == ExecutionQueued && e.Queue != nil && d.Status == Queued:
		d.Queue = e.Queue
	case e.Type == PodWaiting && e.Pod != nil && d.Status.CanBecome(Running):
		d.Waiting = e.Pod
	}
}

func (d *Derived) move(next Status, at time.Time) {
	field := &d.ScheduledAt
	if next == Running {
		field = &d.StartedAt
	}
	if *field == nil {
		*field = &at
	}
	if !d.Status.CanBecome(next) {
		return
	}
	d.Status, d.Queue = next, nil
	if next == Running {
		d.Waiting = nil
	}
}

// end is what the first ending does; a second one does nothing.
func (d *Derived) end(e Recorded) {
	if d.Outcome != nil && d.EndedBy <= e.Offset {
		return
	}
	d.Status, d.Outcome, d.Usage, d.EndedBy = e.Outcome.Status, e.Outcome, e.Usage, e.Offset
	d.Queue, d.Waiting = nil, nil
	d.FinishedAt = &e.At
	if e.Usage != nil && e.Usage.FinishedAt != nil {
		d.FinishedAt = e.Usage.FinishedAt
	}
	if e.Usage != nil && e.Usage.StartedAt != nil {
		d.StartedAt = e.Usage.StartedAt
	}
}

// DerivedOf is that part of x.
func DerivedOf(x Execution) Derived {
	return Derived{
		ID: x.ID, Status: x.Status, Queue: x.Queue, Waiting: x.Waiting,
		ScheduledAt: x.ScheduledAt, StartedAt: x.StartedAt, FinishedAt: x.FinishedAt, Outcome: x.Outcome, Usage: x.Usage,
	}
}

// Mends is what live should become by d. A run gets no ending by it, and keeps
// the one that it has: there is one writer of those, who also sees to what an
// ending brings with it. One that has not ended may be ahead of d, and is never
// taken back.
func (d Derived) Mends(live Derived) Derived {
	switch {
	case live.Status.Terminal() && d.Status.Terminal():
		return d
	case live.Status.Terminal() || d.Status.Terminal() || d.Status.CanBecome(live.Status):
		return live
	}
	mended := live
	if live.Status != d.Status {
		mended.Status, mended.Queue, mended.Waiting = d.Status, d.Queue, d.Waiting
	}
	mended.Queue, mended.Waiting = cmp.Or(mended.Queue, d.Queue), cmp.Or(mended.Waiting, d.Waiting)
	mended.ScheduledAt, mended.StartedAt = cmp.Or(d.ScheduledAt, live.ScheduledAt), cmp.Or(d.StartedAt, live.StartedAt)
	return mended
}

// Differs names the fields in which d is not as live, with commas between; none
// if there is no difference. Both were read from one store, so that times are of
// one form.
func (d Derived) Differs(live Derived) string {
	var names []string
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"status", d.Status, live.Status}, {"queue", d.Queue, live.Queue}, {"waiting", d.Waiting, live.Waiting},
		{"scheduled_at", d.ScheduledAt, live.ScheduledAt}, {"started_at", d.StartedAt, live.StartedAt},
		{"finished_at", d.FinishedAt, live.FinishedAt}, {"outcome", d.Outcome, live.Outcome}, {"usage", d.Usage, live.Usage},
	} {
		if !reflect.DeepEqual(f.a, f.b) {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}
