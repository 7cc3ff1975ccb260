package execution

import (
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	poolName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	labelName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$`)

	// reservedEnv would change what the platform sets, or how programs are loaded.
	reservedEnv = []string{"PATH", "HOME", "TMPDIR", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"}
)

// Validate reports all that is wrong with what a user gives to a run, as a
// FieldErrors, or nil. It may connect to what is allowed. The limits have been
// through Bounds.Apply, and the entry point is in the program.
func (x Execution) Validate(allowed AllowedEgress) error {
	var errs FieldErrors
	most := MaxInput
	x.Input.check(x.Program.FileName, &errs)
	errs.add(x.Priority.Level() > 0, "priority", "one of critical, high, normal, low, background")
	errs.add(ValidPool(x.Pool), "pool", "1 to 40 of a-z, 0-9 and -")
	errs.add(len(x.Labels) <= most.Labels, "labels", "at most %d", most.Labels)
	for _, l := range x.Labels {
		errs.add(len(l.Name) <= most.LabelBytes && labelName.MatchString(l.Name), "labels", "names are 1 to %d of A-Z, a-z, 0-9, . _ / and -", most.LabelBytes)
		errs.add(len(l.Value) <= most.LabelBytes, "labels."+l.Name, "at most %d bytes", most.LabelBytes)
	}
	errs.add(x.Retry.MaxAttempts >= 0 && int(x.Retry.MaxAttempts) <= most.Attempts, "retry.max_attempts", "0..%d", most.Attempts)
	if x.NotBefore != nil { // a time that is past is now: a request that is sent again must not fail for that
		errs.add(x.NotBefore.Sub(x.CreatedAt) <= time.Duration(most.DelaySeconds)*time.Second, "scheduled_at", "at most %d days ahead", most.DelaySeconds/86400)
	}
	allowed.check(x.Egress, &errs)
	if x.Expected != nil {
		x.Expected.check(&errs)
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// check looks at in, of which the entry point is to be run.
func (in Input) check(entry string, errs *FieldErrors) {
	most := MaxInput
	if in.Script != "" || !slices.ContainsFunc(in.Files, func(f File) bool { return f.Path == entry }) {
		runes := utf8.RuneCountInString(in.Script)
		errs.add(runes > 0 && runes <= most.ScriptCharacters && len(in.Script) <= most.ScriptBytes,
			"script", "1..%d characters and at most %d bytes; or an entry_point that is one of files", most.ScriptCharacters, most.ScriptBytes)
	}
	errs.add(len(in.Args) <= most.Args, "args", "at most %d", most.Args)
	for _, a := range in.Args {
		errs.add(len(a) <= most.ArgBytes, "args", "each at most %d bytes", most.ArgBytes)
		errs.add(!strings.Contains(a, "\x00"), "args", "no NUL")
	}
	errs.add(len(in.Env) <= most.Env, "env", "at most %d", most.Env)
	for _, p := range in.Env {
		errs.add(envName.MatchString(p.Name), "env", "names match %s", envName)
		errs.add(!slices.Contains(reservedEnv, p.Name), "env."+p.Name, "is reserved")
		errs.add(!strings.Contains(p.Value, "\x00"), "env."+p.Name, "no NUL")
	}
	in.checkFiles(entry, errs)
	errs.add(in.Size() <= most.TotalBytes, "script", "with all inputs at most %d bytes", most.TotalBytes)
}

// checkFiles looks at the paths of the files and of the script: each is a file
// of its own, in no folder that is a file.
func (in Input) checkFiles(entry string, errs *FieldErrors) {
	errs.add(len(in.Files) <= MaxInput.Files, "files", "at most %d", MaxInput.Files)
	errs.add(entry == "" || safePath(entry) && entry[0] != '-', "entry_point", "relative, without . and .. and - in front, at most 255 bytes")
	files, paths := make(map[string]bool), []string{}
	if in.Script != "" && entry != "" {
		files[entry], paths = true, append(paths, entry)
	}
	for _, f := range in.Files {
		errs.add(safePath(f.Path), "files.path", "relative, without . and .., at most 255 bytes")
		errs.add(!files[f.Path], "files.path", "%q is there twice, or the script itself", f.Path)
		files[f.Path], paths = true, append(paths, f.Path)
	}
	for _, file := range paths {
		for dir := path.Dir(file); dir != "." && dir != "/"; dir = path.Dir(dir) {
			errs.add(!files[dir], "files.path", "%q is a file, and a folder with files in it", dir)
		}
	}
}

// safePath reports whether p stays below the folder it is put in.
func safePath(p string) bool {
	return p != "" && len(p) <= 255 && !path.IsAbs(p) && path.Clean(p) == p && p != "." && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\x00\\")
}

// Size counts the bytes that a task, and a ConfigMap, have to carry.
func (in Input) Size() int {
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

func (e Expected) check(errs *FieldErrors) {
	errs.add(len(e.Stdout) <= MaxInput.ExpectedBytes, "expected_output.stdout", "at most %d bytes", MaxInput.ExpectedBytes)
	errs.add(slices.Contains(Comparisons, e.Comparison), "expected_output.comparison", "one of %s", strings.Join(Comparisons, ", "))
	errs.add(e.Tolerance >= 0 && !math.IsInf(e.Tolerance, 0), "expected_output.tolerance", "0 or more")
	errs.add(e.Tolerance == 0 || e.Comparison == CompareFloat, "expected_output.tolerance", "with the comparison float only")
}

// Check reports what is wrong with a feed that was asked for, or nil. What it
// carries is bounded by MaxFeedBytes.
func (f Feed) Check() error {
	var errs FieldErrors
	errs.add(len(f.Data) > 0 || f.Close || f.Signal != "", "data", "data, data_base64, close or signal is needed")
	errs.add(f.Signal == "" || slices.Contains(Signals, f.Signal), "signal", "one of %s", strings.Join(Signals, ", "))
	errs.add(f.Signal == "" || len(f.Data) == 0 && !f.Close, "signal", "alone: send data and close before it")
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// ValidPool reports whether name can be that of a pool.
func ValidPool(name string) bool { return poolName.MatchString(name) }

var userName = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,128}$`)

// ValidUser reports whether name can be that of a user.
func ValidUser(name string) bool { return userName.MatchString(name) }
