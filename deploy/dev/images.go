package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// An Image is a layer in the cache, on top of those of another image.
type Image struct {
	Name    string // of its folder in the cache, behind "image-"
	Ref     string // under which containerd has it; empty: it is only there for others
	Command []string
	From    *Image   // nil: it stands on nothing
	First   bool     // "up" builds it, too
	For     []string // languages
	Words   []string
	Inputs  []string // with Words they are what the stamp is a hash of
	Build   func(ctx context.Context, b *builder, i *Image) error

	made sync.Mutex
}

const (
	treeName      = "root" // of the folder that holds the layer's tree
	localRegistry = "codesaga.local/"
	runnerRef     = localRegistry + "runner"
	imagesAtOnce  = 2
)

// allImages are those that codesaga-dev needs by itself and those of the languages.
func allImages(dirs Dirs) ([]*Image, error) {
	dev, err := dirs.Dev()
	if err != nil {
		return nil, err
	}
	all := []*Image{
		{
			Name: "pause", Ref: localRegistry + "pause:1", Command: []string{"/pause"}, First: true,
			Inputs: []string{filepath.Join(dev, "images/pause")}, Build: buildPause,
		},
		{
			Name: "static", Ref: localRegistry + "static:1", Command: []string{"/usr/bin/echoargs"}, First: true,
			Inputs: []string{filepath.Join(dev, "images/static")}, Build: buildStatic,
		},
	}
	languages, err := languageImages(dirs.languages(), dev)
	return append(all, languages...), err
}

// chosen are the images that names name: of a language, such as ruby, or one of them, such as ruby:3.3. Every name must
// name one.
func chosen(all []*Image, names []string) (some []*Image, err error) {
	for _, name := range names {
		before := len(some)
		for _, i := range all {
			if slices.Contains(i.For, name) || i.Ref == localRegistry+name {
				some = append(some, i)
			}
		}
		if len(some) == before {
			return nil, fmt.Errorf("deploy/languages has no image recipe for %q", name)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(i *Image) bool { return !slices.Contains(some, i) }), nil
}

func firstImages(all []*Image) []*Image {
	return slices.DeleteFunc(slices.Clone(all), func(i *Image) bool { return !i.First })
}

// target is the folder of the image, and the stamp it must have.
func (i *Image) target(dirs Dirs) (dir, hash string, err error) {
	words := append([]string{i.Ref, strings.Join(i.Command, " "), strings.Join(unwanted, " ")}, i.Words...)
	if i.From != nil {
		_, below, err := i.From.target(dirs)
		if err != nil {
			return "", "", err
		}
		words = append(words, below)
	}
	hash, err = inputHash(words, i.Inputs)
	return filepath.Join(dirs.Cache, "image-"+i.Name), hash, err
}

// built reports whether the image is in the cache as its recipe is now.
func (i *Image) built(dirs Dirs) (bool, error) {
	dir, hash, err := i.target(dirs)
	return err == nil && stamped(dir, hash), err
}

// chain is i and all that it stands on, the lowest first.
func (i *Image) chain() (all []*Image) {
	for ; i != nil; i = i.From {
		all = append([]*Image{i}, all...)
	}
	return all
}

// buildImages makes those of wanted, and what they stand on, that are missing or whose recipe has changed.
func buildImages(ctx context.Context, dirs Dirs, wanted []*Image, p *Progress) error {
	var todo []*Image
	for _, i := range wanted {
		for _, link := range i.chain() {
			done, err := link.built(dirs)
			if err != nil {
				return err
			}
			if !done && !slices.Contains(todo, link) {
				todo = append(todo, link)
			}
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
	var group errgroup.Group // one that fails does not stop the others
	group.SetLimit(imagesAtOnce)
	for _, i := range todo {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if i.From != nil {
				if err := i.From.make(ctx, dirs); err != nil {
					return err
				}
			}
			return p.Task("build image "+i.Name, func() error { return i.make(ctx, dirs) })
		})
	}
	return group.Wait()
}

// make builds into the folder itself; the stamp comes last.
func (i *Image) make(ctx context.Context, dirs Dirs) error {
	i.made.Lock()
	defer i.made.Unlock()
	dir, hash, err := i.target(dirs)
	if err != nil || stamped(dir, hash) {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, treeName), 0o755); err != nil {
		return err
	}
	name := "build-image-" + i.Name
	log, err := createLog(dirs, name)
	if err != nil {
		return err
	}
	defer log.Close()
	dev, _ := dirs.Dev()
	b := &builder{dev: dev, out: dir, cache: dirs.Cache, log: log}
	if err := errors.Join(i.Build(ctx, b, i), ctx.Err()); err != nil {
		return &failure{part: name, log: dirs.log(name), err: err}
	}
	if err := finishLayer(dir); err != nil {
		return err
	}
	return stamp(dir, hash)
}

// pack is i as it lies in the cache.
func (i *Image) pack(dirs Dirs) (packed, error) {
	p := packed{Ref: i.Ref, Command: i.Command}
	for _, link := range i.chain() {
		dir, _, err := link.target(dirs)
		if err != nil {
			return p, err
		}
		l, err := readLayer(dir)
		if err != nil {
			return p, err
		}
		p.Layers = append(p.Layers, l)
	}
	return p, nil
}

func buildPause(ctx context.Context, b *builder, _ *Image) error {
	program := filepath.Join(b.out, "pause")
	if err := b.run(ctx, b.dev, nil, "gcc", "-static", "-Os", "-s", "-o", program, "images/pause/pause.c"); err != nil {
		return err
	}
	return b.programTree(program, "pause", nil)
}

func buildStatic(ctx context.Context, b *builder, _ *Image) error {
	program := filepath.Join(b.out, "echoargs")
	if err := b.golang(ctx, ".", "0", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./images/static"); err != nil {
		return err
	}
	return b.programTree(program, "usr/bin/echoargs", []entry{
		{Name: "etc/passwd", Mode: 0o644, Body: []byte(nobody)}, {Name: "tmp", Mode: 0o777 | os.ModeSticky, Dir: true},
	})
}

// programTree is the tree of an image of one static program.
func (b *builder) programTree(program, as string, around []entry) error {
	body, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return writeTree(filepath.Join(b.out, treeName), append(around, entry{Name: as, Mode: 0o755, Body: body}))
}
