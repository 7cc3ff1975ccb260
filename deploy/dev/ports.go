package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// checkPorts fails if a port of these parts is taken, with all that are in one message.
func checkPorts(all []*Part) error {
	var taken []error
	for _, p := range all {
		for _, address := range p.Listens {
			listener, err := net.Listen("tcp4", address)
			if err == nil {
				_ = listener.Close()
				continue
			}
			who := ""
			if errors.Is(err, syscall.EADDRINUSE) {
				who = " is taken"
				if pid := procfs("/proc").portHolder(portNumber(address)); pid != 0 {
					who = " is taken by " + procfs("/proc").describe(pid)
				}
			} else {
				who = ": " + err.Error()
			}
			taken = append(taken, fmt.Errorf("port %s, which %s needs,%s", port(address), p.Name, who))
		}
	}
	if len(taken) > 0 {
		taken = append(taken, errors.New("stop what holds them, or give a part of your own by its setting (codesaga-dev help)"))
	}
	return errors.Join(taken...)
}

// portHolder is the process that listens on a port, 0 if it cannot be found.
func (root procfs) portHolder(port int) int {
	inodes := map[string]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, _ := os.ReadFile(filepath.Join(string(root), table))
		for _, inode := range listeners(string(text), port) {
			inodes["socket:["+inode+"]"] = true
		}
	}
	if len(inodes) == 0 {
		return 0
	}
	sockets, _ := filepath.Glob(filepath.Join(string(root), "[0-9]*/fd/*"))
	for _, path := range sockets {
		if target, err := os.Readlink(path); err == nil && inodes[target] {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return pid
		}
	}
	return 0
}

// listeners are the inodes of the sockets in state LISTEN (0A) on a port, from a table such as /proc/net/tcp.
func listeners(table string, port int) []string {
	var inodes []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != "0A" {
			continue
		}
		_, hex, ok := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); ok && err == nil && int(n) == port {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}
