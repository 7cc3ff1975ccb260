package bridge

import (
	"context"
	"errors"
	"sync"

	"github.com/codesaga/codesaga/execution"
)

// OnChunks adapts a function that stores chunks, which may come again and in
// any order, to a Handler: the recorder's. What comes while a call of record is
// under way goes into the next call together: a database writes a hundred
// chunks about as fast as ten. That works best in a Consumer that is Unordered.
func OnChunks(codec *Codec[execution.Chunk], record func(context.Context, ...execution.Chunk) error) Handler {
	r := recorder{record: record, turn: make(chan struct{}, 1)}
	return On(codec, r.do)
}

// recorder gathers chunks.
type recorder struct {
	record func(context.Context, ...execution.Chunk) error
	turn   chan struct{} // one call at a time

	mu   sync.Mutex
	next *batch // that chunks can still join; nil: none
}

type batch struct {
	chunks []execution.Chunk
	done   chan struct{}
	err    error // when done
}

// do stores c, in whichever call.
func (r *recorder) do(ctx context.Context, c execution.Chunk) error {
	b, first := r.join(c)
	if first {
		r.write(ctx, b)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
	}
	if b.err != nil && len(b.chunks) > 1 && execution.KindOf(b.err) != execution.Unavailable {
		return r.record(ctx, c) // one of them is bad; whose it is shows alone
	}
	return b.err
}

// join adds c to the next call, and reports whether it is the first in it, who
// makes the call.
func (r *recorder) join(c execution.Chunk) (b *batch, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first = r.next == nil; first {
		r.next = &batch{done: make(chan struct{})}
	}
	r.next.chunks = append(r.next.chunks, c)
	return r.next, first
}

// write waits for its turn and makes the call for all who joined until then.
func (r *recorder) write(ctx context.Context, b *batch) {
	defer close(b.done)
	select {
	case <-ctx.Done():
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	}
	r.mu.Lock()
	r.next = nil
	r.mu.Unlock()
	if b.err = ctx.Err(); b.err == nil {
		b.err = errors.New("the recorder panicked") // unless it returns
		b.err = r.record(ctx, b.chunks...)
	}
}
