//go:build linux

package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRlimitsAreTheScripts(t *testing.T) {
	p := play(t, with(self("rlimits"), nil, func(l *Limits) { l.CPUSeconds, l.OpenFiles, l.FileBytes = 1.5, 100, 1000 })).ended(End{})
	want := fmt.Sprintf("%d 2 3\n%d 100 100\n%d 1000 1000\n", unix.RLIMIT_CPU, unix.RLIMIT_NOFILE, unix.RLIMIT_FSIZE)
	if got := string(p.out[Stdout]); !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
}

func TestLimitsEndTheRun(t *testing.T) {
	t.Parallel()
	play(t, with(self("fsize"), nil, func(l *Limits) { l.FileBytes = 1000 })).
		ended(End{ExitCode: 128 + 25, Signal: "SIGXFSZ", Limit: "file_size"})
	play(t, with(self("many"), nil, func(l *Limits) { l.Processes = 10 })).
		ended(End{ExitCode: 137, Signal: "SIGKILL", Limit: "processes"})
	p := play(t, with(self("spin"), nil, func(l *Limits) { l.CPUSeconds = 1 })).
		ended(End{ExitCode: 128 + 24, Signal: "SIGXCPU", Limit: "cpu_time"})
	if cpu := p.end.CPUSeconds; cpu < 0.5 || cpu > 1.9 { // the kernel looks at ticks
		t.Errorf("took %v s of CPU", cpu)
	}
}

// The files of both versions, before and after. What they say is what is
// believed, and only what came on top.
func TestCgroup(t *testing.T) {
	t.Parallel()
	trees := map[string]struct{ before, after map[string]string }{
		"v2": {
			map[string]string{
				"cpu.stat":    "usage_usec 1000000\nuser_usec 1\n",
				"memory.peak": "7\n", "memory.events": "low 0\noom 9\noom_kill 1\n", "pids.events": "max 3\n",
			},
			map[string]string{"cpu.stat": "usage_usec 3500000\nuser_usec 1\n", "memory.peak": "104857600\n"},
		},
		"v1": {
			map[string]string{
				"cpuacct/cpuacct.usage": "1000000000\n", "memory/memory.max_usage_in_bytes": "7\n",
				"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "pids/pids.events": "max 3\n",
			},
			map[string]string{"cpuacct/cpuacct.usage": "3500000000\n", "memory/memory.max_usage_in_bytes": "104857600\n"},
		},
	}
	oom := map[string][2]string{
		"v2": {"memory.events", "low 0\noom 10\noom_kill 2\n"}, "v1": {"memory/memory.oom_control", "oom_kill_disable 0\noom_kill 2\n"},
	}
	refused := map[string]string{"v2": "pids.events", "v1": "pids/pids.events"}
	current := map[string]string{"v2": "pids.current", "v1": "pids/pids.current"}
	for version, tree := range trees {
		for name, c := range map[string]struct {
			file, text, exit string
			want             End
		}{
			"usage":           {"x", "", "0", End{}},
			"oom of a child":  {oom[version][0], oom[version][1], "0", End{ExitCode: 137, OOMKilled: true, Limit: "memory"}},
			"no more forks":   {refused[version], "max 4\n", "1", End{ExitCode: 1, Limit: "processes"}},
			"it did not mind": {refused[version], "max 4\n", "0", End{}},
			"too many":        {current[version], "5000\n", "sleep", End{ExitCode: 137, Signal: "SIGKILL", Limit: "processes"}},
		} {
			root := t.TempDir()
			args := []string{filepath.Join(root, c.file), c.text}
			for file, text := range tree.before {
				path := filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(filepath.Join(root, "pids"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range tree.after {
				args = append(args, filepath.Join(root, file), text)
			}
			job := with(self("cgroup", append(args, c.exit)...), nil, func(l *Limits) { l.Processes = 100 })
			p := play(t, job, env("CGROUP="+root)).ended(c.want)
			if p.end.CPUSeconds != 2.5 || p.end.PeakMemoryBytes != 100<<20 {
				t.Errorf("%s, %s: %+v", version, name, p.end)
			}
		}
		root := t.TempDir()
		path := filepath.Join(root, "cpu.stat")
		job := with(self("cgroup", path, "usage_usec 2500000\n", "sleep"), nil, func(l *Limits) { l.CPUSeconds = 2 })
		play(t, job, env("CGROUP="+rootWith(t, path))).ended(End{ExitCode: 137, Signal: "SIGKILL", Limit: "cpu_time"})
	}
}

func rootWith(t *testing.T, path string) string {
	if err := os.WriteFile(path, []byte("usage_usec 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(path)
}

func TestVerdict(t *testing.T) {
	const xcpu, kill = syscall.WaitStatus(24), syscall.WaitStatus(9)
	for name, c := range map[string]struct {
		facts facts
		want  End
	}{
		"cpu, and it caught the signal": {facts{limits: Limits{CPUSeconds: 2}, cpu: 3 * time.Second, status: kill}, End{ExitCode: 137, Signal: "SIGKILL", Limit: "cpu_time"}},
		"cpu, in time after all":        {facts{limits: Limits{CPUSeconds: 2}, cpu: 3 * time.Second}, End{}},
		"timeout before all else":       {facts{timedOut: true, refused: 1, status: xcpu}, End{ExitCode: 152, Signal: "SIGXCPU", TimedOut: true}},
		"memory, also of what had time": {facts{timedOut: true, oomKills: 1, status: kill}, End{ExitCode: 137, Signal: "SIGKILL", TimedOut: true, OOMKilled: true, Limit: "memory"}},
		"a real-time signal":            {facts{status: 40}, End{ExitCode: 168, Signal: "SIG40"}},
	} {
		var end End
		c.facts.tell(&end)
		end.WallSeconds, end.CPUSeconds, end.StartedAt, end.FinishedAt = 0, 0, time.Time{}, time.Time{}
		if !reflect.DeepEqual(end, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, end, c.want)
		}
	}
}
