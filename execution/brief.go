package execution

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Brief is all that a saga is told of its execution, and so all that a workflow
// history keeps of a request. The script, what goes into it and what comes out
// of it stay in the store: every replay reads the whole history.
type Brief struct {
	Capacity      Capacity // with the IDs of the execution and its user
	Request       Request
	CorrelationID string

	CompileSeconds int64       `json:",omitempty"` // that are added to its timeout
	Retry          RetryPolicy `json:",omitzero"`
	NotBefore      *time.Time  `json:",omitempty"` // it asks for capacity no earlier
	Awaited        bool        `json:",omitempty"` // by its batch or schedule, until its retries have ended, too
}

// BriefOf is what the saga of x is told.
func BriefOf(x Execution) Brief {
	sum := sha256.Sum256(x.entry())
	return Brief{
		Capacity: CapacityOf(x),
		Request: Request{
			Language: x.Language, Version: x.Version, ScriptSHA256: hex.EncodeToString(sum[:]),
			Priority: x.Priority, Pool: x.Pool, Limits: x.Limits, Attempt: x.Attempt,
		},
		CorrelationID: x.CorrelationID, CompileSeconds: x.Program.CompileSeconds, Retry: x.Retry, NotBefore: x.NotBefore,
		Awaited: x.BatchID != "" || x.ScheduleID != "",
	}
}

// entry is the text that is run: the script, or the file that stands for it.
func (x Execution) entry() []byte {
	if x.Input.Script == "" {
		for _, f := range x.Input.Files {
			if f.Path == x.Program.FileName {
				return f.Content
			}
		}
	}
	return []byte(x.Input.Script)
}

// Again is the retry id of x: the same request for the same owner, at the next
// attempt. It starts at once, whenever x had to.
func (x Execution) Again(id ID, at time.Time) Execution {
	return Execution{
		ID: id, UserID: x.UserID, Language: x.Language, Version: x.Version, Program: x.Program, Input: x.Input,
		Limits: x.Limits, Priority: x.Priority, Pool: x.Pool, Labels: x.Labels, Attempt: x.Attempt + 1, ParentID: x.ID,
		Interactive: x.Interactive, Egress: x.Egress, Retry: x.Retry, CallbackURL: x.CallbackURL,
		ScheduleID: x.ScheduleID, BatchID: x.BatchID, BatchIndex: x.BatchIndex, BatchName: x.BatchName, Expected: x.Expected,
		CorrelationID: x.CorrelationID, Status: Queued, CreatedAt: at.UTC().Truncate(time.Millisecond),
	}
}
