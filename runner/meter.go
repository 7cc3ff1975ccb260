//go:build linux

package runner

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meter measures a step: what the counters say, minus what they said before it.
type meter struct {
	cgroup cgroup
	cpu    time.Duration // of the cgroup
	waited time.Duration // of processes that were waited for
	oom    int64
	pids   int64
}

func measure(root string) *meter {
	m := &meter{cgroup: cgroup(root)}
	m.cpu, _ = m.cgroup.cpu()
	m.waited, _ = children()
	m.oom, _ = m.cgroup.oomKills()
	m.pids, _ = m.cgroup.pidsRefused()
	return m
}

func (m *meter) stop(f *facts) {
	var ok bool
	waited, largest := children()
	if f.cpu, ok = m.cgroup.cpu(); ok {
		f.cpu -= m.cpu
	} else {
		f.cpu = waited - m.waited
	}
	if f.peak, ok = m.cgroup.peakMemory(); !ok {
		f.peak = largest
	}
	if n, ok := m.cgroup.oomKills(); ok {
		f.oomKills = n - m.oom
	}
	if n, ok := m.cgroup.pidsRefused(); ok {
		f.refused = n - m.pids
	}
}

// beyond names the limit that was gone beyond, or none.
func (m *meter) beyond(l Limits) string {
	if l.CPUSeconds > 0 {
		if cpu, ok := m.cgroup.cpu(); ok && cpu-m.cpu >= seconds(l.CPUSeconds) {
			return "cpu_time"
		}
	}
	if l.Processes > 0 {
		n, ok := m.cgroup.pids()
		if ok {
			ours, _ := os.ReadDir("/proc/self/task")
			n -= int64(len(ours))
		} else {
			n = int64(len(descendants(os.Getpid())))
		}
		if n > l.Processes {
			return "processes"
		}
	}
	return ""
}

// children is what the processes took that were waited for, by us or by one of
// them, and the resident set of the largest one in bytes; see getrusage(2).
func children() (cpu time.Duration, largest int64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u) != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss << 10
}

// cgroup is a container's own, where it is mounted inside of it. Version 2 is
// looked for first (kernel: admin-guide/cgroup-v2.rst), then version 1
// (admin-guide/cgroup-v1/). On a hybrid system only the latter has the files.
type cgroup string

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
	if c == "" {
		return 0, false
	}
	text, err := os.ReadFile(filepath.Join(string(c), file)) //nolint:gosec // names of ours
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if key == "" {
			name, value = "", name
		}
		if name == key && (ok || key == "") {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
