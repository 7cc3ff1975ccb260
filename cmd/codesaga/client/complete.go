package client

import (
	"context"
	"fmt"

	"github.com/codesaga/codesaga/execution"
)

// printed are the streams that people read, in the order of their beginning.
var printed = []execution.Stream{execution.Compile, execution.Stdout, execution.Stderr}

// complete brings what the stream of x did not, such as that of a run which
// ended long ago, and says what is not to be had.
func (f *follower) complete(ctx context.Context, x view) {
	for _, s := range printed {
		all, truncated := x.printed(s)
		if have := f.have[s]; have < all && !f.holes && !f.mute && (have == 0 || !truncated) {
			if err := f.api.output(ctx, f.id, s, have, f.writer(s)); err != nil && ctx.Err() == nil {
				f.note(fmt.Sprintf("the rest of %s: %v", s, err))
			}
		}
		switch have := f.have[s]; {
		case truncated:
			f.note(fmt.Sprintf("%s was cut: of %d bytes the first %d were kept", s, all, have))
		case have < all:
			f.note(fmt.Sprintf("%s is incomplete: %d bytes at its end are missing", s, all-have))
		}
	}
}

// writer prints to s and keeps count.
func (f *follower) writer(s execution.Stream) writeFunc {
	return func(b []byte) (int, error) {
		f.have[s] += int64(len(b))
		return len(b), f.print(s, b)
	}
}

// writeFunc is a writer.
type writeFunc func([]byte) (int, error)

// Write calls w.
func (w writeFunc) Write(b []byte) (int, error) { return w(b) }
