package execution

import "time"

// UsageFilter selects what a report of usage is about: executions by the time of
// their end.
type UsageFilter struct {
	UserID  string    // empty: all
	From    time.Time // of the end
	To      time.Time // exclusive
	GroupBy string    // one of UsageGroups
}

// UsageGroups are what the rows of a report may be for. Days are those of UTC.
var UsageGroups = []string{"day", "language", "user"}

// UsageRow is what the executions of one group took together.
type UsageRow struct {
	Key          string           `json:"key" bson:"key"` // such as 2026-11-21, python or ann
	Runs         int64            `json:"runs" bson:"runs"`
	ByStatus     map[Status]int64 `json:"by_status" bson:"-"`
	CPUSeconds   float64          `json:"cpu_seconds" bson:"cpu_seconds"`     // compile steps included
	GiBSeconds   float64          `json:"gib_seconds" bson:"gib_seconds"`     // see Execution.GiBSeconds
	QueueSeconds float64          `json:"queue_seconds" bson:"queue_seconds"` // see Execution.QueueSeconds
	WallSeconds  float64          `json:"wall_seconds" bson:"wall_seconds"`   // compile steps included
}

// Add adds what is in r, but for its key.
func (u *UsageRow) Add(r UsageRow) {
	if u.ByStatus == nil {
		u.ByStatus = map[Status]int64{}
	}
	for status, n := range r.ByStatus {
		u.ByStatus[status] += n
	}
	u.Runs += r.Runs
	u.CPUSeconds += r.CPUSeconds
	u.GiBSeconds += r.GiBSeconds
	u.QueueSeconds += r.QueueSeconds
	u.WallSeconds += r.WallSeconds
}
