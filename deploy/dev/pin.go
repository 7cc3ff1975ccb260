package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

const (
	registriesAtOnce = 8
	registryLasts    = 30 * time.Second // an answer, at most
)

// pinCommand asks registries for the digests of the images that any node can pull, and writes them behind the tags. It
// can be done again: tags are asked for anew. Who may pull is found as Docker finds it.
func pinCommand(ctx context.Context, dirs Dirs, args []string) error {
	if _, err := dirs.Dev(); err != nil {
		return err
	}
	from := dirs.languages()
	flags := flag.NewFlagSet("pin", flag.ContinueOnError)
	into := flags.String("into", from, "folder of languages to write; what is not there is copied")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("pin does not know %q", flags.Arg(0))
	}
	languages, err := readLanguages(from)
	if err != nil {
		return err
	}
	var refs []string
	for _, l := range languages {
		for _, v := range l.Versions {
			if v.Image != "" && !slices.Contains(refs, v.Image) {
				refs = append(refs, v.Image)
			}
		}
	}
	digests, failed := resolve(ctx, refs)
	changed := 0
	for _, l := range languages {
		text, err := os.ReadFile(filepath.Join(from, l.ID, "language.json"))
		if err != nil {
			return err
		}
		now := string(text)
		for old, digest := range digests {
			tag, _, _ := strings.Cut(old, "@")
			now = strings.ReplaceAll(now, `"`+old+`"`, `"`+tag+"@"+digest+`"`)
		}
		if now == string(text) {
			continue
		}
		changed++
		if err := writeFile(filepath.Join(*into, l.ID, "language.json"), []byte(now), 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d of %d images resolved, %d languages changed in %s\n", len(digests), len(refs), changed, *into)
	return failed
}

// resolve returns the digests that there are, by reference, and an error for each of the others.
func resolve(ctx context.Context, refs []string) (map[string]string, error) {
	var mu sync.Mutex
	var failed []error
	digests := map[string]string{}
	var group errgroup.Group
	group.SetLimit(registriesAtOnce)
	for _, ref := range refs {
		group.Go(func() error {
			digest, err := digestOf(ctx, ref)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", ref, err))
				return nil
			}
			digests[ref] = digest
			return nil
		})
	}
	_ = group.Wait()
	return digests, errors.Join(failed...)
}

// digestOf asks for the digest that a tag has now, of all platforms together if there are several.
func digestOf(ctx context.Context, ref string) (string, error) {
	tag, _, _ := strings.Cut(ref, "@")
	parsed, err := name.ParseReference(tag)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithTimeout(ctx, registryLasts)
	defer stop()
	found, err := remote.Head(parsed, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return "", err
	}
	return found.Digest.String(), nil
}

// withImage returns the text of a language.json in which versions that have the local image also have image.
func withImage(text, local, image string) string {
	pattern := regexp.MustCompile(`(?:"image"\s*:\s*"[^"]*"\s*,\s*)?("local_image"\s*:\s*"` + regexp.QuoteMeta(local) + `")`)
	return pattern.ReplaceAllString(text, `"image": "`+strings.ReplaceAll(image, "$", "$$")+`", $1`)
}
