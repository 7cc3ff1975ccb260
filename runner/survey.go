//go:build linux

package runner

import (
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What the looks of a survey may take of a core: one part in so many.
const (
	filesShare     = 100
	processesShare = 200
	// Between two looks lies no more than this, whatever they take: what a disk
	// limit allows is counted in a fraction of it.
	atLeastEvery = 5 * time.Second
)

// survey looks at what takes long to look at, while a step runs: what its files
// take, and how many descriptors its processes have. It waits for the disk, if
// it has to, where nobody waits for it; of a script that makes a million files
// it sees less often what they take, so that looking does not take more.
type survey struct {
	limits  Limits
	folders []string
	tree    *tree

	kept, held int64         // bytes of files with a name, and of open ones without
	full       chan struct{} // closed when both together are more than the limit
	done       chan struct{} // closed by stop
	looks      sync.WaitGroup
}

func (r *runner) survey(t *tree, l Limits) *survey {
	s := &survey{limits: l, folders: r.folders, tree: t, full: make(chan struct{}), done: make(chan struct{})}
	if l.DiskBytes > 0 || t.files != nil {
		s.looks.Go(s.run)
	}
	return s
}

// run looks until it is stopped, or has seen too much. It keeps to one thread, so
// that what a look costs can be told.
func (s *survey) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files, processes := pace{share: filesShare}, pace{share: processesShare}
	looks := time.NewTicker(between)
	defer looks.Stop()
	for s.limits.DiskBytes == 0 || s.kept+s.held <= s.limits.DiskBytes {
		select {
		case <-s.done:
			return
		case <-looks.C:
		}
		if s.limits.DiskBytes > 0 {
			files.keep(func() { s.kept = s.files(s.usage()).bytes })
		}
		processes.keep(s.processes)
		if s.limits.DiskBytes > 0 && s.kept+s.held > s.limits.DiskBytes {
			s.again()
		}
	}
	close(s.full)
}

// pace is how often something is done.
type pace struct {
	share time.Duration
	next  time.Time
}

// keep does what look does, if it is time to.
func (p *pace) keep(look func()) {
	if time.Now().Before(p.next) {
		return
	}
	took := cost(look)
	p.next = time.Now().Add(min(p.share*took, atLeastEvery))
}

// cost is what f takes of a CPU; the caller keeps to its thread. Wall time would
// not do: a script that takes all it may slows the looks at it down as well.
func cost(f func()) time.Duration {
	began := threadTime()
	f()
	return threadTime() - began
}

func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
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
		s.held = u.bytes
	}
}

// again counts what seems to be too much once more, the open files first: one
// that lost its name between two looks was in both sums.
func (s *survey) again() {
	u := s.usage()
	u.unlinked(s.tree.processes(), s.folders)
	s.held = u.bytes
	s.kept = s.files(u).bytes - s.held
}
