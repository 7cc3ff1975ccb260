package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// pushCommand brings the images that no registry has to one of the operator's, and writes where they are, by digest.
func pushCommand(ctx context.Context, dirs Dirs, args []string) error {
	if _, err := dirs.Dev(); err != nil {
		return err
	}
	from := dirs.languages()
	flags := flag.NewFlagSet("push", flag.ContinueOnError)
	into := flags.String("into", from, "folder of languages to write; what is not there is copied")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("push needs a registry: codesaga-dev push registry.example.com/codesaga")
	}
	registry := strings.TrimSuffix(flags.Arg(0), "/")
	images, err := allImages(dirs)
	if err != nil {
		return err
	}
	languages, err := readLanguages(from)
	if err != nil {
		return err
	}
	pushed := map[string]string{} // by local reference
	for _, l := range languages {
		text, err := os.ReadFile(filepath.Join(from, l.ID, "language.json"))
		if err != nil {
			return err
		}
		now := string(text)
		for _, v := range l.Versions {
			if v.Local == "" || v.Image != "" && !strings.HasPrefix(v.Image, registry+"/") {
				continue
			}
			if pushed[v.Local] == "" {
				if pushed[v.Local], err = push(ctx, dirs, images, v.Local, registry); err != nil {
					return fmt.Errorf("%s: %w", v.Local, err)
				}
				fmt.Println(pushed[v.Local])
			}
			now = withImage(now, v.Local, pushed[v.Local])
		}
		if now == string(text) {
			continue
		}
		if err := writeFile(filepath.Join(*into, l.ID, "language.json"), []byte(now), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// push pushes the image under local, which must have been built, and returns its reference by digest.
func push(ctx context.Context, dirs Dirs, images []*Image, local, registry string) (string, error) {
	for _, i := range images {
		if i.Ref != local {
			continue
		}
		if done, err := i.built(dirs); err != nil || !done {
			return "", errors.Join(err, errors.New("is not built: make languages"))
		}
		p, err := i.pack(dirs)
		if err != nil {
			return "", err
		}
		return p.push(ctx, registry+"/"+strings.TrimPrefix(local, localRegistry))
	}
	return "", errors.New("has no recipe")
}

func (i packed) push(ctx context.Context, ref string) (string, error) {
	target, err := name.NewTag(ref)
	if err != nil {
		return "", err
	}
	var layers []v1.Layer
	for _, l := range i.Layers {
		opened, err := tarball.LayerFromOpener(l.open)
		if err != nil {
			return "", err
		}
		layers = append(layers, opened)
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return "", err
	}
	image, err = mutate.ConfigFile(image, configFile(image, i))
	if err != nil {
		return "", err
	}
	if err := remote.Write(target, image, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", err
	}
	digest, err := image.Digest()
	return ref + "@" + digest.String(), err
}

func configFile(image v1.Image, i packed) *v1.ConfigFile {
	file, _ := image.ConfigFile() // of an image in memory
	file.Architecture, file.OS = runtime.GOARCH, "linux"
	file.Config = v1.Config{Cmd: i.Command, User: imageUser, WorkingDir: "/", Env: []string{"PATH=" + imagePath}}
	return file
}

// open is l as an archive.
func (l layer) open() (io.ReadCloser, error) {
	from, to := io.Pipe()
	go func() { _ = to.CloseWithError(l.write(to)) }()
	return from, nil
}
