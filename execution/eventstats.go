package execution

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// EventStats counts what was published in a window of whole hours by the clock
// (parity EV-19).
type EventStats struct {
	From      time.Time           `json:"from"`
	To        time.Time           `json:"to"` // exclusive
	Total     int64               `json:"total"`
	ByType    map[EventType]int64 `json:"by_type"`
	ByService map[string]int64    `json:"by_service"`
	ByHour    []HourCount         `json:"by_hour"`    // each hour of the window, the oldest first
	TopUsers  []EventUser         `json:"top_users"`  // at most 10
	Endings   int64               `json:"endings"`    // of executions, however they ended
	Errors    int64               `json:"errors"`     // of those the ones that the platform is to blame for
	ErrorRate float64             `json:"error_rate"` // Errors of Endings; 0 without endings

	Durations Durations `json:"durations"`
}

// HourCount is how many events an hour had.
type HourCount struct {
	Hour   time.Time `json:"hour"`
	Events int64     `json:"events"`
}

// EventUser is how many events the executions of a user had.
type EventUser struct {
	UserID string `json:"user_id" bson:"user_id"`
	Events int64  `json:"events" bson:"events"`
}

// Durations are those of the executions that ended in a window, in seconds.
type Durations struct {
	Executions int64  `json:"executions"` // that were measured: the newest, and at most DurationSample
	Queue      Spread `json:"queue"`      // from when it could have begun until it was sent to a machine
	Start      Spread `json:"start"`      // from there until the script started
	Run        Spread `json:"run"`        // of the script, the compile step included
}

// DurationSample bounds how many executions Durations are taken of.
const DurationSample = 20_000

// Spread describes many numbers; all are 0 if there are none.
type Spread struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
}

// SpreadOf describes numbers, which it sorts. Percentiles are the smallest of
// them that so many are not above (nearest rank).
func SpreadOf(numbers []float64) Spread {
	if len(numbers) == 0 {
		return Spread{}
	}
	slices.Sort(numbers)
	sum := 0.0
	for _, n := range numbers {
		sum += n
	}
	rank := func(percent int) float64 { return numbers[(len(numbers)*percent+99)/100-1] }
	return Spread{Count: int64(len(numbers)), Mean: sum / float64(len(numbers)), P50: rank(50), P95: rank(95)}
}

// HourStats counts the events of one hour.
type HourStats struct {
	Hour      time.Time           `bson:"hour"` // its beginning
	Total     int64               `bson:"total"`
	ByType    map[EventType]int64 `bson:"by_type"`
	ByService map[string]int64    `bson:"by_service"`
	ByUser    []EventUser         `bson:"by_user"` // a list in order, each user once: in MongoDB a name with a dot is no key
}

// Add counts n events.
func (h *HourStats) Add(t EventType, service, user string, n int64) {
	if h.ByType == nil {
		h.ByType, h.ByService = map[EventType]int64{}, map[string]int64{}
	}
	h.Total += n
	h.ByType[t] += n
	h.ByService[service] += n
	i, counted := slices.BinarySearchFunc(h.ByUser, user, func(u EventUser, name string) int { return cmp.Compare(u.UserID, name) })
	if !counted {
		h.ByUser = slices.Insert(h.ByUser, i, EventUser{UserID: user})
	}
	h.ByUser[i].Events += n
}

// SumHours adds up hours, each one of a window, in their order.
func SumHours(hours []HourStats) EventStats {
	s := EventStats{ByType: map[EventType]int64{}, ByService: map[string]int64{}, ByHour: []HourCount{}, TopUsers: []EventUser{}}
	users := map[string]int64{}
	for _, h := range hours {
		s.Total += h.Total
		s.ByHour = append(s.ByHour, HourCount{h.Hour, h.Total})
		for t, n := range h.ByType {
			s.ByType[t] += n
		}
		for name, n := range h.ByService {
			s.ByService[name] += n
		}
		for _, u := range h.ByUser {
			users[u.UserID] += u.Events
		}
	}
	for _, k := range EventKinds {
		if k.Ending {
			s.Endings += s.ByType[k.Type]
		}
	}
	if s.Errors = s.ByType[ExecutionError]; s.Endings > 0 {
		s.ErrorRate = float64(s.Errors) / float64(s.Endings)
	}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		s.TopUsers = append(s.TopUsers, EventUser{name, users[name]})
	}
	slices.SortStableFunc(s.TopUsers, func(a, b EventUser) int { return cmp.Compare(b.Events, a.Events) })
	s.TopUsers = s.TopUsers[:min(len(s.TopUsers), 10)]
	return s
}

// EventCounts are the events of one user (parity EV-23).
type EventCounts struct {
	Total  int64               `json:"total"`
	ByType map[EventType]int64 `json:"by_type"`
}

// Archived is an event that an operator took out of the store.
type Archived struct {
	Recorded  `bson:",inline"`
	DeletedBy string    `json:"deleted_by" bson:"deleted_by"`
	DeletedAt time.Time `json:"deleted_at" bson:"deleted_at"`
	Reason    string    `json:"deletion_reason" bson:"deletion_reason"`
}
