//go:build linux

package runner

import (
	"math"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// rlimits are those of getrlimit(2) that follow from l, soft and hard.
func rlimits(l Limits) map[int][2]int64 {
	// Of a crash nobody reads the memory. 1 keeps it from files, as 0 does, and
	// from a program in core_pattern, which 0 does not; see core(5).
	limits := map[int][2]int64{unix.RLIMIT_CORE: {1, 1}}
	if l.CPUSeconds > 0 { // whole seconds; SIGXCPU, and a second later SIGKILL
		s := int64(math.Ceil(min(l.CPUSeconds, math.MaxInt32)))
		limits[unix.RLIMIT_CPU] = [2]int64{s, s + 1}
	}
	if l.OpenFiles > 0 {
		limits[unix.RLIMIT_NOFILE] = [2]int64{l.OpenFiles, l.OpenFiles}
	}
	if n, _ := l.largestFile(); n > 0 {
		limits[unix.RLIMIT_FSIZE] = [2]int64{n, n}
	}
	if l.Processes > 0 && ownUsers() { // see Limits: not the limit, but its backstop
		n := 2*l.Processes + 64
		limits[unix.RLIMIT_NPROC] = [2]int64{n, n}
	}
	return limits
}

// largestFile is how large a file may become, or 0, and which limit that is.
func (l Limits) largestFile() (bytes int64, limit string) {
	if l.FileBytes > 0 && (l.DiskBytes == 0 || l.FileBytes <= l.DiskBytes) {
		return l.FileBytes, "file_size"
	}
	return l.DiskBytes, "disk"
}

// ownUsers says that we are in a user namespace of our own, where nobody else
// has our uid. The first one maps all IDs to themselves, user_namespaces(7).
func ownUsers() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295"
}

// limit sets which, but not above what we have: without privileges nobody can.
// (syscall, not unix: Go puts its own RLIMIT_NOFILE back at exec unless it was
// set there.)
func limit(which int, limits map[int][2]int64) error {
	want, ok := limits[which]
	if !ok {
		return nil
	}
	var have syscall.Rlimit
	if err := syscall.Getrlimit(which, &have); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	have.Max = min(have.Max, uint64(want[1]))
	have.Cur = min(have.Max, uint64(want[0]))
	return os.NewSyscallError("setrlimit", syscall.Setrlimit(which, &have))
}
