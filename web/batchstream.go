package web

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// How often a stream looks how its batch stands: at least and at most.
const (
	batchLook  = 250 * time.Millisecond
	batchQuiet = 2 * time.Second
)

// batchFeed writes one response about a batch. It tells how things stand, never
// what happened: whoever comes back, or missed something, misses nothing.
type batchFeed struct {
	*feed
	known []execution.BatchState // as the client has them, in the order of items
}

// batchStream sends how a batch stands and then each change, until all of it
// has ended.
func (s *Server) batchStream(c *gin.Context) error {
	b, err := s.myBatch(c)
	if err != nil {
		return err
	}
	last, leave, err := s.enter(c)
	if err != nil || last == theEnd {
		return err
	}
	defer leave()
	ctx := c.Request.Context()
	states, err := s.BatchBook.BatchStates(ctx, b.ID)
	if err != nil {
		return err
	}
	t, err := s.tally(ctx, b)
	if err != nil {
		return err
	}
	f := &batchFeed{feed: s.openFeed(c)}
	s.serveFeed(f.feed, "batch", func() (string, error) {
		f.whole(b, t, states)
		return s.followBatch(f, b.ID)
	})
	return nil
}

// followBatch sends what changes until the end, and says why it ended.
func (s *Server) followBatch(f *batchFeed, id string) (why string, err error) {
	pause := batchLook
	return s.poll(f.feed, 0, func() (time.Duration, error) {
		changed, err := s.lookAtBatch(f, id)
		pause = min(pause+pause/4, batchQuiet)
		if changed {
			pause = batchLook
		}
		return pause, err
	})
}

// lookAtBatch sends what has changed, and the end if that has come.
func (s *Server) lookAtBatch(f *batchFeed, id string) (changed bool, err error) {
	states, err := s.BatchBook.BatchStates(f.ctx, id)
	if err != nil {
		return false, err
	}
	changed = f.changes(states)
	for _, i := range states {
		if !i.Status.Terminal() {
			return changed, nil
		}
	}
	return changed, s.endBatch(f.ctx, f, id)
}

// endBatch sends the end, unless a retry is expected.
func (s *Server) endBatch(ctx context.Context, f *batchFeed, id string) error {
	b, err := s.Batches.Batch(ctx, id)
	if err != nil {
		return err
	}
	t, err := s.tally(ctx, b)
	if err == nil && t.FinishedAt != nil {
		f.frame(theEnd, "end", viewOfBatch(b, t))
		f.over = true
	}
	return err
}

// whole sends all that there is to know.
func (f *batchFeed) whole(b execution.Batch, t execution.BatchTally, states []execution.BatchState) {
	f.known = states
	items := make([][]any, len(states))
	for i, state := range states {
		items[i] = told(state)
	}
	f.control("batch", struct {
		BatchView
		Items [][]any `json:"items"`
	}{viewOfBatch(b, t), items})
}

// changes sends the items that are not as the client knows them, and reports
// whether there were any.
func (f *batchFeed) changes(states []execution.BatchState) (any bool) {
	for i, state := range states {
		if i >= len(f.known) || f.known[i] != state {
			f.control("item", told(state))
			any = true
		}
	}
	f.known = states
	return any
}

// told is an item in a stream: its index, its status and, when it has ended,
// whether it passed.
func told(state execution.BatchState) []any {
	if !state.Status.Terminal() {
		return []any{state.Index, state.Status, nil}
	}
	return []any{state.Index, state.Status, state.Passed}
}
