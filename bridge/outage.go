package bridge

import (
	"context"
	"log/slog"
	"time"
)

// outage is how long something has not worked. It is logged at first and then
// once a minute, not each time.
type outage struct {
	since, told time.Time
	pause       time.Duration
}

// note logs that it does not work, unless that was said a moment ago.
func (o *outage) note(log *slog.Logger, message string, args ...any) {
	now := time.Now()
	if o.since.IsZero() {
		o.since = now
	}
	if now.Sub(o.told) >= time.Minute {
		o.told = now
		log.Error(message, append(args, "for", now.Sub(o.since).Round(time.Second).String())...)
	}
}

// over logs that it works again, if it did not.
func (o *outage) over(log *slog.Logger, message string, args ...any) {
	if !o.since.IsZero() {
		log.Info(message, append(args, "after", time.Since(o.since).Round(time.Millisecond).String())...)
	}
	*o = outage{}
}

// wait waits before the next try: longer each time, up to 5 s.
func (o *outage) wait(ctx context.Context) error {
	o.pause = min(max(2*o.pause, 50*time.Millisecond), 5*time.Second)
	return sleep(ctx, o.pause)
}

// sleep returns early, with an error, if ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
