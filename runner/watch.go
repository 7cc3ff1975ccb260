//go:build linux

package runner

import (
	"fmt"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Between SIGTERM and SIGKILL.
	grace = 2 * time.Second
	// From one look at usage to the next; a look is two small files.
	look = 100 * time.Millisecond
	// From one SIGKILL to the next, while something is left.
	again = 10 * time.Millisecond
	// What SIGKILL does not end within this time hangs in the kernel.
	survivors = time.Second
)

// watch waits for the main process of t and ends all of t when it goes too far:
// at once when it reached a limit, politely when its time is over or somebody
// asked. The first reason is the one that counts.
func (r *runner) watch(t *tree, l Limits, m *meter) facts {
	f := facts{limits: l}
	wall := time.NewTimer(seconds(l.WallSeconds))
	defer wall.Stop()
	looks := time.NewTicker(look)
	defer looks.Stop()
	var kill <-chan time.Time
	expired, beyond, stop, reached, broken := wall.C, looks.C, r.stop, r.all.reached, r.teller.failed
	end := func(sig unix.Signal, after time.Duration) {
		t.signal(sig)
		kill = time.After(after)
		expired, beyond, stop, reached, broken = nil, nil, nil, nil, nil
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
			f.limit = "output"
			end(unix.SIGKILL, again)
		case <-beyond:
			if f.limit = m.beyond(l); f.limit != "" {
				end(unix.SIGKILL, again)
			}
		}
	}
}

// facts are what is known about a step that ended.
type facts struct {
	limits   Limits
	status   syscall.WaitStatus
	finished time.Time

	timedOut, stopped bool
	limit             string // that was the reason to end it
	cpu               time.Duration
	peak              int64 // bytes
	oomKills, refused int64 // processes that were killed, and those that could not be made
}

// tell writes into end what follows from f.
func (f facts) tell(end *End) {
	end.TimedOut, end.Stopped, end.Limit = f.timedOut, f.stopped, f.limit
	end.ExitCode = int32(f.status.ExitStatus())
	if f.status.Signaled() {
		end.ExitCode = 128 + int32(f.status.Signal())
		if end.Signal = unix.SignalName(f.status.Signal()); end.Signal == "" { // real-time
			end.Signal = fmt.Sprintf("SIG%d", f.status.Signal())
		}
	}
	switch spent := f.limits.CPUSeconds > 0 && f.cpu >= seconds(f.limits.CPUSeconds); {
	case f.oomKills > 0:
		end.OOMKilled, end.Limit, end.ExitCode = true, "memory", 137
	case f.timedOut || f.stopped || f.limit != "" || end.ExitCode == 0:
	case f.status.Signal() == unix.SIGXCPU, spent:
		end.Limit = "cpu_time"
	case f.status.Signal() == unix.SIGXFSZ:
		end.Limit = "file_size"
	case f.refused > 0:
		end.Limit = "processes"
	}
	end.StartedAt, end.FinishedAt = end.StartedAt.UTC(), f.finished.UTC()
	end.WallSeconds = f.finished.Sub(end.StartedAt).Seconds()
	end.CPUSeconds = f.cpu.Seconds()
	end.PeakMemoryBytes = f.peak
}

// seconds that do not fit are as many as do.
func seconds(s float64) time.Duration {
	return time.Duration(min(s*float64(time.Second), math.MaxInt64/2))
}
