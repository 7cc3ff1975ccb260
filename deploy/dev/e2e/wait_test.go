package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const look = 50 * time.Millisecond // is how often what is awaited is looked at

// eventually fails t unless f becomes true within d; state says how things
// stand, for the message.
func eventually(t testing.TB, d time.Duration, f func() (ok bool, state string)) {
	t.Helper()
	if err := await(context.Background(), d, f); err != nil {
		t.Fatal(err)
	}
}

// await is eventually for where there is no test.
func await(ctx context.Context, d time.Duration, f func() (ok bool, state string)) error {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	ticks := time.NewTicker(look)
	defer ticks.Stop()
	for {
		ok, state := f()
		if ok {
			return nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s", d, state)
		}
	}
}

// pause is for what needs a moment in which nothing is done: the lengths of
// outages, and moments at random.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
