package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// Record stores chunks of output. What is there already stays as it is.
func (s *Store) Record(ctx context.Context, chunks ...execution.Chunk) error {
	if len(chunks) == 0 {
		return nil
	}
	_, err := s.chunks.InsertMany(ctx, chunks, options.InsertMany().SetOrdered(false)) // one that is there holds up no other
	if known(err) {
		return nil
	}
	return kinded(err)
}

// known reports whether err says of each document that was not written that it
// is there.
func known(err error) bool {
	several, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || several.WriteConcernError != nil {
		return false
	}
	for _, one := range several.WriteErrors {
		if !mongo.IsDuplicateKeyError(one) {
			return false
		}
	}
	return len(several.WriteErrors) > 0
}

// Output returns up to limit bytes of a stream of id, from the byte at from on.
// Where chunks are missing, it goes on with the next one.
func (s *Store) Output(ctx context.Context, id execution.ID, stream execution.Stream, from, limit int64) (out []byte, err error) {
	for piece, err := range s.pieces(ctx, id, stream, from) {
		if err != nil {
			return nil, err
		}
		out = append(out, piece[:min(int64(len(piece)), limit-int64(len(out)))]...)
		if int64(len(out)) >= limit {
			break
		}
	}
	return out, nil
}

// WriteOutput writes all of a stream of id to w, chunk by chunk, and returns
// how many bytes that were.
func (s *Store) WriteOutput(ctx context.Context, w io.Writer, id execution.ID, stream execution.Stream) (n int64, err error) {
	for piece, err := range s.pieces(ctx, id, stream, 0) {
		if err != nil {
			return n, err
		}
		wrote, err := w.Write(piece)
		n += int64(wrote)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// maxChunk is more than a chunk has (execution.Chunk): a byte at p is in a
// chunk whose position is above p-maxChunk.
const maxChunk = 1 << 20

// pieces are the bytes of a stream from one on, in order, a few in memory at a
// time. Nothing comes after an error.
func (s *Store) pieces(ctx context.Context, id execution.ID, stream execution.Stream, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		found, err := s.chunks.Find(ctx,
			bson.M{"execution_id": id, "stream": stream, "position": bson.M{"$gt": from - maxChunk}},
			options.Find().SetSort(bson.D{{Key: "position", Value: 1}}).SetBatchSize(64).SetProjection(bson.M{"position": 1, "bytes": 1}))
		if err != nil {
			yield(nil, kinded(err))
			return
		}
		defer found.Close(context.WithoutCancel(ctx))
		for found.Next(ctx) {
			var c execution.Chunk
			if err := found.Decode(&c); err != nil {
				yield(nil, err)
				return
			}
			skip := max(from-c.Position, 0)
			if skip < int64(len(c.Bytes)) && !yield(c.Bytes[skip:], nil) {
				return
			}
		}
		if err := found.Err(); err != nil {
			yield(nil, kinded(err))
		}
	}
}

// head returns what a result carries of a stream: at most InlineBytes, and no
// half character at the end of them.
func (s *Store) head(ctx context.Context, id execution.ID, stream execution.Stream) ([]byte, error) {
	b, err := s.Output(ctx, id, stream, 0, execution.InlineBytes)
	if len(b) < execution.InlineBytes {
		return b, err
	}
	return whole(b), err
}

// whole returns b without the beginning of a character at its end. What is no
// UTF-8 anyway stays.
func whole(b []byte) []byte {
	for n := 1; n <= min(utf8.UTFMax-1, len(b)); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}
