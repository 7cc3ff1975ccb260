package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// down stops a supervisor, if there is one, and removes what is left, whoever left it.
func down(ctx context.Context, dirs Dirs) error {
	if pid := supervisorPid(dirs); pid != 0 {
		if _, err := ask(ctx, dirs, request{Do: "down"}); err != nil {
			// It may still be building.
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
		if err := waitUnlocked(ctx, dirs, 90*time.Second); err != nil {
			return err
		}
	}
	if _, err := os.Stat(dirs.State); err == nil {
		unlock, err := lockState(dirs)
		if err != nil {
			return err
		}
		defer unlock()
	}
	return sweep(dirs)
}

func waitUnlocked(ctx context.Context, dirs Dirs, patience time.Duration) error {
	end := time.After(patience)
	for pid := supervisorPid(dirs); pid != 0; pid = supervisorPid(dirs) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			fmt.Fprintf(os.Stderr, "codesaga-dev: the supervisor (pid %d) does not end: killing it\n", pid)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return err
			}
			end = nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// reset deletes all data; what was built stays in the cache.
func reset(ctx context.Context, dirs Dirs) error {
	if err := down(ctx, dirs); err != nil {
		return err
	}
	if left := mountsBelow(procMounts(), dirs.State, dirs.Node); len(left) > 0 {
		return fmt.Errorf("not deleting anything: %s is still mounted", left[0])
	}
	return errors.Join(os.RemoveAll(dirs.State), os.RemoveAll(dirs.Node))
}

// sweep ends and removes everything a stack in these folders leaves behind when it is not stopped in order: processes,
// pods, mounts, network namespaces, cgroups, sockets. It may be done at any time while no supervisor runs, and twice.
// It is to the cluster what a reboot is: what lies on disk stays.
func sweep(dirs Dirs) error {
	mounts := procMounts()
	cgroups := cgroupMounts(mounts)
	if err := killAll(dirs, cgroups); err != nil {
		return err
	}
	failed := []error{
		// containerd keeps network namespaces below its state, so that they go with the other mounts.
		unmountBelow(dirs.State, dirs.Node, dirs.Shims),
		removeCgroups(cgroups, dirs.Cgroup),
		removeLogLinks(dirs),
	}
	if len(mountsBelow(procMounts(), dirs.State, dirs.Node)) == 0 {
		for _, path := range []string{dirs.Node + "/containerd/state", dirs.Node + "/containerd/runc", dirs.Node + "/containerd.sock", dirs.Node + "/containerd.sock.ttrpc"} {
			failed = append(failed, os.RemoveAll(path))
		}
	}
	for _, path := range []string{dirs.Shims, filepath.Join(dirs.State, "pids"), filepath.Join(dirs.State, "control")} {
		failed = append(failed, os.RemoveAll(path))
	}
	_ = os.Remove(filepath.Dir(dirs.Shims)) // unless another stack's are there
	return errors.Join(failed...)
}

// killAll kills until nothing is left: a shim may start a process while we look.
func killAll(dirs Dirs, cgroups []string) error {
	proc := procfs("/proc")
	var left []int
	for round := range 100 {
		left = proc.ours(dirs)
		for _, name := range partNames {
			if pid, alive := recordedPid(dirs, proc, name); alive {
				left = append(left, pid)
			}
		}
		left = append(left, cgroupProcesses(cgroups, dirs.Cgroup)...)
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Duration(min(10*(round+1), 100)) * time.Millisecond)
	}
	var names []string
	for _, pid := range left {
		names = append(names, proc.describe(pid))
	}
	return fmt.Errorf("still running after SIGKILL: %s", strings.Join(names, ", "))
}

// removeLogLinks removes the links the kubelet makes in a folder that cannot be configured.
func removeLogLinks(dirs Dirs) error {
	links, _ := filepath.Glob("/var/log/containers/*.log")
	var failed []error
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dirs.Node+"/") {
			failed = append(failed, os.Remove(link))
		}
	}
	return errors.Join(failed...)
}
