package web

import (
	"context"
	"fmt"
	"runtime/debug"

	"golang.org/x/sync/singleflight"

	"github.com/codesaga/codesaga/execution"
)

// shared are reads of the store that streams of one execution have in common: a
// thousand of them which are woken by one event ask once. Who joins a read that
// has begun may get what was true a moment before, so only streams use this,
// which look again.
type shared struct{ since, rows, places, views singleflight.Group }

// join does read, or waits for the one under way under key; joined tells that
// others did, too. The read goes on when one of them leaves.
func join[T any](ctx context.Context, g *singleflight.Group, key string, read func(context.Context) (T, error)) (v T, joined bool, err error) {
	done := g.DoChan(key, func() (found any, err error) {
		defer func() {
			if r := recover(); r != nil { // singleflight would end the process
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		return read(context.WithoutCancel(ctx))
	})
	select {
	case <-ctx.Done():
		return v, false, ctx.Err()
	case r := <-done:
		v, _ = r.Val.(T)
		return v, r.Shared, r.Err
	}
}

// part is what a stream reads at once.
type part struct {
	updates []execution.Update
	more    bool
}

// sinceNow is History.Since for a stream. If it has joined a read, there may be
// more, for which another read is enough.
func (s *Server) sinceNow(ctx context.Context, id execution.ID, at execution.Position) (updates []execution.Update, more, joined bool, err error) {
	p, joined, err := join(ctx, &s.shared.since, fmt.Sprintf("%s %s", id, at), func(ctx context.Context) (p part, err error) {
		p.updates, p.more, err = s.History.Since(ctx, id, at)
		return p, err
	})
	return p.updates, p.more, joined, err
}

// placeNow is Queue.Place for a stream.
func (s *Server) placeNow(ctx context.Context, id execution.ID, pool string) (*execution.Queue, error) {
	q, _, err := join(ctx, &s.shared.places, string(id), func(ctx context.Context) (*execution.Queue, error) { return s.Queue.Place(ctx, id, pool) })
	return q, err
}

// rowNow is Executions.Get for a stream.
func (s *Server) rowNow(ctx context.Context, id execution.ID) (execution.Execution, error) {
	x, _, err := join(ctx, &s.shared.rows, string(id), func(ctx context.Context) (execution.Execution, error) { return s.Executions.Get(ctx, id) })
	return x, err
}

// endNow is viewNow for the end of a stream, which is told after the write.
func (s *Server) endNow(ctx context.Context, id execution.ID) (View, error) {
	v, _, err := join(ctx, &s.shared.views, string(id), func(ctx context.Context) (View, error) { return s.viewNow(ctx, id) })
	return v, err
}
