package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"time"
)

// entry is a file that is put into an image by itself.
type entry struct {
	Name string
	Mode int64
	Body []byte
	Dir  bool
}

// nobody is the account that images without a distribution need: the user they run as.
const nobody = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"

// writeLayer writes files into a layer. Times are fixed, so that the same content is the same layer.
func writeLayer(w io.Writer, files []entry) error {
	layer := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Mode: f.Mode, Size: int64(len(f.Body)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
		if f.Dir {
			h.Typeflag = tar.TypeDir
		}
		if err := layer.WriteHeader(h); err != nil {
			return err
		}
		if _, err := layer.Write(f.Body); err != nil {
			return err
		}
	}
	return layer.Close()
}

// unwanted are folders of a Debian root file system whose content no image needs.
var unwanted = []string{
	"dev", "tmp", "run", "var/cache/apt", "var/cache/debconf", "var/lib/apt/lists", "var/log",
	"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info",
}

// filterLayer copies a root file system without the unwanted and without setuid and setgid bits.
func filterLayer(w io.Writer, r io.Reader) error {
	in, out := tar.NewReader(r), tar.NewWriter(w)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		if !keep(h) {
			continue
		}
		h.Mode &^= 0o6000
		h.PAXRecords = nil // times below a second, extended attributes
		h.AccessTime, h.ChangeTime, h.Format = time.Time{}, time.Time{}, tar.FormatUnknown
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}

func keep(h *tar.Header) bool {
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock || h.Typeflag == tar.TypeFifo {
		return false
	}
	name := strings.TrimPrefix(path.Clean(h.Name), "./")
	for _, dir := range unwanted {
		if strings.HasPrefix(name, dir+"/") {
			return false
		}
	}
	return true
}

// writeArchive makes a docker-archive (Docker Image Specification v1.2: manifest.json, a configuration, a layer) that
// "ctr image import" takes. Everything runs as nobody.
func writeArchive(to, ref string, command []string, layer func(io.Writer) error) error {
	temporary, err := os.CreateTemp(path.Dir(to), "layer-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	defer temporary.Close()
	sum := sha256.New()
	if err := layer(io.MultiWriter(temporary, sum)); err != nil {
		return err
	}
	size, err := temporary.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := temporary.Seek(0, io.SeekStart); err != nil {
		return err
	}
	id := hex.EncodeToString(sum.Sum(nil))
	config, manifest, name, err := describeImage(ref, id, command)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	archive := tar.NewWriter(out)
	for _, f := range []struct {
		name string
		size int64
		body io.Reader
	}{
		{name, int64(len(config)), bytes.NewReader(config)},
		{id + "/layer.tar", size, temporary},
		{"manifest.json", int64(len(manifest)), bytes.NewReader(manifest)},
	} {
		if err := archive.WriteHeader(&tar.Header{Name: f.name, Size: f.size, Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		if _, err := io.Copy(archive, f.body); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return out.Close()
}

// describeImage is the configuration, the manifest, and the configuration's name.
func describeImage(ref, layer string, command []string) (config, manifest []byte, name string, err error) {
	config, err = json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "history": []any{},
		"config": map[string]any{
			"Cmd": command, "User": "65534:65534", "WorkingDir": "/",
			"Env": []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layer}},
	})
	if err != nil {
		return nil, nil, "", err
	}
	sum := sha256.Sum256(config)
	name = fmt.Sprintf("%x.json", sum)
	manifest, err = json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{ref}, "Layers": []string{layer + "/layer.tar"}}})
	return config, manifest, name, err
}
