package execution

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Notice tells a user of something (parity NO-01). What is told twice is one: its
// ID is a function of whom it tells, and of what.
type Notice struct {
	ID          string    `json:"id" bson:"_id" avro:"id"`
	UserID      string    `json:"user_id" bson:"user_id" avro:"user_id"` // whom it is for
	Severity    Severity  `json:"severity" bson:"severity" avro:"severity"`
	Subject     string    `json:"subject" bson:"subject" avro:"subject"` // a line
	Body        string    `json:"body" bson:"body" avro:"body"`          // at most 1000 characters; never what a script printed
	Tags        []string  `json:"tags" bson:"tags" avro:"tags"`
	ExecutionID ID        `json:"execution_id,omitempty" bson:"execution_id,omitempty" avro:"execution_id"` // that it is about; may be empty
	At          time.Time `json:"created_at" bson:"at" avro:"created_at"`                                   // to the millisecond, UTC

	Number int64     `json:"-" bson:"number"`                                 // in the order in which those of the user were kept; 0 until then
	Read   time.Time `json:"read_at,omitzero" bson:"read,omitempty" avro:"-"` // zero: it was not
}

// Severity is how much a notice matters.
type Severity string

// The severities, the least first.
const (
	SeverityLow    Severity = "low"
	SeverityMedium Severity = "medium"
	SeverityHigh   Severity = "high"
	SeverityUrgent Severity = "urgent"
)

// Severities are all of them.
var Severities = []Severity{SeverityLow, SeverityMedium, SeverityHigh, SeverityUrgent}

// NoticeFilter chooses among the notices of a user; what is empty matches all.
type NoticeFilter struct {
	Unread   bool
	Tag      string // a trailing * matches what begins so
	Severity Severity
	Cursor   string
	Limit    int // 1 to 100
}

const maxNoticeBody = 1000 // characters

// NewNotice returns a notice of what to user. A body that is too long is cut.
func NewNotice(user, what string, s Severity, subject, body string, at time.Time, tags ...string) Notice {
	if r := []rune(body); len(r) > maxNoticeBody {
		body = string(r[:maxNoticeBody-1]) + "…"
	}
	sum := sha256.Sum256([]byte(user + "\x00" + what))
	return Notice{ID: hex.EncodeToString(sum[:12]), UserID: user, Severity: s, Subject: subject, Body: body, Tags: tags, At: at.UTC().Truncate(time.Millisecond)}
}

// Notice is what the owner of a run is told of its end, if there is anything to
// tell: not that they cancelled it themselves, and nothing of the items of a
// batch, which is told of as a whole.
func (r Result) Notice() (n Notice, ok bool) {
	o := r.Outcome
	if r.BatchID != "" || o.Status == Cancelled && (r.CancelledBy == "" || r.CancelledBy == r.UserID) {
		return n, false
	}
	severity := SeverityHigh
	if o.Status == Completed || o.Status == Cancelled {
		severity = SeverityMedium
	}
	subject, body := r.say()
	n = NewNotice(r.UserID, "exec:"+string(r.ExecutionID), severity, subject, body, r.StoredAt, "execution", string(o.Status), "exec:"+string(r.ExecutionID))
	n.ExecutionID = r.ExecutionID
	return n, true
}

// Notices are what operators are told when the alarm about dead letters, of
// which f are the figures, had the level was and now has another.
func (f LetterFigures) Notices(operators []string, level, was AlarmLevel, at time.Time) (all []Notice) {
	severity := map[AlarmLevel]Severity{AlarmOK: SeverityLow, AlarmWarning: SeverityHigh, AlarmCritical: SeverityUrgent}[level]
	body := fmt.Sprintf("%d wait, %d of them for a person. The level was %s.", f.Waiting, f.ByStatus[LetterParked], was)
	if !f.Oldest.IsZero() {
		body += " The oldest is of " + f.Oldest.UTC().Format(time.RFC3339) + "."
	}
	for _, user := range operators {
		all = append(all, NewNotice(user, "letters:"+at.UTC().Format(time.RFC3339Nano), severity, "dead letters: "+string(level), body, at, "letters", string(level)))
	}
	return all
}

// say puts into words how r ended.
func (r Result) say() (subject, body string) {
	o, what := r.Outcome, strings.TrimSpace(r.Language+" run")
	var code string
	switch {
	case o.Signal != "":
		code = " by " + o.Signal
	case o.ExitCode != nil:
		code = fmt.Sprintf(" with exit code %d", *o.ExitCode)
	}
	switch {
	case o.Status == Completed:
		return what + " completed", "The script ended" + code + "."
	case o.Status == TimedOut:
		return what + " timed out", "The script took longer than it may and was ended" + code + "."
	case o.Status == Cancelled:
		return what + " was cancelled", "It was cancelled by " + r.CancelledBy + "."
	case o.Status == Errored:
		return what + " could not be done", strings.TrimSpace("The platform failed, not the script. " + o.Message)
	case o.ErrorType == "compile_error":
		return what + " did not compile", "The compiler ended" + code + "."
	case o.ErrorType == "resource_limit":
		return what + " went beyond a limit", fmt.Sprintf("The limit is %s; the script ended%s.", o.Limit, code)
	default:
		return what + " failed", "The script ended" + code + "."
	}
}
