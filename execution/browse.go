package execution

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Recorded is an event with its place in the log of events. RecordedAt, Offset
// and Partition together order the events of all executions. Those of one are in
// the order of their offsets, whatever the clocks of who published them say.
type Recorded struct {
	Event      `bson:",inline"`
	Partition  int       `json:"partition" bson:"partition"`
	Offset     int64     `json:"offset" bson:"offset"`           // in the partition, which has all events of the execution
	RecordedAt time.Time `json:"recorded_at" bson:"recorded_at"` // when it was published, by the publisher's clock, to the millisecond
}

// InOrder puts the events of each execution into the order of their offsets. The
// places that they have among those of others stay theirs.
func InOrder(page []Recorded) {
	places := map[ID][]int{}
	for i, e := range page {
		places[e.ExecutionID] = append(places[e.ExecutionID], i)
	}
	for _, at := range places {
		mine := make([]Recorded, len(at))
		for i, place := range at {
			mine[i] = page[place]
		}
		slices.SortStableFunc(mine, func(a, b Recorded) int { return cmp.Compare(a.Offset, b.Offset) })
		for i, place := range at {
			page[place] = mine[i]
		}
	}
}

// EventQuery chooses among the events of all executions (parity EV-18, RP-02).
// What is zero restricts nothing.
type EventQuery struct {
	EventIDs     []string    `json:"event_ids,omitempty" bson:"event_ids,omitempty"`
	ExecutionID  ID          `json:"execution_id,omitempty" bson:"execution_id,omitempty"`
	UserID       string      `json:"user_id,omitempty" bson:"user_id,omitempty"`
	Service      string      `json:"service,omitempty" bson:"service,omitempty"` // the source of the event
	Correlation  string      `json:"correlation_id,omitempty" bson:"correlation_id,omitempty"`
	Types        []EventType `json:"event_types,omitempty" bson:"event_types,omitempty"`
	ExcludeTypes []EventType `json:"exclude_event_types,omitempty" bson:"exclude_event_types,omitempty"`
	From         time.Time   `json:"from,omitzero" bson:"from,omitempty"` // of RecordedAt: a window that is past never grows
	To           time.Time   `json:"to,omitzero" bson:"to,omitempty"`     // this instant is not in it
	Text         string      `json:"text,omitempty" bson:"text,omitempty"`
}

// EventPage says which part of many events to return.
type EventPage struct {
	Cursor      string // of the page before; empty: the first
	Limit       int    // 1..1000
	OldestFirst bool
}

// The bounds of an EventQuery.
const (
	maxQueriedIDs   = 1000
	maxQueriedTypes = 100
	maxQueriedText  = 200 // characters
	maxQueriedWords = 8
)

// Empty reports whether q chooses everything.
func (q EventQuery) Empty() bool {
	return len(q.EventIDs) == 0 && q.ExecutionID == "" && q.UserID == "" && q.Service == "" && q.Correlation == "" && len(q.Types) == 0 &&
		len(q.ExcludeTypes) == 0 && q.From.IsZero() && q.To.IsZero() && q.Text == ""
}

// Validate returns what is wrong with q, as FieldErrors, or nil.
func (q EventQuery) Validate() error {
	var wrong FieldErrors
	wrong.add(len(q.EventIDs) <= maxQueriedIDs, "event_ids", "at most %d", maxQueriedIDs)
	wrong.add(len(q.Types) <= maxQueriedTypes, "event_types", "at most %d", maxQueriedTypes)
	wrong.add(len(q.ExcludeTypes) <= maxQueriedTypes, "exclude_event_types", "at most %d", maxQueriedTypes)
	wrong.add(q.From.IsZero() || q.To.IsZero() || q.From.Before(q.To), "to", "after from")
	wrong.add(utf8.ValidString(q.Text) && utf8.RuneCountInString(q.Text) <= maxQueriedText, "text", "at most %d characters", maxQueriedText)
	words := len(Words(q.Text))
	wrong.add(q.Text == "" || words > 0 && words <= maxQueriedWords, "text", "1..%d words", maxQueriedWords)
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}

// maxWords and maxWord bound what of an event can be found by its text.
const (
	maxWords = 64
	maxWord  = 40 // bytes
)

// Text is what people find e by, beside its type, its execution and its user.
func (e Event) Text() string {
	var parts []string
	if o := e.Outcome; o != nil {
		parts = append(parts, string(o.Status), o.ErrorType, o.Limit, o.Reason, o.Signal, o.Message)
	}
	if p := e.Pod; p != nil {
		parts = append(parts, p.Name, p.Node, p.Reason, p.Message)
	}
	if s := e.Saga; s != nil {
		parts = append(parts, s.Step, s.Cause)
	}
	if r := e.Request; r != nil {
		parts = append(parts, r.Language, r.Version, string(r.Priority), r.Pool)
	}
	return strings.Join(parts, " ")
}

// Words are the words of a text, each once and in lower case, of bounded number
// and length.
func Words(text string) []string {
	inner := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.'
	}
	var words []string
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !inner(r) }) {
		word = strings.ToValidUTF8(word[:min(len(word), maxWord)], "")
		word = strings.Trim(word, ".-")
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
		if len(words) == maxWords {
			break
		}
	}
	return words
}
