//go:build linux

package runner

import (
	"os"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// descriptors watches for a process that has all the descriptors it may have.
// That is not wrong in itself; but a script which fails after it, failed for
// want of one more.
type descriptors struct {
	limit int64
	full  atomic.Bool // there was one
}

// look looks at one process; of one that is gone there is nothing to see.
func (d *descriptors) look(pid int) {
	if !d.full.Load() && opened(pid) >= d.limit {
		d.full.Store(true)
	}
}

// opened is how many descriptors a process has: since Linux 6.2 the size of that
// folder.
func opened(pid int) int64 {
	name := "/proc/" + strconv.Itoa(pid) + "/fd"
	var s unix.Stat_t
	if unix.Stat(name, &s) == nil && s.Size > 0 {
		return s.Size
	}
	folder, err := os.Open(name) //nolint:gosec // a number
	if err != nil {
		return 0
	}
	defer folder.Close() //nolint:errcheck // it was only read
	names, _ := folder.Readdirnames(-1)
	return int64(len(names))
}

// found says that there was such a process.
func (d *descriptors) found() bool { return d != nil && d.full.Load() }
