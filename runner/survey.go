//go:build linux

package runner

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// survey looks at what takes long to look at, while a step runs: what its files
// take, and how many descriptors its processes have. It does so in threads of
// its own, which may wait for a disk, and takes about a hundredth of a core
// for either: of a script that makes a million files it sees less often what
// they take.
type survey struct {
	limits  Limits
	folders []string
	tree    *tree

	kept, held atomic.Int64  // bytes of files with a name, and of open ones without
	full       chan struct{} // closed when both together are more than the limit
	once       sync.Once
	done       chan struct{} // closed by stop
	looks      sync.WaitGroup
}

func (r *runner) survey(t *tree, l Limits) *survey {
	s := &survey{limits: l, folders: r.folders, tree: t, full: make(chan struct{}), done: make(chan struct{})}
	if l.DiskBytes > 0 {
		s.looks.Go(func() { s.repeat(func() { s.found(&s.kept, s.files(s.usage())) }) })
	}
	if l.DiskBytes > 0 || t.files != nil {
		s.looks.Go(func() { s.repeat(s.processes) })
	}
	return s
}

// stop ends the looks; the last ones have ended when it returns.
func (s *survey) stop() {
	close(s.done)
	s.looks.Wait()
}

// end is the last look, when no process is left.
func (s *survey) end(f *facts) {
	f.allOpen = s.tree.files.found()
	if n, _ := s.limits.largestFile(); n > 0 {
		u := s.files(s.usage())
		f.tooMuch, f.capped = u.beyond(), u.capped
	}
}

// repeat does what look does, ten times a second or as often as it may.
func (s *survey) repeat(look func()) {
	runtime.LockOSThread() // whose time is measured
	defer runtime.UnlockOSThread()
	pause := time.NewTimer(between)
	defer pause.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-pause.C:
		}
		begun := threadTime()
		look()
		pause.Reset(max(between, 100*(threadTime()-begun)))
	}
}

// threadTime is what the calling thread took of a CPU. Wall time would not do: a
// script that takes all it may slows the looks at it down as well.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

func (s *survey) usage() *usage {
	u := &usage{limit: s.limits.DiskBytes}
	if u.limit == 0 {
		u.limit = math.MaxInt64
	}
	u.largest, _ = s.limits.largestFile()
	return u
}

// files adds what all folders take now.
func (s *survey) files(u *usage) *usage {
	for _, name := range s.folders {
		u.folder(name)
	}
	return u
}

func (s *survey) processes() {
	all := s.tree.processes()
	if s.tree.files != nil {
		for _, pid := range all {
			s.tree.files.look(pid)
		}
	}
	if s.limits.DiskBytes > 0 {
		u := s.usage()
		u.unlinked(all, s.folders)
		s.found(&s.held, u)
	}
}

// found takes note of what is taken. A file that lost its name between two
// looks is in both sums: what is too much is counted once more, the open ones
// first.
func (s *survey) found(where *atomic.Int64, u *usage) {
	where.Store(u.bytes)
	if s.kept.Load()+s.held.Load() <= s.limits.DiskBytes {
		return
	}
	again := s.usage()
	again.unlinked(s.tree.processes(), s.folders)
	held := again.bytes
	if s.files(again).beyond() {
		s.once.Do(func() { close(s.full) })
	}
	s.held.Store(held)
	s.kept.Store(again.bytes - held)
}
