//go:build linux

package runner

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// What a file costs at least: an entry, an inode, and its share of what the
	// file system keeps for them.
	inodeBytes = 4096
	// A tree that is deeper cannot be measured, and counts as too large: no
	// program needs it, and each level is a descriptor that is open.
	deepest = 512
)

// inode names a file.
type inode struct{ dev, ino uint64 }

// usage adds up what files take, until it is more than limit. A file with more
// than one name counts once.
type usage struct {
	limit   int64
	largest int64 // how large a file may become; 0: as it likes

	bytes  int64
	capped bool // there is a file that is exactly as large as one may become
	seen   map[inode]bool
}

// beyond says that it is not worth while to look further.
func (u *usage) beyond() bool { return u.bytes > u.limit }

// add counts one file.
func (u *usage) add(s *unix.Stat_t) {
	regular := s.Mode&unix.S_IFMT == unix.S_IFREG
	if file := (inode{s.Dev, s.Ino}); regular && (s.Nlink != 1 || len(u.seen) > 0) {
		if u.seen[file] {
			return
		}
		if u.seen == nil {
			u.seen = make(map[inode]bool)
		}
		if s.Nlink != 1 {
			u.seen[file] = true
		}
	}
	u.bytes += max(s.Blocks*512, inodeBytes)
	u.capped = u.capped || regular && u.largest > 0 && s.Size == u.largest
}

// folder counts all that is below the one called name, but not itself.
func (u *usage) folder(name string) {
	if fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		u.below(fd, 1)
	}
}

// below counts what is below fd, and closes it. Nothing leads out of it: no
// link is followed, and names are those that the folder itself gives.
func (u *usage) below(fd, depth int) {
	dir := os.NewFile(uintptr(fd), "folder")
	defer dir.Close() //nolint:errcheck // it was only read
	for !u.beyond() {
		names, err := dir.Readdirnames(128)
		for _, name := range names {
			var s unix.Stat_t
			if unix.Fstatat(fd, name, &s, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue // it is gone
			}
			u.add(&s)
			if u.beyond() {
				return
			}
			if s.Mode&unix.S_IFMT == unix.S_IFDIR {
				u.into(fd, name, s.Mode, depth)
			}
		}
		if err != nil {
			return
		}
	}
}

// into counts what is below one folder of fd. One that is closed to all but
// root, the runner included, is opened: it may have been closed to hide what is
// in it.
func (u *usage) into(fd int, name string, mode uint32, depth int) {
	if depth == deepest { // as far as there is a limit
		u.bytes = max(u.bytes, u.limit) + 1
		return
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	sub, err := unix.Openat(fd, name, flags, 0)
	if errors.Is(err, unix.EACCES) && unix.Fchmodat(fd, name, mode&0o7777|unix.S_IRWXU, 0) == nil {
		sub, err = unix.Openat(fd, name, flags, 0)
	}
	if err == nil {
		u.below(sub, depth+1)
	}
}

// unlinked counts the files that have no name any more and that processes have
// open, as far as they are where folders are. What is only mapped is not seen.
func (u *usage) unlinked(processes []int, folders []string) {
	devices := make(map[uint64]bool)
	for _, name := range folders {
		var s unix.Stat_t
		if unix.Stat(name, &s) == nil {
			devices[s.Dev] = true
		}
	}
	for _, pid := range processes {
		name := "/proc/" + strconv.Itoa(pid) + "/fd"
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		dir := os.NewFile(uintptr(fd), "folder")
		names, _ := dir.Readdirnames(-1)
		for _, name := range names {
			var s unix.Stat_t
			if unix.Fstatat(fd, name, &s, 0) == nil && s.Mode&unix.S_IFMT == unix.S_IFREG && s.Nlink == 0 && devices[s.Dev] {
				u.add(&s)
			}
		}
		_ = dir.Close()
		if u.beyond() {
			return
		}
	}
}
