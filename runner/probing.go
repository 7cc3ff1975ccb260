//go:build linux

package runner

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const attemptTime = time.Second

// probe tries what a Probe tells of, all at once. It connects to the
// nameservers and to the addresses that it was given, and to nobody else.
func probe(addresses []string) Probe {
	p := Probe{Interfaces: interfaces(), Lookups: []Attempt{}, Connects: []Attempt{}, Tokens: tokens("/var/run/secrets", "/run/secrets"), Leaks: leaks()}
	servers := nameservers("/etc/resolv.conf")
	for _, a := range addresses {
		if server, ok := strings.CutPrefix(a, "dns:"); ok {
			servers = append(servers, server)
		} else {
			p.Connects = append(p.Connects, Attempt{Network: "tcp", Address: a})
		}
	}
	for _, server := range servers {
		p.Lookups = append(p.Lookups, Attempt{Network: "udp", Address: server}, Attempt{Network: "tcp", Address: server})
	}
	var all sync.WaitGroup
	for i := range p.Connects {
		all.Go(func() { p.Connects[i].make(connect) })
	}
	for i := range p.Lookups {
		all.Go(func() { p.Lookups[i].make(lookup) })
	}
	all.Wait()
	return p
}

func (a *Attempt) make(try func(network, address string) error) {
	err := try(a.Network, a.Address)
	if a.Reached = err == nil; err != nil {
		a.Error = err.Error()
	}
}

func connect(network, address string) error {
	c, err := net.DialTimeout(network, address, attemptTime)
	if err != nil {
		return err
	}
	return c.Close()
}

// question asks for the address of localhost, see RFC 1035: any answer will do.
var question = []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01")

func lookup(network, address string) error {
	c, err := net.DialTimeout(network, address, attemptTime)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the answer came, or it did not
	if err := c.SetDeadline(time.Now().Add(attemptTime)); err != nil {
		return err
	}
	ask := question
	if network == "tcp" {
		ask = append(binary.BigEndian.AppendUint16(nil, uint16(len(ask))), ask...)
	}
	if _, err := c.Write(ask); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 512))
	return err
}

// nameservers are the addresses in a file as resolv.conf(5) describes it.
func nameservers(file string) (found []string) {
	text, _ := os.ReadFile(file) //nolint:gosec // a name of ours
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			found = append(found, net.JoinHostPort(fields[1], "53"))
		}
	}
	return found
}

func interfaces() []string {
	up := []string{}
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			up = append(up, i.Name)
		}
	}
	return up
}

// tokens are the files called token below some folders.
func tokens(folders ...string) []string {
	found := []string{}
	for _, top := range folders {
		_ = filepath.WalkDir(top, func(path string, _ os.DirEntry, err error) error {
			if err == nil && filepath.Base(path) == "token" {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}

// leaks are things that a pod has no business with, and could use.
func leaks() []string {
	found := []string{}
	note := func(is bool, what string) {
		if is {
			found = append(found, what)
		}
	}
	for _, socket := range []string{"/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/docker.sock", "/var/run/docker.sock"} {
		_, err := os.Lstat(socket)
		note(err == nil, socket)
	}
	for _, file := range []string{"/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm", "/proc/kcore", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/sys/fs/cgroup/cgroup.procs", "/sys/kernel/uevent_helper"} {
		note(writable(file), file)
	}
	for _, folder := range []string{"/", "/sys/fs/cgroup", "/runner"} {
		note(unix.Access(folder, unix.W_OK) == nil, folder)
	}
	if pid := os.Getpid(); pid != 1 { // in a pod we are the first, unless it shares the processes of its node
		note(true, "PID 1 is somebody else's: we are "+strconv.Itoa(pid))
	}
	var status [2]unix.CapUserData
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if unix.Capget(&head, &status[0]) == nil {
		note(status[0].Effective|status[1].Effective != 0, "capabilities")
	}
	note(os.Getuid() == 0, "uid 0")
	return found
}

// writable tries it: what access(2) says of /proc is not what open(2) does.
func writable(file string) bool {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	null, err1 := os.Stat(os.DevNull)
	info, err2 := os.Stat(file)
	return err1 != nil || err2 != nil || info.Sys().(*syscall.Stat_t).Rdev != null.Sys().(*syscall.Stat_t).Rdev // what is masked is the null device
}
