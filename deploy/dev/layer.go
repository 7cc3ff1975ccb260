package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A layer is a folder in the cache whose tree is the layer of an image, with what its archive comes to.
type layer struct {
	Tree   string `json:"-"`
	Digest string `json:"digest"` // SHA-256 of the archive, in hexadecimal
	Bytes  int64  `json:"bytes"`  // of the archive
}

const layerNote = "layer.json"

// finishLayer measures the tree of an image that has been built, and notes it.
func finishLayer(dir string) error {
	l := layer{Tree: filepath.Join(dir, treeName)}
	sum := sha256.New()
	var n counter
	if err := l.write(io.MultiWriter(sum, &n)); err != nil {
		return err
	}
	l.Digest, l.Bytes = hex.EncodeToString(sum.Sum(nil)), int64(n)
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, layerNote), text, 0o644)
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

func readLayer(dir string) (l layer, err error) {
	text, err := os.ReadFile(filepath.Join(dir, layerNote))
	if err != nil {
		return l, err
	}
	l.Tree = filepath.Join(dir, treeName)
	return l, json.Unmarshal(text, &l)
}

// unwanted are folders of a Debian root file system whose content no image needs.
var unwanted = []string{
	"dev", "proc", "tmp", "run", "var/cache/apt", "var/cache/debconf", "var/lib/apt/lists", "var/log",
	"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info",
}

// write writes the tree as a layer (OCI Image Specification, layer.md): in the order of names, without what is unwanted,
// without setuid and setgid bits and extended attributes. The same tree is the same bytes.
func (l layer) write(w io.Writer) error {
	out := tar.NewWriter(w)
	links := map[[2]uint64]string{}
	err := filepath.WalkDir(l.Tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == l.Tree {
			return err
		}
		name, err := filepath.Rel(l.Tree, path)
		if err != nil {
			return err
		}
		if !keep(name) {
			return skipEntry(entry)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return writeEntry(out, path, name, info, links)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

func keep(name string) bool {
	for _, dir := range unwanted {
		if strings.HasPrefix(name, dir+"/") {
			return false
		}
	}
	return true
}

func skipEntry(entry fs.DirEntry) error {
	if entry.IsDir() {
		return filepath.SkipDir
	}
	return nil
}

func writeEntry(out *tar.Writer, path, name string, info fs.FileInfo, links map[[2]uint64]string) error {
	stat := info.Sys().(*syscall.Stat_t)
	if info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		// An overlay's way of saying that a file of a lower layer is gone: a character device 0,0.
		if info.Mode()&fs.ModeCharDevice == 0 || stat.Rdev != 0 {
			return nil
		}
		gone := filepath.Join(filepath.Dir(name), ".wh."+filepath.Base(name))
		return out.WriteHeader(&tar.Header{Name: gone, Mode: 0o644, Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0)})
	}
	var target string
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Uname, h.Gname, h.ModTime = name, "", "", info.ModTime().Truncate(time.Second)
	h.AccessTime, h.ChangeTime, h.Format = time.Time{}, time.Time{}, tar.FormatUnknown
	h.Mode &^= 0o6000
	if info.IsDir() {
		h.Name += "/"
		return out.WriteHeader(h)
	}
	if id := [2]uint64{stat.Dev, stat.Ino}; info.Mode().IsRegular() && stat.Nlink > 1 {
		if first, ok := links[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			links[id] = name
		}
	}
	if err := out.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(out, f)
	return err
}
