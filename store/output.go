package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// Record stores chunks of output. What is there already stays as it is.
func (s *Store) Record(ctx context.Context, chunks ...execution.Chunk) error {
	_, err := insert(ctx, s.chunks, chunks)
	return err
}

// insert puts docs into c but for those that are there, which hold up no other,
// and returns how many were put.
func insert[T any](ctx context.Context, c *mongo.Collection, docs []T) (int, error) {
	if len(docs) == 0 {
		return 0, nil
	}
	_, err := c.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	if err == nil {
		return len(docs), nil
	}
	several, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || several.WriteConcernError != nil || len(several.WriteErrors) == 0 {
		return 0, kinded(err)
	}
	for _, one := range several.WriteErrors {
		if !mongo.IsDuplicateKeyError(one) {
			return 0, kinded(err)
		}
	}
	return len(docs) - len(several.WriteErrors), nil
}

// Output writes the first limit bytes of a stream of id to w, all of them if
// limit is negative, chunk by chunk, and returns how many that were. Where chunks
// are missing, it goes on with the next one.
func (s *Store) Output(ctx context.Context, id execution.ID, stream execution.Stream, w io.Writer, limit int64) (n int64, err error) {
	found, err := s.chunks.Find(ctx, bson.M{"execution_id": id, "stream": stream},
		options.Find().SetSort(bson.D{{Key: "position", Value: 1}}).SetBatchSize(64).SetProjection(bson.M{"bytes": 1}))
	if err != nil {
		return 0, kinded(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	for n != limit && found.Next(ctx) {
		var c execution.Chunk
		if err := found.Decode(&c); err != nil {
			return n, err
		}
		if limit >= 0 {
			c.Bytes = c.Bytes[:min(int64(len(c.Bytes)), limit-n)]
		}
		wrote, err := w.Write(c.Bytes)
		n += int64(wrote)
		if err != nil {
			return n, err
		}
	}
	return n, kinded(found.Err())
}

// Artifact writes the bytes of a, which is one of those that id left, to w,
// chunk by chunk. If some are missing it fails, after those before them.
func (s *Store) Artifact(ctx context.Context, id execution.ID, a execution.Artifact, w io.Writer) error {
	from, to := a.Position, a.Position+a.Bytes
	found, err := s.chunks.Find(ctx,
		bson.M{"execution_id": id, "stream": execution.Artifacts, "position": bson.M{"$gt": from - maxChunk, "$lt": to}},
		options.Find().SetSort(bson.D{{Key: "position", Value: 1}}).SetBatchSize(64).SetProjection(bson.M{"position": 1, "bytes": 1}))
	if err != nil {
		return kinded(err)
	}
	defer found.Close(context.WithoutCancel(ctx))
	for from < to && found.Next(ctx) {
		var c execution.Chunk
		if err := found.Decode(&c); err != nil {
			return err
		}
		end := min(c.Position+int64(len(c.Bytes)), to)
		if c.Position > from {
			break
		}
		if end <= from {
			continue
		}
		if _, err := w.Write(c.Bytes[from-c.Position : end-c.Position]); err != nil {
			return err
		}
		from = end
	}
	if err := found.Err(); err != nil {
		return kinded(err)
	}
	if from < to {
		return fmt.Errorf("artifact %q of %s is not there from byte %d on", a.Path, id, from-a.Position)
	}
	return nil
}

// maxChunk is how many bytes a chunk has at most.
const maxChunk = 16 << 10

// head returns what a result carries of a stream: at most InlineBytes, and no
// half character at the end of them.
func (s *Store) head(ctx context.Context, id execution.ID, stream execution.Stream) ([]byte, error) {
	var b bytes.Buffer
	if n, err := s.Output(ctx, id, stream, &b, execution.InlineBytes); n < execution.InlineBytes {
		return b.Bytes(), err
	}
	return whole(b.Bytes()), nil
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
