//go:build linux

package runner

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDescriptorsThatRunOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how, code string
		want      End
	}{
		{"all", "1", End{ExitCode: 1, Limit: "open_files"}},
		{"closed again", "1", End{ExitCode: 1, Limit: "open_files"}},
		{"all", "0", End{}},
		{"few", "1", End{ExitCode: 1}},
		{"one, far up", "1", End{ExitCode: 1}},
	} {
		t.Run(c.how+" "+c.code, func(t *testing.T) {
			play(t, with(self("descriptors", c.how, c.code), nil, func(l *Limits) { l.OpenFiles = 64 })).ended(c.want)
		})
	}
}

// Where the kernel does not help, what is open for long is seen.
func TestDescriptorsAreLookedAt(t *testing.T) {
	t.Parallel()
	d := &descriptors{limit: opened(os.Getpid()) + 1}
	d.look(os.Getpid())
	if d.found() {
		t.Error("found before it was full")
	}
	for range 3 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	if d.look(os.Getpid()); !d.found() {
		t.Error("not found")
	}
	p := launch(t, with(self("descriptors", "wait", "1"), nil, func(l *Limits) { l.OpenFiles, l.WallSeconds = 64, 1 })).until("open")
	p.wait().ended(End{ExitCode: 143, Signal: "SIGTERM", TimedOut: true})
}

func TestDiskIsWhatAllFilesTake(t *testing.T) {
	t.Parallel()
	beyond := End{ExitCode: 137, Signal: "SIGKILL", Limit: "disk"}
	for _, how := range []string{"files", "empty files", "folders", "a deep folder", "artifacts", "behind a closed door", "open, without a name"} {
		t.Run(how, func(t *testing.T) {
			p := play(t, with(self("writer", how, "wait"), nil, func(l *Limits) { l.DiskBytes = 1 << 20 })).ended(beyond)
			if p.end.WallSeconds > 5 {
				t.Errorf("after %v s", p.end.WallSeconds)
			}
		})
	}
	for _, c := range []struct {
		how, code   string
		file, limit int64
		want        End
	}{
		{"files", "0", 0, 1 << 20, End{Limit: "disk"}}, // nobody looked in time, but at the end
		{"one file", "1", 0, 1 << 20, End{ExitCode: 1, Limit: "disk"}},
		{"one file", "1", 10000, 1 << 20, End{ExitCode: 1, Limit: "file_size"}},
		{"one file", "1", 10000, 0, End{ExitCode: 1, Limit: "file_size"}},
		{"a sparse file", "0", 0, 1 << 20, End{}},
		{"links", "0", 0, 1 << 20, End{}},
		{"little", "3", 0, 1 << 20, End{ExitCode: 3}},
		{"a name that goes", "0", 0, 1 << 20, End{}},
	} {
		t.Run(c.how+" "+c.code, func(t *testing.T) {
			play(t, with(self("writer", c.how, c.code), nil, func(l *Limits) { l.DiskBytes, l.FileBytes = c.limit, c.file })).ended(c.want)
		})
	}
	t.Run("in the compile step", func(t *testing.T) {
		job := with(self("writer", "files", "wait"), nil, func(l *Limits) { l.CompileSeconds, l.DiskBytes = 20, 1<<20 })
		job.Compile = job.Run
		want := beyond
		want.Phase = Compile
		play(t, job).ended(want)
	})
}

func TestUsageOfFiles(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int64{"empty": 0, "small": 1, "large": 100 << 10} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "large"), filepath.Join(dir, "again")); err != nil {
		t.Fatal(err)
	}
	u := usage{limit: 1 << 30, largest: 100 << 10}
	u.folder(dir)
	if u.bytes < 108<<10 || u.bytes > 116<<10 || !u.capped || u.beyond() {
		t.Errorf("%d bytes, %t", u.bytes, u.capped)
	}
	f, err := os.Create(filepath.Join(dir, "gone"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 50<<10)); err != nil {
		t.Fatal(err)
	}
	u = usage{limit: 1 << 30}
	if u.unlinked([]int{os.Getpid()}, []string{dir}); u.bytes != 0 {
		t.Errorf("%d bytes of files that have names", u.bytes)
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	twin, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(twin)
	if u.unlinked([]int{os.Getpid()}, []string{dir}); u.bytes < 50<<10 || u.bytes > 60<<10 {
		t.Errorf("%d bytes of one that has none", u.bytes)
	}
}

// What looks cost is bounded, whatever they look at.
func TestLooksArePaced(t *testing.T) {
	p, looks := pace{share: 100}, 0
	for range 3 {
		p.keep(func() {
			looks++
			for began := threadTime(); threadTime()-began < 5*time.Millisecond; {
			}
		})
	}
	if pause := time.Until(p.next); looks != 1 || pause < 400*time.Millisecond || pause > 5*time.Second {
		t.Errorf("%d looks of 5 ms, and the next in %v", looks, pause)
	}
	p.next = time.Now()
	if p.keep(func() { looks++ }); looks != 2 {
		t.Errorf("%d looks", looks)
	}
}

func TestMemoryOfARunThatMayTakeLess(t *testing.T) {
	t.Parallel()
	for version, names := range map[string][3]string{
		"v2": {"memory.current", "memory.stat", "inactive_file"},
		"v1": {"memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"},
	} {
		for name, c := range map[string]struct {
			droppable string
			limit     int64
			want      End
		}{
			"too much":           {"1000", 1 << 20, End{ExitCode: 137, Signal: "SIGKILL", OOMKilled: true, Limit: "memory"}},
			"mostly page cache":  {"499500000", 1 << 20, End{ExitCode: 143, Signal: "SIGTERM", TimedOut: true}},
			"nobody counts here": {"1000", 0, End{ExitCode: 143, Signal: "SIGTERM", TimedOut: true}},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				root := t.TempDir()
				if err := os.MkdirAll(filepath.Join(root, "memory"), 0o755); err != nil {
					t.Fatal(err)
				}
				rootWith(t, filepath.Join(root, names[0]))
				job := with(self("cgroup", filepath.Join(root, names[1]), "x 1\n"+names[2]+" "+c.droppable+"\n", filepath.Join(root, names[0]), "500000000\n", "sleep"), nil,
					func(l *Limits) { l.MemoryBytes, l.WallSeconds = c.limit, 1 })
				p := play(t, job, env("CGROUP="+root)).ended(c.want)
				if c.limit > 0 && c.want.OOMKilled && p.end.PeakMemoryBytes != 499999000 {
					t.Errorf("peak %d", p.end.PeakMemoryBytes)
				}
			})
		}
	}
}

// The mark of the cgroup is one of both steps. If the second did not raise it,
// it is the first's.
func TestPeakMemoryIsTheRuns(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	job := self("exit", "0")
	job.Compile = []string{"/bin/sh", "-c", "echo 900000000 > " + filepath.Join(root, "memory.peak")}
	job.Limits.CompileSeconds = 10
	if err := os.WriteFile(filepath.Join(root, "memory.peak"), []byte("7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := play(t, job, env("CGROUP="+root)).ended(End{}); p.end.PeakMemoryBytes > 200<<20 || p.end.PeakMemoryBytes < 1<<20 {
		t.Errorf("peak %d", p.end.PeakMemoryBytes)
	}
}
