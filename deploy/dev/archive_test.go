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
	"testing"
)

func TestLayerHasNoSetuidBitsDevicesOrManuals(t *testing.T) {
	var in bytes.Buffer
	w := tar.NewWriter(&in)
	for _, h := range []*tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./dev/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./dev/null", Typeflag: tar.TypeChar, Mode: 0o666},
		{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "./tmp/left", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./usr/share/man/man1/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/share/mankind", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Size: 2},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("su")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := filterLayer(&out, &in); err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	var names []string
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names, modes[h.Name] = append(names, h.Name), h.Mode
	}
	if want := []string{"./", "./dev/", "./tmp/", "./usr/share/mankind", "./bin/su"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if modes["./bin/su"] != 0o755 || modes["./tmp/"] != 0o1777 {
		t.Errorf("%v", modes)
	}
}

func TestArchiveIsWhatItsManifestSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.tar")
	files := []entry{{Name: "runner", Mode: 0o755, Body: []byte("program")}}
	err := writeArchive(path, "codesaga.local/x:1", []string{"/runner"}, func(w io.Writer) error { return writeLayer(w, files) })
	if err != nil {
		t.Fatal(err)
	}
	content := readArchive(t, path)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(content["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	var config struct{ Config struct{ User string } }
	if err := json.Unmarshal(content[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	layer := tar.NewReader(bytes.NewReader(content[manifest[0].Layers[0]]))
	h, err := layer.Next()
	if err != nil || h.Name != "runner" || manifest[0].RepoTags[0] != "codesaga.local/x:1" || config.Config.User != "65534:65534" {
		t.Errorf("%+v %+v %+v %v", manifest, config, h, err)
	}
}

func TestPackagesSkipsComments(t *testing.T) {
	if got := packages("# a comment\n\npython3\n libpython3-stdlib \n"); !slices.Equal(got, []string{"python3", "libpython3-stdlib"}) {
		t.Errorf("%q", got)
	}
}

func readArchive(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content := map[string][]byte{}
	for r := tar.NewReader(f); ; {
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
