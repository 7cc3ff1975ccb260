//go:build linux

package runner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// left are the artifacts, each with what it has in it; it checks what is true of
// all.
func (p *played) left(skipped int64) map[string]string {
	p.Helper()
	files, all, paths := make(map[string]string), p.out[ArtifactData], []string{}
	for _, a := range p.end.Artifacts {
		if a.Position < 0 || a.Position+a.Bytes > int64(len(all)) {
			p.Fatalf("%+v of %d bytes", a, len(all))
		}
		b := all[a.Position : a.Position+a.Bytes]
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != a.SHA256 {
			p.Errorf("%q: another digest", a.Path)
		}
		files[a.Path] = string(b)
		paths = append(paths, a.Path)
	}
	if !slices.IsSorted(paths) || len(files) != len(paths) || p.end.ArtifactsSkipped != skipped {
		p.Errorf("%.300q, skipped %d, want %d", paths, p.end.ArtifactsSkipped, skipped)
	}
	return files
}

func (p *played) want(files map[string]string, names ...string) {
	p.Helper()
	for _, name := range names {
		if _, ok := files[name]; !ok {
			p.Errorf("%q is missing", name)
		}
	}
	if len(files) != len(names) {
		p.Errorf("%d files, want %d", len(files), len(names))
	}
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	p := play(t, self("leave", "some", "3"))
	got := p.left(0)
	p.want(got, "a", "b", "d/c.txt", `é <">&`)
	if got["a"] != "" || got["b"] != "second" || got["d/c.txt"] != string(everyByte()) || p.end.ExitCode != 3 {
		t.Errorf("%.100q, %+v", got, p.end)
	}
	if first := slices.IndexFunc(p.all, func(f Frame) bool { return f.Kind == ArtifactData }); first < 0 || p.all[len(p.all)-1].Kind != Final {
		t.Errorf("%d of %d frames", first, len(p.all))
	}
}

func TestArtifactsAreOnlySoMany(t *testing.T) {
	t.Parallel()
	p := play(t, self("leave", "many", "0")).ended(End{ArtifactsSkipped: 5})
	if got := p.left(5); len(got) != mostArtifacts || got["31"] != "\x1f" {
		t.Errorf("%d files", len(got))
	}
	p = play(t, self("leave", "large", "0"))
	got := p.left(2) // a is too large, and c for what b leaves
	p.want(got, "b", "d")
	if len(got["b"]) != mostArtifactBytes-1 || got["b"][0] != 'x' {
		t.Errorf("%d bytes", len(got["b"]))
	}
	p = play(t, self("leave", "a crowd", "0"))
	if got := p.left(3*mostNames + 7 - mostArtifacts); len(got) != mostArtifacts {
		t.Errorf("%d files", len(got))
	}
}

func TestArtifactsAreOnlyPlainFiles(t *testing.T) {
	t.Parallel()
	p := play(t, self("leave", "traps", "0"))
	got := p.left(10)
	p.want(got, "ok", "ok too")
	if got["ok too"] != "fine" {
		t.Errorf("%q", got)
	}
	p = play(t, self("leave", "deep", "0"))
	p.want(p.left(1))
	p = play(t, self("leave", "longest names", "0")) // all of which fit the final frame
	if got := p.left(0); len(got) != mostArtifacts {
		t.Errorf("%d files", len(got))
	}
}

// A run that was ended leaves what it has until then; one that was stopped, nothing.
func TestArtifactsOfWhatWasEnded(t *testing.T) {
	t.Parallel()
	job := self("leave", "some", "0")
	job.Run = []string{"/bin/sh", "-c", "echo half > ../out/a; exec sleep 60"}
	p := play(t, with(job, nil, func(l *Limits) { l.WallSeconds = 0.5 }))
	if got := p.left(0); got["a"] != "half\n" || !p.end.TimedOut {
		t.Errorf("%q %+v", got, p.end)
	}
	job.Run[2] = "echo half > ../out/a; echo there; exec sleep 60"
	p = launch(t, job).until("there")
	p.must(p.cmd.Process.Signal(os.Interrupt)) // is not heard
	p.must(p.cmd.Process.Signal(unix.SIGTERM))
	p.wait()
	p.want(p.left(0))
}

// They are read when nobody is left; but if somebody were, it would end.
func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for how, size := range map[string]int64{"grows": 5 << 20, "shrinks": 100} {
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		a := artifacts{root: root, until: time.Now().Add(time.Minute)}
		a.send = func(at int64, b []byte) {
			if at != int64(len(got)) {
				t.Errorf("%s: %d after %d", how, at, len(got))
			}
			if got = append(got, b...); at == 0 {
				_ = os.Truncate(name, size)
			}
		}
		a.take("a")
		if len(a.taken) != 1 || a.taken[0].Bytes != int64(len(got)) || len(got) > 1<<20 || len(got) < MaxPayload {
			t.Errorf("%s: %+v of %d bytes", how, a.taken, len(got))
		}
		_ = os.Truncate(name, 1<<20)
	}
	// Of what takes too long nothing is told, and all is counted.
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	a := artifacts{root: root, until: time.Now().Add(time.Minute)}
	a.send = func(int64, []byte) { a.until = time.Time{} }
	a.take("a")
	a.take("a")
	if len(a.taken) != 0 || a.skipped != 2 {
		t.Errorf("%+v, skipped %d", a.taken, a.skipped)
	}
}

func TestPathsThatFit(t *testing.T) {
	for path, want := range map[string]bool{
		"a": true, "d/é b.txt": true, "..a": true, strings.Repeat("x", 255): true, `"<&>'$(x)`: true,
		strings.Repeat("x", 256): false, "a\nb": false, "a\x7f": false, "a\u0085b": false, "\xff": false, "../a": false, "/a": false, "": false, `a\b`: false,
	} {
		if fit(path) != want {
			t.Errorf("%.40q: %t", path, !want)
		}
	}
}

func TestArtifactsWithoutAFolder(t *testing.T) {
	var out bytes.Buffer
	r := newRunner(&out, nil)
	r.out = filepath.Join(t.TempDir(), "absent")
	var end End
	if r.collect(&end); end.Artifacts != nil || end.ArtifactsSkipped != 0 || out.Len() != 0 {
		t.Errorf("%+v, %d bytes", end, out.Len())
	}
}
