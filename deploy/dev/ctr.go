package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ctr is containerd's own client.
type ctr struct{ program, socket string }

func newCtr(dirs Dirs, cache folders) ctr {
	return ctr{cache["containerd"] + "/ctr", dirs.containerd()}
}

func (c ctr) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.program, append([]string{"-a", c.socket, "-n", "k8s.io"}, args...)...)
}

func (c ctr) run(ctx context.Context, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := c.command(ctx, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

func (c ctr) ping(ctx context.Context) error {
	// ctr waits for the socket by itself, and longer than we want to.
	if _, err := os.Stat(c.socket); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := c.run(ctx, "version")
	return err
}

// wanted is an image that containerd should have, and the hash of what it was made from.
type wanted struct {
	packed
	hash string
}

// wantedImages are those that lie in the cache as their recipes are now.
func wantedImages(dirs Dirs) ([]wanted, error) {
	images, err := allImages(dirs)
	if err != nil {
		return nil, err
	}
	var all []wanted
	for _, i := range images {
		_, hash, err := i.target(dirs)
		if err != nil {
			return nil, err
		}
		if done, err := i.built(dirs); err != nil || !done {
			continue
		}
		p, err := i.pack(dirs)
		if err != nil {
			return nil, err
		}
		all = append(all, wanted{p, hash})
	}
	runners, err := runnerImages(dirs)
	for _, p := range runners {
		all = append(all, wanted{p, p.Ref})
	}
	return all, err
}

// importMissing imports what containerd does not have, or has from an older recipe: all of it in one archive, in which
// shared layers are once.
func (c ctr) importMissing(ctx context.Context, dirs Dirs) error {
	all, err := wantedImages(dirs)
	if err != nil {
		return err
	}
	listed, err := c.run(ctx, "images", "ls", "-q")
	if err != nil {
		return err
	}
	present := strings.Fields(listed)
	note := filepath.Join(dirs.Node, "images.json")
	imported := map[string]string{}
	if text, err := os.ReadFile(note); err == nil {
		_ = json.Unmarshal(text, &imported) // what cannot be read is imported again
	}
	var missing []packed
	for _, w := range all {
		has := slices.Contains(present, w.Ref)
		if has && imported[w.Ref] == w.hash {
			continue
		}
		if has {
			// Importing other content under the same name would leave containerd without the record that image volumes
			// are found by.
			if _, err := c.run(ctx, "images", "rm", "--sync", w.Ref); err != nil {
				return err
			}
		}
		missing, imported[w.Ref] = append(missing, w.packed), w.hash
	}
	if len(missing) == 0 {
		return nil
	}
	if err := c.load(ctx, missing); err != nil {
		return err
	}
	text, err := json.Marshal(imported)
	if err != nil {
		return err
	}
	return writeFile(note, text, 0o644)
}

// load streams an archive of images into containerd.
func (c ctr) load(ctx context.Context, images []packed) error {
	from, to := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeArchive(to, images)
		_ = to.CloseWithError(err)
		written <- err
	}()
	cmd := c.command(ctx, "images", "import", "--local", "-")
	cmd.Stdin = from
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	_ = from.CloseWithError(err)
	if err != nil {
		err = fmt.Errorf("ctr images import: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return errors.Join(<-written, err)
}

// imagesCommand builds the images that names name, or all, and imports them if containerd runs.
func imagesCommand(ctx context.Context, dirs Dirs, names []string) error {
	given := given(dirs, os.Getenv)
	if config := given["KUBECONFIG"]; config != "" {
		fmt.Fprintf(os.Stderr, "KUBECONFIG=%s is given: its images are not made here\n", config)
		return nil
	}
	images, err := allImages(dirs)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if images, err = chosen(images, names); err != nil {
			return err
		}
	}
	p := newProgress(os.Stderr, isTerminal(os.Stderr), 0)
	defer p.Close()
	if err := install(ctx, dirs, slices.Concat(needs, languageNeeds), given, p); err != nil {
		return err
	}
	if err := buildImages(ctx, dirs, images, p); err != nil {
		return err
	}
	if supervisorPid(dirs) == 0 {
		p.Say("built; codesaga-dev up will import them")
		return nil
	}
	p.expect(1)
	return p.Task("import images", func() error { return refreshRunner(ctx, dirs, p) })
}

// refreshRunner makes the image of the runner as it is now, and tells the settings.
func refreshRunner(ctx context.Context, dirs Dirs, p *Progress) error {
	ref, err := buildRunner(ctx, dirs)
	if err != nil {
		return err
	}
	cache, err := cacheFolders(dirs)
	if err != nil {
		return err
	}
	c := newCtr(dirs, cache)
	if err := c.ping(ctx); err != nil {
		return errors.Join(errNotUp, err)
	}
	if err := c.importMissing(ctx, dirs); err != nil {
		return err
	}
	if err := setRunner(dirs, ref); err != nil {
		return err
	}
	p.Say("runner image: " + ref)
	return nil
}
