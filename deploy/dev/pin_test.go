package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// serveRegistry is a registry on loopback; it has one image under each of refs.
func serveRegistry(t *testing.T, refs ...string) (address string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	address = strings.TrimPrefix(server.URL, "http://")
	for _, ref := range refs {
		put(t, address+"/"+ref)
	}
	return address
}

func put(t *testing.T, ref string) (digest string) {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// repository makes a folder that looks like the product's, with one language.
func repository(t *testing.T, language string) Dirs {
	root := t.TempDir()
	write(t, filepath.Join(root, "deploy", "languages", "a", "language.json"), language)
	return dirsAt(t.TempDir(), t.TempDir(), root)
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTagsArePinnedAndPinnedAnew(t *testing.T) {
	address := serveRegistry(t)
	first := put(t, address+"/a:1")
	dirs := repository(t, `{"id": "a",  "versions": [{"version": "1", "image": "`+address+`/a:1"}]}`)
	path := filepath.Join(dirs.languages(), "a", "language.json")
	for range 2 {
		if err := pinCommand(t.Context(), dirs, nil); err != nil {
			t.Fatal(err)
		}
		if want := `{"id": "a",  "versions": [{"version": "1", "image": "` + address + `/a:1@` + first + `"}]}`; text(t, path) != want {
			t.Errorf("%s, want %s", text(t, path), want)
		}
		first = put(t, address+"/a:1") // the tag moves
	}
}

func TestWhatCannotBeResolvedIsNamedAndTheRestIsPinned(t *testing.T) {
	address := serveRegistry(t, "there:1")
	dirs := repository(t, `{"id": "a", "versions": [{"version": "2", "image": "`+address+`/gone:1"}, {"version": "1", "image": "`+address+`/there:1"}]}`)
	into := t.TempDir()
	err := pinCommand(t.Context(), dirs, []string{"-into", into})
	if err == nil || !strings.Contains(err.Error(), "/gone:1") {
		t.Errorf("%v", err)
	}
	if got := text(t, filepath.Join(into, "a", "language.json")); !strings.Contains(got, "/there:1@sha256:") || strings.Contains(got, "/gone:1@") {
		t.Error(got)
	}
	if strings.Contains(text(t, filepath.Join(dirs.languages(), "a", "language.json")), "sha256") {
		t.Error("the folder that was not named has changed")
	}
}

func TestImagesThatNobodyHasArePushed(t *testing.T) {
	address := serveRegistry(t)
	i := packed{Ref: "codesaga.local/tcl:8.6", Command: []string{"tclsh"}, Layers: []layer{lay(t, "etc/os-release", "Debian"), lay(t, "usr/bin/tclsh", "program")}}
	ref, err := i.push(t.Context(), address+"/mine/tcl:8.6")
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(pulled)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil || config.Config.User != "65534:65534" || config.RootFS.DiffIDs[1].Hex != i.Layers[1].Digest {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestWherePushedImagesAreIsWrittenOnce(t *testing.T) {
	const before = `{"version": "8.6", "local_image": "codesaga.local/tcl:8.6"}, {"version": "8.5", "local_image": "codesaga.local/tcl:8.5"}`
	once := withImage(before, "codesaga.local/tcl:8.6", "r/tcl:8.6@sha256:1")
	if want := strings.Replace(before, `"local_image"`, `"image": "r/tcl:8.6@sha256:1", "local_image"`, 1); once != want {
		t.Errorf("%s, want %s", once, want)
	}
	if again := withImage(once, "codesaga.local/tcl:8.6", "r/tcl:8.6@sha256:2"); again != strings.Replace(once, "sha256:1", "sha256:2", 1) {
		t.Error(again)
	}
}
