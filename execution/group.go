package execution

import "time"

// ConsumerGroup is one that reads a topic for the platform, and how far it is.
type ConsumerGroup struct {
	Name       string           `json:"name"` // without the platform's prefix
	Topic      string           `json:"topic"`
	Purpose    string           `json:"purpose"`    // what waits while it is paused
	Pausable   bool             `json:"pausable"`   // by itself; the workers of a pool are paused with the pool
	Members    int              `json:"members"`    // processes that take part
	Lag        int64            `json:"lag"`        // messages of all partitions that are not done
	Partitions []GroupPartition `json:"partitions"` // in their order
	Paused     *GroupPause      `json:"paused"`     // null unless it is
}

// GroupPartition is how far a group is in a partition.
type GroupPartition struct {
	Partition int    `json:"partition"`
	Committed *int64 `json:"committed_offset"` // of the message that is next; null: it never did any
	End       int64  `json:"end_offset"`       // of the message that will be written next
	Lag       int64  `json:"lag"`              // messages that are there and not done
}

// GroupPause says that, why and by whom a group was paused.
type GroupPause struct {
	Group  string    `json:"-" bson:"_id"`
	By     string    `json:"by" bson:"by"`
	Reason string    `json:"reason" bson:"reason"`
	At     time.Time `json:"at" bson:"at"`
}
