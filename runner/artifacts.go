//go:build linux

package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	mostArtifacts     = 32
	mostArtifactBytes = 10 << 20 // of all together
	longestPath       = 255      // bytes

	collectTime = 20 * time.Second // more than that is left behind
	mostNames   = 1024             // that are remembered, to take the first ones of
)

// artifacts collects what a script left below a folder, when no process is left
// that could change it. What it finds there was made by a stranger: only plain
// files are opened, without following a link, and none is waited for.
type artifacts struct {
	send  func(position int64, payload []byte)
	until time.Time
	stop  <-chan os.Signal

	root    *os.Root
	found   []string // paths; once in a while the last ones are dropped
	taken   []Artifact
	skipped int64
	sent    int64
}

// collect takes files in the order of their paths, as long as there is room,
// and sends what is in them.
func (r *runner) collect(end *End) {
	root, err := os.OpenRoot(r.out)
	if err != nil {
		return // the pod has none
	}
	defer root.Close() //nolint:errcheck // a folder
	a := artifacts{
		send:  func(at int64, b []byte) { r.teller.send(ArtifactData, at, b) },
		until: time.Now().Add(collectTime), stop: r.stop, root: root,
	}
	if top, err := root.Open("."); err == nil {
		a.below(top, "")
	}
	slices.Sort(a.found)
	for _, path := range a.found {
		a.take(path)
	}
	end.Artifacts, end.ArtifactsSkipped = a.taken, a.skipped
}

// late says that it is time to end: it takes too long, or somebody asked.
func (a *artifacts) late() bool {
	if len(a.stop) > 0 {
		a.until = time.Time{} // and it stays late
	}
	return !time.Now().Before(a.until)
}

// below finds the files below dir, which it closes. Of their names it keeps the
// first, in order, so that a folder of millions does not fill our memory.
func (a *artifacts) below(dir *os.File, prefix string) {
	defer dir.Close() //nolint:errcheck // it was only read
	for !a.late() {
		names, err := dir.Readdirnames(128)
		for _, name := range names {
			a.find(dir, prefix+name, name)
		}
		if err != nil {
			return
		}
	}
	a.skipped++ // at least
}

func (a *artifacts) find(dir *os.File, path, name string) {
	var s unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW)
	switch kind := s.Mode & unix.S_IFMT; {
	case err != nil:
		a.skipped++
	case kind == unix.S_IFDIR && fit(path):
		sub, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			a.skipped++
			return
		}
		a.below(os.NewFile(uintptr(sub), name), path+"/")
	case kind != unix.S_IFREG || !fit(path):
		a.skipped++
	default:
		a.found = append(a.found, path)
		if len(a.found) == 2*mostNames {
			slices.Sort(a.found)
			a.skipped += mostNames
			a.found = a.found[:mostNames]
		}
	}
}

// fit says that path can be told and asked for. (It also bounds how deep a tree
// is followed.)
func fit(path string) bool {
	return len(path) <= longestPath && utf8.ValidString(path) && !strings.ContainsFunc(path, unicode.IsControl) && safe(path)
}

// take sends one file, if there is room for it. It counts as large as it was
// when it was opened, or as it is, if it has become shorter; a part of it that
// was sent in vain belongs to none.
func (a *artifacts) take(path string) {
	f, err := a.root.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		a.skipped++
		return
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || len(a.taken) == mostArtifacts || info.Size() > mostArtifactBytes-a.sent || a.late() {
		a.skipped++
		return
	}
	begun, sum := a.sent, sha256.New()
	buf := make([]byte, MaxPayload)
	for left := info.Size(); left > 0 && !a.late(); {
		n, err := f.Read(buf[:min(left, MaxPayload)])
		if n > 0 {
			sum.Write(buf[:n])
			a.send(a.sent, buf[:n])
			a.sent, left = a.sent+int64(n), left-int64(n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			a.skipped++
			return
		}
	}
	if a.late() {
		a.skipped++
		return
	}
	a.taken = append(a.taken, Artifact{Path: path, Bytes: a.sent - begun, Position: begun, SHA256: hex.EncodeToString(sum.Sum(nil))})
}
