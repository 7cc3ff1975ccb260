package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroupMounts are the roots of all cgroup hierarchies, v1 controllers and v2 alike.
func cgroupMounts(mounts []mount) []string {
	var roots []string
	for _, m := range mounts {
		if m.Type == "cgroup" || m.Type == "cgroup2" {
			roots = append(roots, m.Path)
		}
	}
	return roots
}

// makeCgroups makes our folder in every hierarchy. In v2 a controller must be handed down by its parent.
func makeCgroups(roots []string, name string) error {
	for _, root := range roots {
		if controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers")); err == nil {
			for _, controller := range strings.Fields(string(controllers)) {
				// One that cannot be handed down is missed, if it is needed, by the kubelet, which says so.
				_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0)
			}
		}
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return fmt.Errorf("making a cgroup, which only root may: %w", err)
		}
	}
	return nil
}

// cgroupProcesses are the processes in our folders.
func cgroupProcesses(roots []string, name string) []int {
	seen := map[int]bool{}
	var pids []int
	for _, root := range roots {
		_ = filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil
			}
			text, _ := os.ReadFile(path)
			for _, field := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 1 && !seen[pid] {
					seen[pid] = true
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	return pids
}

// removeCgroups removes our folders, deepest first; the kernel needs a moment after the last process.
func removeCgroups(roots []string, name string) error {
	var failed []error
	for _, root := range roots {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := removeCgroup(dirs[i]); err != nil {
				failed = append(failed, err)
			}
		}
	}
	return errors.Join(failed...)
}

func removeCgroup(dir string) error {
	var err error
	for range 50 {
		if err = syscall.Rmdir(dir); err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("removing the cgroup %s: %w", dir, err)
}
