//go:build linux

package runner

import (
	"os"
	"time"
)

// meter measures a step: what the counters say, minus what they said before it.
type meter struct {
	cgroup cgroup
	cpu    time.Duration // of the cgroup
	peak   int64         // of the cgroup, in all its life
	oom    int64
	pids   int64

	most int64 // the working set, when it was looked at and largest
}

func measure(root string) *meter {
	m := &meter{cgroup: cgroup{root, make(map[string]int)}}
	m.cpu, _ = m.cgroup.cpu()
	m.peak, _ = m.cgroup.peakMemory()
	m.oom, _ = m.cgroup.oomKills()
	m.pids, _ = m.cgroup.pidsRefused()
	return m
}

func (m *meter) stop(t *tree, f *facts) {
	defer m.cgroup.close()
	var ok bool
	if f.cpu, ok = m.cgroup.cpu(); ok {
		f.cpu -= m.cpu
	} else {
		f.cpu = time.Duration(t.cpu.Load())
	}
	// The high-water mark is this step's if it has risen.
	if f.peak, ok = m.cgroup.peakMemory(); !ok || f.peak == m.peak {
		f.peak = max(m.most, t.largest.Load())
	}
	if n, ok := m.cgroup.oomKills(); ok {
		f.oomKills = n - m.oom
	}
	if n, ok := m.cgroup.pidsRefused(); ok {
		f.refused = n - m.pids
	}
}

// tooLarge reports whether more than limit is in use. It asks what could be
// dropped, which takes longer, only when that matters.
func (m *meter) tooLarge(limit int64) bool {
	used, ok := m.cgroup.memory()
	return ok && used > limit && m.working(used) > limit
}

// working is how much of what is used could not be dropped.
func (m *meter) working(used int64) int64 {
	used -= m.cgroup.droppable()
	m.most = max(m.most, used)
	return used
}

// beyond names the limit that was gone beyond, or none.
func (m *meter) beyond(l Limits) string {
	if used, ok := m.cgroup.memory(); ok {
		m.working(used)
	}
	if cpu, ok := m.cgroup.cpu(); l.CPUSeconds > 0 && ok && cpu-m.cpu >= seconds(l.CPUSeconds) {
		return "cpu_time"
	}
	if l.Processes > 0 && m.crowded(l.Processes) {
		return "processes"
	}
	return ""
}

// crowded reports whether there are more than limit processes and threads, but
// for our own.
func (m *meter) crowded(limit int64) bool {
	n, ok := m.cgroup.pids()
	if !ok {
		return int64(len(descendants(os.Getpid()))) > limit
	}
	return n > limit && n-int64(len(numbers("/proc/self/task"))) > limit
}
