package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

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
	program := filepath.Join(dir, "program")
	if err := b.golang(ctx, "../..", "0", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/runner"); err != nil {
		return "", &failure{part: "build-runner", log: dirs.log("build-runner"), err: err}
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	tag := fmt.Sprintf("%x", sha256.Sum256(body))[:12]
	ref, folder := runnerRef+":"+tag, filepath.Join(dir, tag)
	if stamped(folder, tag) {
		return ref, nil
	}
	old, _ := filepath.Glob(filepath.Join(dir, "*", stampName))
	for _, path := range old {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	if err := writeTree(filepath.Join(folder, treeName), []entry{{Name: "runner", Mode: 0o755, Body: body}}); err != nil {
		return "", err
	}
	return ref, errors.Join(finishLayer(folder), stamp(folder, tag))
}

// runnerImages are those of runners in the cache: one, as a rule.
func runnerImages(dirs Dirs) (all []packed, err error) {
	stamps, _ := filepath.Glob(filepath.Join(dirs.Cache, "image-runner", "*", stampName))
	for _, path := range stamps {
		dir := filepath.Dir(path)
		l, err := readLayer(dir)
		if err != nil {
			return nil, err
		}
		ref := runnerRef + ":" + strings.TrimSpace(filepath.Base(dir))
		all = append(all, packed{Ref: ref, Command: []string{"/runner"}, Layers: []layer{l}})
	}
	return all, nil
}
