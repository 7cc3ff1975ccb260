package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const soakRuns = 300

// TestDF02Soak runs many scripts and wants nothing to grow by that: no memory, no
// goroutines, no descriptors, nothing in the ledger and nothing in the cluster.
// AD-07, DF-02.
func TestDF02Soak(t *testing.T) {
	s := begin(t, 15*time.Minute)
	s.soak(60) // to be warm
	before := the.measures(s)
	s.soak(soakRuns - 60)
	var after map[string]measure
	eventually(t, 90*time.Second, func() (bool, string) { // what was the last runs' goes a little later
		after = the.measures(s)
		grown := grown(before, after)
		return len(grown) == 0, strings.Join(grown, "; ")
	})
	for name, m := range after {
		t.Logf("%-8s %s, before: %s", name, m, before[name])
	}
	if err := await(s.ctx, 10*time.Second, the.ledger.empty(s.ctx)); err != nil {
		t.Error(err)
	}
	if left, err := the.cluster.left(s.ctx, ""); err != nil || len(left) > 0 {
		eventually(t, time.Minute, func() (bool, string) {
			left, err = the.cluster.left(s.ctx, "")
			return err == nil && len(left) == 0, fmt.Sprintf("left: %s (%v)", strings.Join(left, ", "), err)
		})
	}
}

// soak has n scripts run, as many at once as there is capacity.
func (s *story) soak(n int) {
	s.Helper()
	var callers sync.WaitGroup
	for caller := range capacity {
		callers.Go(func() {
			for i := caller; i < n; i += capacity {
				if x := s.run(python("print('soaked')")); x.verdict() != "completed 0" {
					s.Errorf("%s: %s", x.ID, x.verdict())
				}
			}
		})
	}
	callers.Wait()
}

// measure is how much a process has.
type measure struct {
	memory     int64 // resident, bytes
	goroutines int64
	files      int64 // descriptors
}

func (m measure) String() string {
	return fmt.Sprintf("%d MiB, %d goroutines, %d descriptors", m.memory>>20, m.goroutines, m.files)
}

// measures takes those of all processes of the product, as they are and as they
// say in their metrics.
func (p *platform) measures(s *story) map[string]measure {
	all := map[string]measure{}
	for _, proc := range p.all {
		body, _, err := fetch(s.ctx, strings.TrimSuffix(proc.ready, "/readyz")+"/metrics")
		if err != nil {
			s.Errorf("%s: %v", proc.name, err)
		}
		m := measure{goroutines: figure(string(body), "go_goroutines")}
		pid := strconv.Itoa(proc.pid())
		fds, _ := os.ReadDir(filepath.Join("/proc", pid, "fd"))
		m.files = int64(len(fds))
		status, _ := os.ReadFile(filepath.Join("/proc", pid, "status"))
		for line := range strings.Lines(string(status)) {
			if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 10, 64)
				m.memory = n << 10
			}
		}
		all[proc.name] = m
	}
	return all
}

// figure is the value of a metric without labels.
func figure(exposition, name string) int64 {
	for line := range strings.Lines(exposition) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(n)
		}
	}
	return 0
}

// grown says what is more than it was, beyond what a process breathes: caches
// that are not full yet, and connections.
func grown(before, after map[string]measure) (all []string) {
	for name, b := range before {
		a := after[name]
		if a.goroutines > b.goroutines+30 || a.files > b.files+30 || a.memory > b.memory*5/4+(24<<20) {
			all = append(all, fmt.Sprintf("%s has %s, had %s", name, a, b))
		}
	}
	return all
}

// pid is that of the process now.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}
