package execution

import "time"

// Filter selects executions of a list; what is zero selects all. It is what
// store.List takes and web asks for.
type Filter struct {
	UserID      string
	Status      Status
	Language    string
	Pool        string
	Priority    Priority
	ParentID    ID
	BatchID     string
	ScheduleID  string
	Label       Pair // none if its name is empty
	CreatedFrom time.Time
	CreatedTo   time.Time // exclusive
	Limit       int       // rows at most
	Cursor      string    // where the page before ended; an unknown one is Invalid, field cursor
}

// EventFilter selects events of one execution; what is zero selects all.
type EventFilter struct {
	Type  EventType
	After string // the cursor of the page before; an unknown one is Invalid, field after
	Limit int    // rows at most
}
