package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// builder makes one part.
type builder struct {
	dev     string
	out     string
	cache   string
	version string
	log     io.Writer
}

func (b *builder) golang(ctx context.Context, dir, cgo string, args ...string) error {
	// A go.work or GOFLAGS of the user's would change what is built.
	return b.run(ctx, filepath.Join(b.dev, dir), []string{"CGO_ENABLED=" + cgo, "GOWORK=off", "GOFLAGS="}, goTool(), args...)
}

func (b *builder) maven(ctx context.Context, dir, goal string, args ...string) error {
	return b.run(ctx, filepath.Join(b.dev, dir), nil, "mvn", append([]string{"-q", "-B", goal}, args...)...)
}

func (b *builder) run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	fmt.Fprintf(b.log, "+ %s %q\n", name, args)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, b.log, b.log
	cmd.Env = append(os.Environ(), env...)
	// Ctrl-C reaches the whole group of a build, not only the program in front.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// goTool is the go command, also where it is installed but not on the PATH.
func goTool() string {
	if path, err := exec.LookPath("go"); err == nil {
		return path
	}
	if _, err := os.Stat("/usr/local/go/bin/go"); err == nil {
		return "/usr/local/go/bin/go"
	}
	return "go"
}

// missing are the recipes that are needed and not in the cache as they are now.
func missing(dirs Dirs, given map[string]string) ([]*Recipe, error) {
	var all []*Recipe
	for _, r := range recipes {
		if given[r.For] != "" {
			continue
		}
		dir, hash, err := r.target(dirs)
		if err != nil {
			return nil, err
		}
		if !stamped(dir, hash) {
			all = append(all, r)
		}
	}
	return all, nil
}

// target is the folder of a part and the stamp it must have.
func (r *Recipe) target(dirs Dirs) (dir, hash string, err error) {
	dev, err := dirs.Dev()
	if err != nil {
		return "", "", err
	}
	if dir, err = r.folder(dirs); err != nil {
		return "", "", err
	}
	var files []string
	for _, input := range r.Inputs {
		files = append(files, filepath.Join(dev, input))
	}
	hash, err = inputHash(r.Words, files)
	return dir, hash, err
}

// buildAll makes what is missing: the heavy parts one after the other, the light ones beside them.
func buildAll(ctx context.Context, dirs Dirs, all []*Recipe, p *Progress) error {
	if len(all) == 0 {
		return nil
	}
	unlock, err := lockCache(ctx, dirs)
	if err != nil {
		return err
	}
	defer unlock()
	lanes, ctx := errgroup.WithContext(ctx)
	for _, light := range []bool{false, true} {
		lanes.Go(func() error {
			for _, r := range all {
				if r.Light != light {
					continue
				}
				if err := p.Task("build "+r.Name, func() error { return r.make(ctx, dirs) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return lanes.Wait()
}

// make builds into the folder itself, because a Python environment cannot be moved; the stamp comes last.
func (r *Recipe) make(ctx context.Context, dirs Dirs) error {
	dir, hash, err := r.target(dirs)
	if err != nil || stamped(dir, hash) {
		return err
	}
	dev, _ := dirs.Dev()
	version, err := r.version(dev)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := "build-" + r.Name
	log, err := createLog(dirs, name)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := r.Build(ctx, &builder{dev: dev, out: dir, version: version, log: log}); err != nil {
		return &failure{part: name, log: dirs.log(name), err: err}
	}
	return stamp(dir, hash)
}

// lockCache keeps two programs from building the same folder.
func lockCache(ctx context.Context, dirs Dirs) (unlock func(), err error) {
	if err := os.MkdirAll(dirs.Cache, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dirs.Cache, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("waiting for another build, which holds %s: %w", path, ctx.Err())
		case <-time.After(time.Second):
		}
	}
	return func() { _ = f.Close() }, nil
}
