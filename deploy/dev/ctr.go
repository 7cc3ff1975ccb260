package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

func (c ctr) run(ctx context.Context, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, append([]string{"-a", c.socket, "-n", "k8s.io"}, args...)...)
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

// wanted are the images that containerd should have: name, archive and the hash of what the archive was made from.
type wanted struct{ ref, archive, hash string }

func wantedImages(dirs Dirs) ([]wanted, error) {
	var all []wanted
	for _, i := range images {
		_, archive, hash, err := i.target(dirs)
		if err != nil {
			return nil, err
		}
		all = append(all, wanted{i.Ref, archive, hash})
	}
	archives, _ := filepath.Glob(filepath.Join(dirs.Cache, "image-runner", "*.tar"))
	for _, archive := range archives {
		ref := runnerRef + ":" + strings.TrimSuffix(filepath.Base(archive), ".tar")
		all = append(all, wanted{ref, archive, ref})
	}
	return all, nil
}

// importMissing imports what containerd does not have, or has from an older archive.
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
	for _, w := range all {
		has := slices.Contains(present, w.ref)
		if has && imported[w.ref] == w.hash {
			continue
		}
		if has {
			// Importing other content under the same name would leave containerd without the record that image volumes
			// are found by.
			if _, err := c.run(ctx, "images", "rm", "--sync", w.ref); err != nil {
				return err
			}
		}
		if _, err := c.run(ctx, "images", "import", "--local", w.archive); err != nil {
			return err
		}
		imported[w.ref] = w.hash
		text, err := json.Marshal(imported)
		if err != nil {
			return err
		}
		if err := writeFile(note, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// imagesCommand builds and imports; it needs containerd.
func imagesCommand(ctx context.Context, dirs Dirs) error {
	if config := given(dirs, os.Getenv)["KUBECONFIG"]; config != "" {
		return fmt.Errorf("KUBECONFIG=%s is given: its images are not made here", config)
	}
	p := newProgress(os.Stderr, isTerminal(os.Stderr), 0)
	err := buildImages(ctx, dirs, p)
	p.Close()
	if err != nil {
		return err
	}
	return refreshRunner(ctx, dirs)
}

// refreshRunner makes the image of the runner as it is now, and tells the settings.
func refreshRunner(ctx context.Context, dirs Dirs) error {
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
	fmt.Fprintln(os.Stderr, "runner image: "+ref)
	return nil
}
