//go:build linux

package runner

import (
	"fmt"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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
	tooMuch           bool  // that is in files, at the end
	capped            bool  // a file is as large as one may become
	allOpen           bool  // a process had all the descriptors it may have
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
	case f.limit == "memory", f.limit == "" && f.oomKills > 0: // of a fork bomb some may be killed, too
		end.OOMKilled, end.Limit, end.ExitCode = true, "memory", 137
	case f.timedOut || f.stopped || f.limit != "":
	case f.tooMuch:
		end.Limit = "disk"
	case end.ExitCode == 0:
	case f.status.Signal() == unix.SIGXCPU, spent:
		end.Limit = "cpu_time"
	case f.status.Signal() == unix.SIGXFSZ, f.capped: // many languages hear of it as an error
		_, end.Limit = f.limits.largestFile()
	case f.allOpen:
		end.Limit = "open_files"
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
