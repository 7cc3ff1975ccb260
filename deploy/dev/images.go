package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// suite is pinned, so that the images are the same whatever the machine runs.
const suite = "bookworm"

// An Image is an archive in the cache. What it is made of lies in images/NAME.
type Image struct {
	Name, Ref string
	Command   []string
	Words     []string
	Build     func(ctx context.Context, b *builder, i *Image) error
}

var images = []*Image{
	{Name: "pause", Ref: "codesaga.local/pause:1", Command: []string{"/pause"}, Build: buildPause},
	{Name: "static", Ref: "codesaga.local/static:1", Command: []string{"/usr/bin/echoargs"}, Build: buildStatic},
	{Name: "bash", Ref: "codesaga.local/bash:5.2", Command: []string{"bash"}, Words: []string{suite}, Build: buildDebian},
	{Name: "python", Ref: "codesaga.local/python:3.11", Command: []string{"python3"}, Words: []string{suite}, Build: buildDebian},
}

const runnerRef = "codesaga.local/runner"

// target is the folder of the archive, the file, and the stamp the folder must have.
func (i *Image) target(dirs Dirs) (dir, archive, hash string, err error) {
	dev, err := dirs.Dev()
	if err != nil {
		return "", "", "", err
	}
	words := append([]string{i.Ref, strings.Join(i.Command, " "), strings.Join(unwanted, " ")}, i.Words...)
	hash, err = inputHash(words, []string{filepath.Join(dev, "images", i.Name)})
	dir = filepath.Join(dirs.Cache, "image-"+i.Name)
	return dir, filepath.Join(dir, "image.tar"), hash, err
}

// buildImages makes the archives that are missing or whose recipe has changed.
func buildImages(ctx context.Context, dirs Dirs, p *Progress) error {
	var todo []*Image
	for _, i := range images {
		dir, _, hash, err := i.target(dirs)
		if err != nil {
			return err
		}
		if !stamped(dir, hash) {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	p.expect(len(todo))
	unlock, err := lockCache(ctx, dirs)
	if err != nil {
		return err
	}
	defer unlock()
	group, ctx := errgroup.WithContext(ctx)
	for _, i := range todo {
		group.Go(func() error {
			return p.Task("build image "+i.Name, func() error { return i.make(ctx, dirs) })
		})
	}
	return group.Wait()
}

func (i *Image) make(ctx context.Context, dirs Dirs) error {
	dir, _, hash, err := i.target(dirs)
	if err != nil || stamped(dir, hash) {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := "build-image-" + i.Name
	log, err := createLog(dirs, name)
	if err != nil {
		return err
	}
	defer log.Close()
	dev, _ := dirs.Dev()
	if err := i.Build(ctx, &builder{dev: dev, out: dir, log: log}, i); err != nil {
		return &failure{part: name, log: dirs.log(name), err: err}
	}
	return stamp(dir, hash)
}

func buildPause(ctx context.Context, b *builder, i *Image) error {
	program := filepath.Join(b.out, "pause")
	if err := b.run(ctx, b.dev, nil, "gcc", "-static", "-Os", "-s", "-o", program, "images/pause/pause.c"); err != nil {
		return err
	}
	return b.programImage(i, program, "pause", nil)
}

func buildStatic(ctx context.Context, b *builder, i *Image) error {
	program := filepath.Join(b.out, "echoargs")
	if err := b.golang(ctx, ".", "0", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./images/static"); err != nil {
		return err
	}
	return b.programImage(i, program, "usr/bin/echoargs", []entry{
		{Name: "etc/", Mode: 0o755, Dir: true}, {Name: "etc/passwd", Mode: 0o644, Body: []byte(nobody)},
		{Name: "tmp/", Mode: 0o1777, Dir: true}, {Name: "usr/", Mode: 0o755, Dir: true}, {Name: "usr/bin/", Mode: 0o755, Dir: true},
	})
}

// programImage is an image of one static program.
func (b *builder) programImage(i *Image, program, as string, around []entry) error {
	body, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	files := append(around, entry{Name: as, Mode: 0o755, Body: body})
	return writeArchive(filepath.Join(b.out, "image.tar"), i.Ref, i.Command, func(w io.Writer) error { return writeLayer(w, files) })
}

// buildDebian makes a root file system of Debian's essential packages and those of the recipe.
func buildDebian(ctx context.Context, b *builder, i *Image) error {
	text, err := os.ReadFile(filepath.Join(b.dev, "images", i.Name, "packages"))
	if err != nil {
		return err
	}
	root := filepath.Join(b.out, "root.tar")
	defer os.Remove(root)
	args := []string{"--variant=essential", "--include=" + strings.Join(packages(string(text)), ",")}
	for _, dir := range []string{"doc", "man", "locale", "info"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	if err := b.run(ctx, b.out, nil, "mmdebstrap", append(args, suite, root)...); err != nil {
		return err
	}
	return writeArchive(filepath.Join(b.out, "image.tar"), i.Ref, i.Command, func(w io.Writer) error {
		f, err := os.Open(root)
		if err != nil {
			return err
		}
		defer f.Close()
		return filterLayer(w, f)
	})
}

// packages are the lines that are neither empty nor comments.
func packages(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names
}

// buildRunner builds the product's runner and makes an image of it, named after its content: an image under an old name
// with new content would break image volumes. Returned is the name.
func buildRunner(ctx context.Context, dirs Dirs) (string, error) {
	dev, err := dirs.Dev()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dirs.Root, "cmd", "runner")); err != nil {
		return "", fmt.Errorf("%s has no cmd/runner: %w", dirs.Root, err)
	}
	dir := filepath.Join(dirs.Cache, "image-runner")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	log, err := createLog(dirs, "build-runner")
	if err != nil {
		return "", err
	}
	defer log.Close()
	b := &builder{dev: dev, out: dir, log: log}
	program := filepath.Join(dir, "runner")
	if err := b.golang(ctx, "../..", "0", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/runner"); err != nil {
		return "", &failure{part: "build-runner", log: dirs.log("build-runner"), err: err}
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	ref := fmt.Sprintf("%s:%x", runnerRef, sha256.Sum256(body))[:len(runnerRef)+1+12]
	archive := runnerArchive(dirs, ref)
	if _, err := os.Stat(archive); err == nil {
		return ref, nil
	}
	old, _ := filepath.Glob(filepath.Join(dir, "*.tar"))
	for _, path := range old {
		_ = os.Remove(path)
	}
	partial := archive + ".partial"
	files := []entry{{Name: "runner", Mode: 0o755, Body: body}}
	err = writeArchive(partial, ref, []string{"/runner"}, func(w io.Writer) error { return writeLayer(w, files) })
	return ref, errors.Join(err, os.Rename(partial, archive))
}

func runnerArchive(dirs Dirs, ref string) string {
	return filepath.Join(dirs.Cache, "image-runner", strings.TrimPrefix(ref, runnerRef+":")+".tar")
}
