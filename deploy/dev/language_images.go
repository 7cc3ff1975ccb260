package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// defaultSuite is pinned, so that the images are the same whatever the machine runs.
const defaultSuite = "bookworm"

// imageRecipe is an entry of deploy/languages/LANGUAGE/image.json: how the image of one version, or of several, is made
// from package registries.
type imageRecipe struct {
	Ref     string            `json:"ref"`               // codesaga.local/NAME:TAG, as local_image in a language.json has it
	First   bool              `json:"first,omitempty"`   // "up" builds it, too
	Suite   string            `json:"suite,omitempty"`   // Debian's; empty: bookworm
	From    string            `json:"from,omitempty"`    // ref of the image whose layers come first; empty: Debian's essential packages
	Debian  []string          `json:"debian,omitempty"`  // packages
	Fetch   []fetched         `json:"fetch,omitempty"`   // what comes from other registries, before Prepare
	Files   map[string]string `json:"files,omitempty"`   // path in the image: file of the language's folder
	Prepare []string          `json:"prepare,omitempty"` // lines for a shell, in the image's root, without a network of their own need
	Command []string          `json:"command"`

	folder string // of the language
}

// languageImages reads all image.json below dir.
func languageImages(dir, dev string) ([]*Image, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "image.json"))
	if err != nil {
		return nil, err
	}
	var recipes []imageRecipe
	for _, path := range paths {
		some, err := readRecipes(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		recipes = append(recipes, some...)
	}
	all, err := arrange(recipes, dev)
	if err != nil {
		return nil, err
	}
	return all, tellUses(dir, all)
}

// tellUses tells images which languages they are for. A language whose image nobody makes is an error.
func tellUses(dir string, all []*Image) error {
	languages, err := readLanguages(dir)
	if err != nil {
		return err
	}
	for _, l := range languages {
		for _, v := range l.Versions {
			n := slices.IndexFunc(all, func(i *Image) bool { return i.Ref == v.Local })
			switch {
			case v.Local == "":
			case n < 0:
				return fmt.Errorf("%s %s: there is no recipe for %s", l.ID, v.Version, v.Local)
			case !slices.Contains(all[n].For, l.ID):
				all[n].For = append(all[n].For, l.ID)
			}
		}
	}
	return nil
}

func readRecipes(path string) (all []imageRecipe, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	for n := range all {
		all[n].folder = filepath.Dir(path)
		if name, tag, ok := strings.Cut(strings.TrimPrefix(all[n].Ref, localRegistry), ":"); !ok || name == "" || tag == "" || !strings.HasPrefix(all[n].Ref, localRegistry) {
			return nil, fmt.Errorf("ref %q is not %sNAME:TAG", all[n].Ref, localRegistry)
		}
	}
	return all, nil
}

// arrange makes images of recipes and puts each on what it stands on: another recipe's, or the base of its suite.
func arrange(recipes []imageRecipe, dev string) (all []*Image, err error) {
	byRef, bases := map[string]*Image{}, map[string]*Image{}
	for _, r := range recipes {
		if byRef[r.Ref] != nil {
			return nil, fmt.Errorf("two image recipes for %s", r.Ref)
		}
		byRef[r.Ref] = r.image(dev)
		all = append(all, byRef[r.Ref])
	}
	for _, r := range recipes {
		suite := r.suite()
		if bases[suite] == nil {
			bases[suite] = debianBase(suite, dev)
		}
		byRef[r.Ref].From = bases[suite]
		if r.From != "" {
			if byRef[r.From] == nil {
				return nil, fmt.Errorf("%s: from %q is no image", r.Ref, r.From)
			}
			byRef[r.Ref].From = byRef[r.From]
		}
	}
	for _, i := range all {
		for n, link := 0, i.From; link != nil; n, link = n+1, link.From {
			if n > len(all) {
				return nil, fmt.Errorf("%s stands on itself", i.Ref)
			}
		}
	}
	return all, nil
}

func (r imageRecipe) suite() string {
	if r.Suite == "" {
		return defaultSuite
	}
	return r.Suite
}

func (r imageRecipe) image(dev string) *Image {
	words, _ := json.Marshal(r) // of strings
	i := &Image{
		Name: strings.ReplaceAll(strings.TrimPrefix(r.Ref, localRegistry), ":", "-"), Ref: r.Ref, Command: r.Command, First: r.First,
		Words: []string{string(words)}, Inputs: []string{filepath.Join(dev, "images/debian/install.sh")},
		Build: func(ctx context.Context, b *builder, i *Image) error { return r.build(ctx, b, i) },
	}
	for _, file := range r.Files {
		i.Inputs = append(i.Inputs, filepath.Join(r.folder, file))
	}
	slices.Sort(i.Inputs)
	return i
}

// debianBase is the layer that all images of a suite stand on: its essential packages.
func debianBase(suite, dev string) *Image {
	return &Image{
		Name: "debian-" + suite, Words: []string{suite}, Inputs: []string{filepath.Join(dev, "images/debian/lists.sh")},
		Build: func(ctx context.Context, b *builder, _ *Image) error {
			args := []string{"--variant=essential", "--format=directory"}
			for _, dir := range []string{"doc", "man", "locale", "info"} {
				args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
			}
			return b.run(ctx, b.out, nil, "mmdebstrap", append(args, suite, filepath.Join(b.out, treeName))...)
		},
	}
}

// build fills the tree: what is fetched and the files first, then the packages, then what Prepare makes of it all.
func (r imageRecipe) build(ctx context.Context, b *builder, i *Image) error {
	tree := filepath.Join(b.out, treeName)
	for _, f := range r.Fetch {
		if err := f.into(ctx, b, tree); err != nil {
			return err
		}
	}
	for name, file := range r.Files {
		body, err := os.ReadFile(filepath.Join(r.folder, file))
		if err != nil {
			return err
		}
		if err := place(tree, name, body); err != nil {
			return err
		}
	}
	if len(r.Debian) == 0 && len(r.Prepare) == 0 {
		return nil
	}
	lists := filepath.Join(b.cache, "debian-lists", r.suite(), "lists")
	if len(r.Debian) > 0 {
		if err := updateLists(ctx, b, i, lists); err != nil {
			return err
		}
	}
	var lower []string
	for _, link := range i.From.chain() {
		lower = append([]string{filepath.Join(b.cache, "image-"+link.Name, treeName)}, lower...)
	}
	env := []string{"LOWER=" + strings.Join(lower, ":"), "UPPER=" + tree, "LISTS=" + lists, "PREPARE=" + strings.Join(r.Prepare, "\n")}
	args := append([]string{"--mount", "--propagation", "private", "sh", filepath.Join(b.dev, "images/debian/install.sh")}, r.Debian...)
	if err := b.run(ctx, b.out, env, "unshare", args...); err != nil {
		return err
	}
	for _, left := range []string{"merged", "work"} {
		if err := os.RemoveAll(filepath.Join(b.out, left)); err != nil {
			return err
		}
	}
	return nil
}

// listsLast is how long apt's lists are good for: a package that was superseded goes away some time after.
const listsLast = 6 * time.Hour

// updateLists asks Debian which packages there are, unless that was done not long ago. One build does it for all.
func updateLists(ctx context.Context, b *builder, i *Image, lists string) error {
	if err := os.MkdirAll(lists, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(lists), "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	note := filepath.Join(filepath.Dir(lists), "asked")
	if info, err := os.Stat(note); err == nil && time.Since(info.ModTime()) < listsLast {
		return nil
	}
	env := []string{"LISTS=" + lists, "ROOT=" + filepath.Join(b.cache, "image-"+i.chain()[0].Name, treeName)}
	if err := b.run(ctx, b.out, env, "sh", filepath.Join(b.dev, "images/debian/lists.sh")); err != nil {
		return err
	}
	return os.WriteFile(note, nil, 0o644)
}

// place puts a file into the tree; a script is executable.
func place(tree, name string, body []byte) error {
	mode := os.FileMode(0o644)
	if strings.HasPrefix(string(body), "#!") {
		mode = 0o755
	}
	path := filepath.Join(tree, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, body, mode)
}
