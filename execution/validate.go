package execution

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a submission may hold at most (parity EX-01, EX-03 and EX-04). The sum
// is such that it fits one Kafka record and one ConfigMap, each of 1 MiB.
const (
	maxScriptRunes = 50_000
	maxScriptBytes = 200_000
	maxArgs        = 64
	maxArgBytes    = 4 << 10
	maxEnv         = 64
	maxFiles       = 32
	maxLabels      = 16
	maxLabelBytes  = 63
	maxInputBytes  = 900 << 10
)

var (
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	poolName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	labelName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$`)

	// reservedEnv would change what the platform sets, or how programs are loaded.
	reservedEnv = []string{"PATH", "HOME", "TMPDIR", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"}
)

// Validate reports all that is wrong with what a user gives to a run, as a
// FieldErrors, or nil. The limits have been through Bounds.Apply.
func (x Execution) Validate() error {
	var errs FieldErrors
	x.Input.check(&errs)
	errs.add(x.Priority.Level() > 0, "priority", "one of critical, high, normal, low, background")
	errs.add(poolName.MatchString(x.Pool), "pool", "1 to 40 of a-z, 0-9 and -")
	errs.add(len(x.Labels) <= maxLabels, "labels", "at most %d", maxLabels)
	for _, l := range x.Labels {
		errs.add(len(l.Name) <= maxLabelBytes && labelName.MatchString(l.Name), "labels", "names are 1 to %d of A-Z, a-z, 0-9, . _ / and -", maxLabelBytes)
		errs.add(len(l.Value) <= maxLabelBytes, "labels."+l.Name, "at most %d bytes", maxLabelBytes)
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (in Input) check(errs *FieldErrors) {
	runes := utf8.RuneCountInString(in.Script)
	errs.add(runes > 0 && runes <= maxScriptRunes && len(in.Script) <= maxScriptBytes,
		"script", "1..%d characters and at most %d bytes", maxScriptRunes, maxScriptBytes)
	errs.add(len(in.Args) <= maxArgs, "args", "at most %d", maxArgs)
	for _, a := range in.Args {
		errs.add(len(a) <= maxArgBytes, "args", "each at most %d bytes", maxArgBytes)
		errs.add(!strings.Contains(a, "\x00"), "args", "no NUL")
	}
	errs.add(len(in.Env) <= maxEnv, "env", "at most %d", maxEnv)
	for _, p := range in.Env {
		errs.add(envName.MatchString(p.Name), "env", "names match %s", envName)
		errs.add(!slices.Contains(reservedEnv, p.Name), "env."+p.Name, "is reserved")
		errs.add(!strings.Contains(p.Value, "\x00"), "env."+p.Name, "no NUL")
	}
	errs.add(len(in.Files) <= maxFiles, "files", "at most %d", maxFiles)
	for _, f := range in.Files {
		errs.add(safePath(f.Path), "files.path", "relative, without . and .., at most 255 bytes")
	}
	errs.add(in.size() <= maxInputBytes, "script", "with all inputs at most %d bytes", maxInputBytes)
}

// safePath reports whether p stays below the folder it is put in.
func safePath(p string) bool {
	return p != "" && len(p) <= 255 && !path.IsAbs(p) && path.Clean(p) == p && p != "." && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\x00\\")
}

// size counts the bytes that a task, and a ConfigMap, have to carry.
func (in Input) size() int {
	n := len(in.Script) + len(in.Stdin)
	for _, a := range in.Args {
		n += len(a)
	}
	for _, p := range in.Env {
		n += len(p.Name) + len(p.Value)
	}
	for _, f := range in.Files {
		n += len(f.Path) + len(f.Content)
	}
	return n
}
