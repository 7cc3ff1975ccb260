// Package languages is the registry of languages that comes with the binary:
// a folder of data for each. Another folder of the same form can be given by
// setting instead; adding a language touches no Go file.
package languages

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

// Files is the registry that comes with the binary.
//
//go:embed */language.json
var Files embed.FS

// Read reads all <id>/language.json below fsys. What is wrong with an entry is
// an error that names its file.
func Read(fsys fs.FS) (all execution.Languages, err error) {
	names, err := fs.Glob(fsys, "*/language.json")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no */language.json in the folder of languages")
	}
	for _, name := range names {
		l, err := read(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b execution.Language) int { return strings.Compare(a.ID, b.ID) })
	return all, distinct(all)
}

func read(fsys fs.FS, name string) (l execution.Language, err error) {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return l, err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, err
	}
	folder, _, _ := strings.Cut(name, "/")
	known := slices.ContainsFunc(l.Versions, func(v execution.Version) bool { return v.Version == l.DefaultVersion && !v.Disabled })
	switch {
	case l.ID != folder:
		return l, fmt.Errorf("id %q is not the name of its folder", l.ID)
	case l.FileName == "" || len(l.Run) == 0 || !strings.HasPrefix(l.FileExtension, "."):
		return l, fmt.Errorf("file_name, file_extension and run are needed")
	case !known:
		return l, fmt.Errorf("default_version %q is none of its versions", l.DefaultVersion)
	case !descending(l.Versions):
		return l, fmt.Errorf("versions: the newest comes first, and each once")
	}
	for _, v := range l.Versions {
		if err := check(l, v); err != nil {
			return l, fmt.Errorf("version %s: %w", v.Version, err)
		}
	}
	return l, nil
}

// pinned is a reference by digest (OCI Image Specification, descriptor.md).
var pinned = regexp.MustCompile(`^[^@]+@sha256:[0-9a-f]{64}$`)

func check(l execution.Language, v execution.Version) error {
	p := l.Program(v, false, "{dir}/{base}") // which is what it puts in place of {file}
	argv := strings.Join(slices.Concat(p.Compile, p.Run), " ")
	switch {
	case v.Image == "" && v.LocalImage == "":
		return fmt.Errorf("has no image")
	case strings.Contains(v.Image, "@") && !pinned.MatchString(v.Image):
		return fmt.Errorf("image %q is not NAME@sha256: and 64 hexadecimal digits", v.Image)
	case !strings.Contains(argv, "{dir}") && !strings.Contains(argv, "{base}"):
		return fmt.Errorf("neither compile nor run says where {file} goes")
	}
	return nil
}

func descending(all []execution.Version) bool {
	for i := 1; i < len(all); i++ {
		if compareVersions(all[i-1].Version, all[i].Version) <= 0 {
			return false
		}
	}
	return true
}

// compareVersions compares by the numbers between dots; what is no number, by
// the letters.
func compareVersions(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(a, b string) int {
		m, err1 := strconv.Atoi(a)
		n, err2 := strconv.Atoi(b)
		if err1 == nil && err2 == nil {
			return cmp.Compare(m, n)
		}
		return strings.Compare(a, b)
	})
}

// distinct says which name two languages have, be it as ID or as alias.
func distinct(all execution.Languages) error {
	owner := make(map[string]string)
	for _, l := range all {
		for _, name := range append([]string{l.ID}, l.Aliases...) {
			if other, ok := owner[name]; ok {
				return fmt.Errorf("%s and %s are both called %q", other, l.ID, name)
			}
			owner[name] = l.ID
		}
	}
	return nil
}

// Merge returns base with the languages of over added, or in place of those
// with the same ID. No two may have a name in common.
func Merge(base, over execution.Languages) (execution.Languages, error) {
	all := slices.Clone(over)
	for _, l := range base {
		if !slices.ContainsFunc(over, func(o execution.Language) bool { return o.ID == l.ID }) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b execution.Language) int { return strings.Compare(a.ID, b.ID) })
	return all, distinct(all)
}

// Pullable returns all without the versions that only the development cluster
// has an image of. What is left of a language has a version by default.
func Pullable(all execution.Languages) (some execution.Languages) {
	for _, l := range all {
		l.Versions = slices.DeleteFunc(slices.Clone(l.Versions), func(v execution.Version) bool { return v.Image == "" })
		byDefault := func(v execution.Version) bool { return v.Version == l.DefaultVersion }
		enabled := slices.IndexFunc(l.Versions, func(v execution.Version) bool { return !v.Disabled })
		switch {
		case enabled < 0:
			continue
		case !slices.ContainsFunc(l.Versions, byDefault):
			l.DefaultVersion = l.Versions[enabled].Version
		}
		some = append(some, l)
	}
	return some
}
