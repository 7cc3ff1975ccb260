package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// mount is a line of /proc/self/mountinfo (proc(5)).
type mount struct{ Path, Type string }

func procMounts() []mount {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	return parseMounts(string(text))
}

// parseMounts takes the fifth field and the first after the dash; blanks in a path are written as \040.
func parseMounts(text string) []mount {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var all []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) >= 5 && len(kind) >= 1 {
			all = append(all, mount{unescape.Replace(fields[4]), kind[0]})
		}
	}
	return all
}

// mountsBelow are those at or below one of the folders, the deepest and, of one place, the latest first.
func mountsBelow(all []mount, folders ...string) []string {
	var paths []string
	for _, m := range slices.Backward(all) {
		if slices.ContainsFunc(folders, func(f string) bool { return m.Path == f || strings.HasPrefix(m.Path, f+"/") }) {
			paths = append(paths, m.Path)
		}
	}
	depth := func(p string) int { return strings.Count(p, "/") }
	slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(depth(b), depth(a)) })
	return paths
}

// unmountBelow detaches, so that a file that is still open somewhere holds nothing up.
func unmountBelow(folders ...string) error {
	var failed []error
	for _, path := range mountsBelow(procMounts(), folders...) {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
			failed = append(failed, fmt.Errorf("unmounting %s: %w", path, err))
		}
	}
	return errors.Join(failed...)
}
