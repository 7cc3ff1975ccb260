//go:build linux

package runner

import (
	"bytes"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is a container's own, where it is mounted inside of it. Version 2 is
// looked for first (kernel: admin-guide/cgroup-v2.rst), then version 1
// (admin-guide/cgroup-v1/). On a hybrid system only the latter has the files.
type cgroup struct {
	root  string         // "": unknown
	files map[string]int // that are open: they are read often
}

func (c cgroup) close() {
	for _, fd := range c.files {
		_ = unix.Close(fd)
	}
}

func (c cgroup) cpu() (time.Duration, bool) {
	if us, ok := c.number("cpu.stat", "usage_usec"); ok {
		return time.Duration(us) * time.Microsecond, true
	}
	ns, ok := c.number("cpuacct/cpuacct.usage", "")
	return time.Duration(ns), ok
}

// peakMemory is in bytes, with the page cache. The first is there from Linux 5.19.
func (c cgroup) peakMemory() (int64, bool) {
	return c.either("memory.peak", "memory/memory.max_usage_in_bytes", "")
}

// memory is what is in use, in bytes, as the kernel counts it against the limit.
func (c cgroup) memory() (int64, bool) {
	return c.either("memory.current", "memory/memory.usage_in_bytes", "")
}

// droppable is the part of it that the kernel would drop first: pages of files
// that nobody used lately. The kubelet counts in the same way.
func (c cgroup) droppable() int64 {
	if n, ok := c.number("memory.stat", "inactive_file"); ok {
		return n
	}
	n, _ := c.number("memory/memory.stat", "total_inactive_file")
	return n
}

// oomKills counts processes, whichever of the cgroup they were.
func (c cgroup) oomKills() (int64, bool) {
	if n, ok := c.number("memory.events", "oom_kill"); ok {
		return n, true
	}
	return c.number("memory/memory.oom_control", "oom_kill")
}

// pids counts processes and threads, ours included.
func (c cgroup) pids() (int64, bool) {
	return c.either("pids.current", "pids/pids.current", "")
}

// pidsRefused counts forks that a limit of this cgroup did not allow. The
// kubelet's limit is one of the pod's, and may not be counted here.
func (c cgroup) pidsRefused() (int64, bool) {
	return c.either("pids.events", "pids/pids.events", "max")
}

func (c cgroup) either(v2, v1, key string) (int64, bool) {
	if n, ok := c.number(v2, key); ok {
		return n, true
	}
	return c.number(v1, key)
}

// number reads file, which is a number, or the line "key number" in it.
func (c cgroup) number(file, key string) (int64, bool) {
	var buf [8 << 10]byte
	for line := range bytes.Lines(c.read(file, buf[:])) {
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if key == "" {
			name, value = nil, name
		}
		if string(name) == key && (ok || key == "") {
			n, err := strconv.ParseInt(string(value), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// read reads a file from its beginning; nothing if it is not there.
func (c cgroup) read(file string, buf []byte) []byte {
	if c.root == "" {
		return nil
	}
	fd, ok := c.files[file]
	if !ok {
		var err error
		if fd, err = unix.Open(filepath.Join(c.root, file), unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return nil
		}
		c.files[file] = fd
	}
	n, err := unix.Pread(fd, buf, 0)
	if err != nil {
		return nil
	}
	return buf[:n]
}
