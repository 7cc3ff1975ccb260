package execution

import "fmt"

// Position is how far a reader of an execution's stream has come: the offset,
// plus one, of the last event in its partition, and the number of the last
// chunk of output.
type Position struct{ Event, Output int64 }

// String returns p as it stands in the id of an SSE frame, such as "42.17".
func (p Position) String() string { return fmt.Sprintf("%d.%d", p.Event, p.Output) }

// ParsePosition reads what String wrote, and reports whether it could.
func ParsePosition(s string) (p Position, ok bool) {
	n, err := fmt.Sscanf(s, "%d.%d", &p.Event, &p.Output)
	if n != 2 || err != nil || p.Event < 0 || p.Output < 0 || p.String() != s {
		return Position{}, false
	}
	return p, true
}

// Reached reports whether who is at p has all that comes before q.
func (p Position) Reached(q Position) bool { return p.Event >= q.Event && p.Output >= q.Output }

// Update is one step in an execution's stream: an event or a chunk of output.
type Update struct {
	At    Position // after it; only the number that it moves is set
	Event *Event   // or nil
	Chunk *Chunk   // or nil
}

// Last reports whether nothing comes after u.
func (u Update) Last() bool { return u.Event != nil && u.Event.Type == ResultStored }

// Follows reports whether nothing can lie between p and u. Of output that is
// known, because chunks are counted; of events it is not: the offsets of one
// execution have gaps.
func (u Update) Follows(p Position) bool { return u.Chunk != nil && u.At.Output <= p.Output+1 }

// Advance moves p past u and reports whether u was new to it.
func (p *Position) Advance(u Update) bool {
	if p.Reached(u.At) {
		return false
	}
	p.Event, p.Output = max(p.Event, u.At.Event), max(p.Output, u.At.Output)
	return true
}

// LiveFigures is how a live feed stands, which hands updates to subscribers and
// drops those who lag.
type LiveFigures struct {
	Readers     int // of partitions
	Subscribers int
	Executions  int // that they subscribed to
	Updates     int // that wait for subscribers, all together
	Bytes       int // likewise, about

	FullestUpdates, FullestBytes int // that wait for the one who lags most in these
	MaxUpdates, MaxBytes         int // that may
}
