package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// marker is in the environment of every part and of what it starts: CODESAGA_DEV_PART=<part>@<state>. It is not
// CODESAGA_DEV_STATE, which a user may export in a shell that must not be killed.
const marker = "CODESAGA_DEV_PART"

// procfs is /proc, or a folder like it.
type procfs string

// startTime is field 22 of stat: with the pid, it names a process for as long as the machine is up. A process that is
// gone, or dead and not yet waited for, has none.
func (root procfs) startTime(pid int) (string, bool) {
	text, err := os.ReadFile(filepath.Join(string(root), strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", false
	}
	// The second field is the name, in brackets, and may hold anything.
	rest := string(text)
	fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", false
	}
	return fields[19], true
}

// ours are the processes that a stack in these folders started: those with its marker, and those whose program lies in
// the cache and whose command line names its folders, as containerd's shims do.
func (root procfs) ours(dirs Dirs) []int {
	entries, err := os.ReadDir(string(root))
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if _, alive := root.startTime(pid); alive && root.isOurs(pid, dirs) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (root procfs) isOurs(pid int, dirs Dirs) bool {
	dir := filepath.Join(string(root), strconv.Itoa(pid))
	environment, _ := os.ReadFile(dir + "/environ")
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		if part, ok := strings.CutPrefix(variable, marker+"="); ok && strings.HasSuffix(part, "@"+dirs.State) {
			return true
		}
	}
	program, _ := os.Readlink(dir + "/exe")
	if !strings.HasPrefix(program, dirs.Cache+"/") {
		return false
	}
	commandLine, _ := os.ReadFile(dir + "/cmdline")
	for argument := range strings.SplitSeq(string(commandLine), "\x00") {
		for _, folder := range []string{dirs.State, dirs.Node} {
			if i := strings.Index(argument, folder); i >= 0 && (len(argument) == i+len(folder) || argument[i+len(folder)] == '/') {
				return true
			}
		}
	}
	return false
}

// describe is "pid 12 (java -Xmx512m …)".
func (root procfs) describe(pid int) string {
	commandLine, _ := os.ReadFile(filepath.Join(string(root), strconv.Itoa(pid), "cmdline"))
	text := strings.TrimSpace(strings.ReplaceAll(string(commandLine), "\x00", " "))
	if r := []rune(text); len(r) > 80 {
		text = string(r[:79]) + "…"
	}
	return fmt.Sprintf("pid %d (%s)", pid, text)
}
