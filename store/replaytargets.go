package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

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

// ProjectReplay lets the shadow collections of the session id follow events:
// replay_<id>_events, and replay_<id>_executions, what follows from them of their
// executions: as a rebuild makes both.
// Done again, it changes nothing.
func (s *Store) ProjectReplay(ctx context.Context, id string, events []execution.Sequenced) error {
	if len(events) == 0 {
		return nil
	}
	recorded := make([]execution.Recorded, len(events))
	for i, e := range events {
		recorded[i] = e.Recorded
	}
	log, stand := s.shadows(id)
	if err := s.fillEvents(ctx, log, recorded); err != nil {
		return err
	}
	return s.fillRows(ctx, stand, recorded)
}
