package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// entry is a file that is put into an image by itself.
type entry struct {
	Name string
	Mode os.FileMode
	Body []byte
	Dir  bool
}

// nobody is the account that images without a distribution need: the user they run as.
const nobody = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"

// writeTree writes files below dir. Times are fixed, so that the same content is the same layer.
func writeTree(dir string, files []entry) error {
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && f.Dir {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, f.Body, 0o644)
		}
		if err == nil {
			err = os.Chmod(path, f.Mode)
		}
		if err != nil {
			return err
		}
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0))
	})
}

// A packed image is what an archive has of it.
type packed struct {
	Ref     string
	Command []string
	Layers  []layer // the lowest first
}

// writeArchive writes a docker-archive of several images (Docker Image Specification v1.2: manifest.json, and for each a
// configuration and layers) that "ctr image import" takes. A layer that images share is in it once.
func writeArchive(w io.Writer, images []packed) error {
	archive := tar.NewWriter(w)
	var manifest []map[string]any
	written := map[string]bool{}
	for _, i := range images {
		config, name, err := i.config()
		if err != nil {
			return err
		}
		if err := writeMember(archive, name, int64(len(config)), func(w io.Writer) error {
			_, err := w.Write(config)
			return err
		}); err != nil {
			return err
		}
		layers := []string{}
		for _, l := range i.Layers {
			name := l.Digest + "/layer.tar"
			layers = append(layers, name)
			if written[name] {
				continue
			}
			written[name] = true
			if err := writeMember(archive, name, l.Bytes, l.write); err != nil {
				return fmt.Errorf("%s: %w", l.Tree, err)
			}
		}
		manifest = append(manifest, map[string]any{"Config": name, "RepoTags": []string{i.Ref}, "Layers": layers})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	if err := writeMember(archive, "manifest.json", int64(len(text)), func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(text))
		return err
	}); err != nil {
		return err
	}
	return archive.Close()
}

func writeMember(archive *tar.Writer, name string, size int64, write func(io.Writer) error) error {
	err := archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg})
	if err != nil {
		return err
	}
	return write(archive)
}

// config is the configuration of i, and its name. Everything runs as nobody.
func (i packed) config() (text []byte, name string, err error) {
	diffs := []string{}
	for _, l := range i.Layers {
		diffs = append(diffs, "sha256:"+l.Digest)
	}
	text, err = json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "history": []any{},
		"config": map[string]any{
			"Cmd": i.Command, "User": imageUser, "WorkingDir": "/",
			"Env": []string{"PATH=" + imagePath},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	return text, fmt.Sprintf("%x.json", sha256.Sum256(text)), err
}

const (
	imagePath = "/usr/local/bin:/usr/bin:/bin"
	imageUser = "65534:65534"
)
