package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// lay makes an image's folder of files, a name and a text each, and measures it.
func lay(t *testing.T, files ...string) layer {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(dir, treeName, files[i]), files[i+1])
	}
	return measure(t, dir)
}

func measure(t *testing.T, dir string) layer {
	t.Helper()
	if err := finishLayer(dir); err != nil {
		t.Fatal(err)
	}
	l, err := readLayer(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayerHasNoSetuidBitsDevicesOrManuals(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, treeName)
	for _, name := range []string{"dev/null", "tmp/left", "usr/share/man/man1/a.1", "usr/share/mankind", "bin/su", "proc/self"} {
		write(t, filepath.Join(tree, name), "text")
	}
	for name, mode := range map[string]os.FileMode{"bin/su": 0o755 | os.ModeSetuid, "tmp": 0o777 | os.ModeSticky} {
		if err := os.Chmod(filepath.Join(tree, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(tree, "bin/pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	headers := readHeaders(t, measure(t, dir))
	want := []string{"bin/", "bin/su", "dev/", "proc/", "tmp/", "usr/", "usr/share/", "usr/share/man/", "usr/share/mankind"}
	if names := namesOf(headers); !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if su, tmp := headers[1], headers[4]; su.Mode != 0o755 || tmp.Mode != 0o1777 {
		t.Errorf("su %o, tmp %o", su.Mode, tmp.Mode)
	}
}

func TestLayerKeepsLinksAndTellsWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, treeName)
	write(t, filepath.Join(tree, "etc/one"), "text")
	err := errors.Join(os.Link(filepath.Join(tree, "etc/one"), filepath.Join(tree, "etc/two")), os.Symlink("one", filepath.Join(tree, "etc/three")),
		syscall.Mknod(filepath.Join(tree, "etc/gone"), syscall.S_IFCHR, 0)) // as an overlay does it; anybody may
	if err != nil {
		t.Fatal(err)
	}
	headers := readHeaders(t, measure(t, dir))
	if want := []string{"etc/", "etc/.wh.gone", "etc/one", "etc/three", "etc/two"}; !slices.Equal(namesOf(headers), want) {
		t.Fatalf("%q, want %q", namesOf(headers), want)
	}
	if h := headers[3]; h.Typeflag != tar.TypeSymlink || h.Linkname != "one" {
		t.Errorf("%+v", h)
	}
	if h := headers[4]; h.Typeflag != tar.TypeLink || h.Linkname != "etc/one" || h.Size != 0 {
		t.Errorf("%+v", h)
	}
}

func TestSharedLayersAreInTheArchiveOnce(t *testing.T) {
	base, own := lay(t, "etc/os-release", "Debian"), lay(t, "usr/bin/ruby", "program")
	var out bytes.Buffer
	err := writeArchive(&out, []packed{
		{Ref: "codesaga.local/x:1", Command: []string{"/x"}, Layers: []layer{base, own}},
		{Ref: "codesaga.local/y:1", Command: []string{"/y"}, Layers: []layer{base}},
	})
	if err != nil {
		t.Fatal(err)
	}
	content := readArchive(t, &out)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(content["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(content) != 1+2+2 || manifest[0].Layers[0] != manifest[1].Layers[0] || manifest[1].RepoTags[0] != "codesaga.local/y:1" {
		t.Errorf("%d members, %+v", len(content), manifest)
	}
	var config struct {
		Config struct{ User string }
		RootFS struct {
			Diffs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(content[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65534:65534" || !slices.Equal(config.RootFS.Diffs, []string{"sha256:" + base.Digest, "sha256:" + own.Digest}) {
		t.Errorf("%+v", config)
	}
	h, err := tar.NewReader(bytes.NewReader(content[manifest[0].Layers[1]])).Next()
	if err != nil || h.Name != "usr/" {
		t.Errorf("%+v %v", h, err)
	}
}

func TestTheSameProgramIsTheSameLayer(t *testing.T) {
	var digests []string
	for range 2 {
		dir := t.TempDir()
		if err := writeTree(filepath.Join(dir, treeName), []entry{{Name: "usr/bin/x", Mode: 0o755, Body: []byte("x")}, {Name: "tmp", Mode: 0o777 | os.ModeSticky, Dir: true}}); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, measure(t, dir).Digest)
	}
	if digests[0] != digests[1] {
		t.Error(digests)
	}
}

func readHeaders(t *testing.T, l layer) (all []*tar.Header) {
	t.Helper()
	var out bytes.Buffer
	if err := l.write(&out); err != nil {
		t.Fatal(err)
	}
	if int64(out.Len()) != l.Bytes {
		t.Errorf("%d bytes, noted were %d", out.Len(), l.Bytes)
	}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
}

func namesOf(headers []*tar.Header) (names []string) {
	for _, h := range headers {
		names = append(names, h.Name)
	}
	return names
}

func readArchive(t *testing.T, from io.Reader) map[string][]byte {
	t.Helper()
	content := map[string][]byte{}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return content
		}
		if err != nil {
			t.Fatal(err)
		}
		if content[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
