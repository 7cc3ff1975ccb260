package bridge

import (
	"context"
	"log/slog"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// LetterNews tells platform_events what happened to dead letters. It is read from
// the letters, where it was noted in the write that did it: nothing is lost while
// Kafka is away, and what is told twice has one ID.
type LetterNews struct {
	Untold func(ctx context.Context, limit int) ([]execution.Letter, error)
	Tell   func(context.Context, ...execution.PlatformEvent) error
	Told   func(context.Context, execution.Letter) error
	Log    *slog.Logger
}

const (
	newsLook = time.Second // between two looks
	newsPart = 100         // letters that are told of at once
)

// Run looks until ctx is done.
func (n *LetterNews) Run(ctx context.Context) error {
	ticker := time.NewTicker(newsLook)
	defer ticker.Stop()
	var down outage
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := n.look(ctx); err != nil && ctx.Err() == nil {
			down.note(n.Log, "cannot tell what happened to dead letters", "err", err)
		} else {
			down.over(n.Log, "telling again what happens to dead letters")
		}
	}
}

// look tells all that there is to tell.
func (n *LetterNews) look(ctx context.Context) error {
	for {
		letters, err := n.Untold(ctx, newsPart)
		if err != nil {
			return err
		}
		var events []execution.PlatformEvent
		for _, l := range letters {
			events = append(events, l.News()...)
		}
		if err := n.Tell(ctx, events...); err != nil {
			return err
		}
		for _, l := range letters {
			if err := n.Told(ctx, l); err != nil {
				return err
			}
		}
		if len(letters) < newsPart {
			return nil
		}
	}
}
