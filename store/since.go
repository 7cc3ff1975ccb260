package store

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// part bounds what Since returns at a time: of each kind so many updates, and
// about so many bytes of output.
type part struct{ updates, bytes int }

// Since returns what came after at in the stream of id: events in the order of
// their offsets, chunks in that of their numbers and without a gap, the two by
// time; and result_stored last, because nothing in a stream comes after it.
//
// It returns a bounded part, and whether there may be more: then call it again
// with the position that the stream has reached.
func (s *Store) Since(ctx context.Context, id execution.ID, at execution.Position) (updates []execution.Update, more bool, err error) {
	// Events first: if the end is among them, all output was stored before.
	found, err := s.tell(ctx, bson.M{"execution_id": id, "offset": bson.M{"$gte": at.Event}}, s.part.updates)
	if err != nil {
		return nil, false, err
	}
	var events []execution.Update
	var end *execution.Update
	for i := range found {
		u := execution.Update{At: execution.Position{Event: found[i].Offset + 1}, Event: &found[i].Event}
		if u.Last() { // what comes later, such as pod_deleted, is for the timeline
			end = &u
			break
		}
		events = append(events, u)
	}
	chunks, more, err := s.chunksAfter(ctx, id, at.Output, end != nil)
	if err != nil {
		return nil, false, err
	}
	updates = merge(events, chunks)
	if end != nil && !more {
		return append(updates, *end), false, nil
	}
	return updates, len(updates) > 0, nil
}

// chunksAfter returns the chunks with a number above n, and whether there may
// be more. A chunk that is missing ends them, unless the execution has ended
// and it will not come.
func (s *Store) chunksAfter(ctx context.Context, id execution.ID, n int64, ended bool) (updates []execution.Update, more bool, err error) {
	found, err := s.chunks.Find(ctx,
		bson.M{"execution_id": id, "number": bson.M{"$gt": n}},
		options.Find().SetSort(bson.D{{Key: "number", Value: 1}}).SetLimit(int64(s.part.updates)).SetBatchSize(128))
	if err != nil {
		return nil, false, kinded(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	size := 0
	for found.Next(ctx) {
		var c execution.Chunk
		if err := found.Decode(&c); err != nil {
			return nil, false, err
		}
		if c.Number != n+1 && !ended {
			return updates, true, nil
		}
		n = c.Number
		size += len(c.Bytes)
		if c.Stream == execution.Artifacts {
			c.Bytes = nil // they only count: nobody streams them
		}
		updates = append(updates, execution.Update{At: execution.Position{Output: n}, Chunk: &c})
		if size >= s.part.bytes {
			return updates, true, nil
		}
	}
	return updates, len(updates) == s.part.updates, kinded(found.Err())
}

// merge puts events and chunks in the order of their times, as far as each kind
// keeps its own order. At the same time the event comes first.
func merge(events, chunks []execution.Update) (merged []execution.Update) {
	for len(events) > 0 && len(chunks) > 0 {
		if chunks[0].Chunk.At.Before(events[0].Event.At) {
			merged, chunks = append(merged, chunks[0]), chunks[1:]
		} else {
			merged, events = append(merged, events[0]), events[1:]
		}
	}
	return append(append(merged, events...), chunks...)
}
