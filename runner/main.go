//go:build linux

package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// failed is the exit code of the runner when there is none of a script: it
// could not be started, or what became of it could not be told.
const failed = 125

// Main is the program. As `runner /job/job.json` it does the job in that file,
// tells of it in frames on stdout, and returns the script's exit code, or 125
// when there is none. It is meant to be PID 1 of a container; anywhere else it
// has to be alone, for it ends and reaps whatever descends from it.
// As `runner exec` it is the last step before a script, see execute. As `runner
// probe ADDRESS…` it prints a Probe of where it is. As `runner hold [ADDRESS]` it
// is there for others until it is stopped, see hold. As `runner copy TARGET` it
// puts itself there: for clusters without image volumes, where an init container
// has to bring the runner.
func Main(args []string) int {
	switch {
	case len(args) == 3 && args[1] == "copy":
		if err := copySelf(args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "runner: copy:", err)
			return failed
		}
		return 0
	case len(args) > 1 && args[1] == "probe":
		if err := json.NewEncoder(os.Stdout).Encode(probe(args[2:])); err != nil {
			return failed
		}
		return 0
	case len(args) > 1 && len(args) < 4 && args[1] == "hold":
		if err := hold(args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "runner: hold:", err)
			return failed
		}
		return 0
	case len(args) != 2:
		fmt.Fprintln(os.Stderr, "usage: runner <job file> | runner probe [address ...] | runner hold [address] | runner copy <target>")
		return failed
	case args[1] == stage:
		return execute()
	}
	stop, err := Shield()
	r := newRunner(os.Stdout, stop)
	r.stdin = pollable(os.Stdin)
	if os.Getpid() == 1 {
		r.cgroup = "/sys/fs/cgroup"
	} else if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	var job Job
	if err == nil {
		job, err = openJob(args[1])
	}
	return r.do(job, err)
}

// copySelf writes the program that runs to a file that is not there yet.
func copySelf(target string) (err error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, self.Close()) }()
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // a program, and whoever starts us says where
	if err != nil {
		return err
	}
	_, err = io.Copy(f, self)
	return errors.Join(err, f.Close())
}

func openJob(name string) (Job, error) {
	f, err := os.Open(name) //nolint:gosec // whoever starts us says what to do
	if err != nil {
		return Job{}, fmt.Errorf("read job: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return readJob(f)
}

// pollable is file again, such that a read of it can be ended if it is a pipe.
func pollable(file *os.File) *os.File {
	fd := int(file.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		return file
	}
	return os.NewFile(uintptr(fd), file.Name())
}
