// Package languages is the registry of languages that comes with the binary:
// a folder of data for each. Another folder of the same form can be given by
// setting instead; adding a language touches no Go file.
package languages

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
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
	return all, nil
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
	known := slices.ContainsFunc(l.Versions, func(v execution.Version) bool { return v.Version == l.DefaultVersion })
	switch {
	case l.ID != folder:
		return l, fmt.Errorf("id %q is not the name of its folder", l.ID)
	case l.FileName == "" || len(l.Run) == 0 || !strings.HasPrefix(l.FileExtension, "."):
		return l, fmt.Errorf("file_name, file_extension and run are needed")
	case !known:
		return l, fmt.Errorf("default_version %q is none of its versions", l.DefaultVersion)
	}
	for _, v := range l.Versions {
		if v.Image == "" {
			return l, fmt.Errorf("version %s has no image", v.Version)
		}
	}
	return l, nil
}

// Merge returns base with the languages of over added, or in place of those
// with the same ID.
func Merge(base, over execution.Languages) execution.Languages {
	all := slices.Clone(over)
	for _, l := range base {
		if !slices.ContainsFunc(over, func(o execution.Language) bool { return o.ID == l.ID }) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b execution.Language) int { return strings.Compare(a.ID, b.ID) })
	return all
}
