package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// maxReplayPart is how large a part of a file becomes, in bytes, before there is
// another: a document may have 16 MiB.
const maxReplayPart = 4 << 20

// replayPart is some of the lines of the file of a session.
type replayPart struct {
	ID       string `bson:"_id"`
	Session  string `bson:"session"`
	Sequence int64  `bson:"sequence"` // of its first event
	Lines    []byte `bson:"lines"`    // an event each, in JSON
}

// WriteReplayPart adds events to the file of their session, which is all that
// follows there: done again, it replaces what it wrote.
func (s *Store) WriteReplayPart(ctx context.Context, id string, events []execution.Sequenced) error {
	var parts []any
	var lines bytes.Buffer
	from := int64(0)
	flush := func() {
		if lines.Len() > 0 {
			parts = append(parts, replayPart{fmt.Sprintf("%s/%012d", id, from), id, from, slices.Clone(lines.Bytes())})
			lines.Reset()
		}
	}
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if lines.Len()+len(line) > maxReplayPart {
			flush()
		}
		if lines.Len() == 0 {
			from = e.Sequence
		}
		lines.Write(append(line, '\n'))
	}
	flush()
	if len(parts) == 0 {
		return nil
	}
	if _, err := s.replayParts.DeleteMany(ctx, bson.M{"session": id, "sequence": bson.M{"$gte": events[0].Sequence}}); err != nil {
		return kinded(err)
	}
	_, err := s.replayParts.InsertMany(ctx, parts)
	return kinded(err)
}

// ReplayFile writes the file of a session to w: an event a line, in JSON.
func (s *Store) ReplayFile(ctx context.Context, id string, w io.Writer) error {
	found, err := s.replayParts.Find(ctx, bson.M{"session": id}, options.Find().SetSort(bson.D{{Key: "sequence", Value: 1}}).SetBatchSize(4))
	if err != nil {
		return kinded(err)
	}
	defer func() { _ = found.Close(ctx) }()
	for found.Next(ctx) {
		var p replayPart
		if err := found.Decode(&p); err != nil {
			return err
		}
		if _, err := w.Write(p.Lines); err != nil {
			return err
		}
	}
	return kinded(found.Err())
}

// shadows are where the session id projects to: beside what the platform reads,
// never into it.
func (s *Store) shadows(id string) (events, executions *mongo.Collection) {
	return s.db.Collection("replay_" + id + "_events"), s.db.Collection("replay_" + id + "_executions")
}

// shadow is what the events of one execution come to.
type shadow struct {
	ID       execution.ID        `bson:"_id"`
	UserID   string              `bson:"user_id"`
	Status   execution.Status    `bson:"status"`
	Request  *execution.Request  `bson:"request,omitempty"`
	Outcome  *execution.Outcome  `bson:"outcome,omitempty"`
	Usage    *execution.Usage    `bson:"usage,omitempty"`
	Output   *execution.Output   `bson:"output,omitempty"`
	Events   int                 `bson:"events"`
	Types    []string            `bson:"types"`
	First    time.Time           `bson:"first_at"`
	Last     time.Time           `bson:"last_at"`
	Offset   int64               `bson:"offset"` // of the last event that is in it
	LastType execution.EventType `bson:"last_type"`
}

// follow lets x be as it is after e. What is in it already changes nothing.
func (x *shadow) follow(e execution.Recorded) {
	if x.Events > 0 && e.Offset <= x.Offset {
		return
	}
	if x.Events == 0 {
		x.ID, x.Status, x.First = e.ExecutionID, execution.Queued, e.At
	}
	next := e.Moves()
	if e.Outcome != nil {
		x.Outcome, next = e.Outcome, e.Outcome.Status
	}
	if next != "" && x.Status.CanBecome(next) {
		x.Status = next
	}
	if e.UserID != "" {
		x.UserID = e.UserID
	}
	if e.Request != nil {
		x.Request = e.Request
	}
	if e.Usage != nil {
		x.Usage = e.Usage
	}
	if e.Output != nil {
		x.Output = e.Output
	}
	if !slices.Contains(x.Types, string(e.Type)) {
		x.Types = append(x.Types, string(e.Type))
	}
	x.Events++
	x.Last, x.LastType, x.Offset = e.At, e.Type, e.Offset
}

// ProjectReplay lets the shadow collections of the session id follow events:
// replay_<id>_events, and replay_<id>_executions, where their executions stand.
// Done again, it changes nothing.
func (s *Store) ProjectReplay(ctx context.Context, id string, events []execution.Sequenced) error {
	if len(events) == 0 {
		return nil
	}
	log, stand := s.shadows(id)
	var docs []any
	var ids []execution.ID
	for _, e := range events {
		docs = append(docs, kept{e.Recorded, execution.Words(e.Text())})
		if !slices.Contains(ids, e.ExecutionID) {
			ids = append(ids, e.ExecutionID)
		}
	}
	if _, err := log.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false)); err != nil && !known(err) {
		return kinded(err)
	}
	found, err := stand.Find(ctx, bson.M{"_id": bson.M{"$in": ids}})
	if err != nil {
		return kinded(err)
	}
	var all []*shadow
	if err := found.All(ctx, &all); err != nil {
		return kinded(err)
	}
	by := map[execution.ID]*shadow{}
	for _, x := range all {
		by[x.ID] = x
	}
	for _, e := range events {
		if by[e.ExecutionID] == nil {
			by[e.ExecutionID] = &shadow{}
		}
		by[e.ExecutionID].follow(e.Recorded)
	}
	for _, one := range ids {
		if _, err := stand.ReplaceOne(ctx, bson.M{"_id": one}, by[one], options.Replace().SetUpsert(true)); err != nil {
			return kinded(err)
		}
	}
	return nil
}
