//go:build linux

package runner

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Between SIGTERM and SIGKILL.
	grace = 2 * time.Second
	// From one look at usage to the next; a look is a few small files.
	between = 100 * time.Millisecond
	// The same of memory that the kernel does not limit for us.
	betweenGlances = 20 * time.Millisecond
	// From one SIGKILL to the next, while something is left.
	again = 10 * time.Millisecond
	// What SIGKILL does not end within this time hangs in the kernel.
	survivors = time.Second
)

// watch waits for the main process of t and ends all of t when it goes too far:
// at once when it reached a limit, politely when its time is over or somebody
// asked. The first reason is the one that counts.
func (r *runner) watch(t *tree, l Limits, m *meter, s *survey) facts {
	f := facts{limits: l}
	wall := time.NewTimer(seconds(l.WallSeconds))
	defer wall.Stop()
	looks, glances := time.NewTicker(between), time.NewTicker(betweenGlances)
	defer looks.Stop()
	defer glances.Stop()
	if l.MemoryBytes == 0 {
		glances.Stop()
	}
	var kill <-chan time.Time
	expired, stop, broken := wall.C, r.stop, r.teller.failed
	beyond, large, reached, full := looks.C, glances.C, r.all.reached, s.full
	end := func(sig unix.Signal, after time.Duration) {
		t.signal(sig)
		kill = time.After(after)
		expired, stop, broken = nil, nil, nil
		beyond, large, reached, full = nil, nil, nil, nil
	}
	exceeded := func(limit string) {
		if limit != "" {
			f.limit = limit
			end(unix.SIGKILL, again)
		}
	}
	for {
		select {
		case f.status = <-t.ended:
			return f
		case <-expired:
			f.timedOut = true
			end(unix.SIGTERM, grace)
		case <-stop:
			f.stopped = true
			end(unix.SIGTERM, grace)
		case <-kill:
			end(unix.SIGKILL, again)
		case <-broken:
			end(unix.SIGKILL, again)
		case <-reached:
			exceeded("output")
		case <-full:
			exceeded("disk")
		case <-beyond:
			exceeded(m.beyond(l))
		case <-large:
			if m.tooLarge(l.MemoryBytes) {
				exceeded("memory")
			}
		}
	}
}
