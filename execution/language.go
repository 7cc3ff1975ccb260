package execution

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// Language is an entry of the registry of languages: a folder of data below
// deploy/languages.
type Language struct {
	ID             string            `json:"id"`
	Name           string            `json:"name"`
	Aliases        []string          `json:"aliases,omitempty"`
	FileExtension  string            `json:"file_extension"` // with the dot
	FileName       string            `json:"file_name"`      // of the script in the work folder
	Compile        []string          `json:"compile,omitempty"`
	Run            []string          `json:"run"`
	Env            map[string]string `json:"env,omitempty"`
	Limits         Limits            `json:"limits"` // a zero stands for the platform's default
	CompileLimits  CompileLimits     `json:"compile_limits,omitzero"`
	DefaultVersion string            `json:"default_version"`
	Example        string            `json:"example"`
	Versions       []Version         `json:"versions"` // newest first
}

// CompileLimits are those of the compile step; a zero stands for 60 seconds and
// for 1 GiB (parity EX-07).
type CompileLimits struct {
	TimeoutSeconds int64 `json:"timeout_seconds,omitempty"`
	MemoryBytes    int64 `json:"memory_bytes,omitempty"`
}

// Version is one version of a language. What it has of its own goes before what
// the language has.
type Version struct {
	Version    string            `json:"version"`
	Image      string            `json:"image,omitempty"`       // any node can pull it; by digest once pinned
	LocalImage string            `json:"local_image,omitempty"` // the development cluster has it; one of the two is there
	Disabled   bool              `json:"disabled,omitempty"`    // new runs are refused, old results stay readable
	Deprecated bool              `json:"deprecated,omitempty"`  // its makers support it no more
	Compile    []string          `json:"compile,omitempty"`
	Run        []string          `json:"run,omitempty"`
	Env        map[string]string `json:"env,omitempty"` // added to the language's
}

// Languages is the registry, in the order of IDs.
type Languages []Language

// Find returns the language and the version that a request names: by ID or
// alias, the default version if version is empty. What is wrong is a
// FieldErrors.
func (ls Languages) Find(language, version string) (Language, Version, error) {
	i := slices.IndexFunc(ls, func(l Language) bool { return l.ID == language || slices.Contains(l.Aliases, language) })
	if i < 0 {
		return Language{}, Version{}, FieldErrors{{Field: "language", Rule: "one of " + strings.Join(ls.ids(), ", ")}}
	}
	l := ls[i]
	if version == "" {
		version = l.DefaultVersion
	}
	var enabled []string
	for _, v := range l.Versions {
		if v.Disabled {
			continue
		}
		if v.Version == version {
			return l, v, nil
		}
		enabled = append(enabled, v.Version)
	}
	return Language{}, Version{}, FieldErrors{{Field: "version", Rule: "one of " + strings.Join(enabled, ", ")}}
}

func (ls Languages) ids() []string {
	ids := make([]string, len(ls))
	for i, l := range ls {
		ids[i] = l.ID
	}
	return ids
}

// Program is how scripts of v are run, in the image that nodes have or, if
// local, the development cluster has. In commands, {file} stands for the entry
// point, which is relative to the work folder: the script itself if it is empty;
// {dir} for its folder, {base} for its name without the extension.
func (l Language) Program(v Version, local bool, entry string) Program {
	if entry == "" {
		entry = l.FileName
	}
	fill := strings.NewReplacer("{file}", entry, "{dir}", path.Dir(entry), "{base}", strings.TrimSuffix(path.Base(entry), path.Ext(entry)))
	argv := func(own, common []string) (all []string) {
		if len(own) == 0 {
			own = common
		}
		for _, a := range own {
			all = append(all, fill.Replace(a))
		}
		return all
	}
	env := maps.Clone(l.Env)
	if env == nil {
		env = make(map[string]string)
	}
	maps.Copy(env, v.Env)
	p := Program{Image: v.Image, FileName: entry, Compile: argv(v.Compile, l.Compile), Run: argv(v.Run, l.Run), Env: Pairs(env)}
	if local && v.LocalImage != "" {
		p.Image = v.LocalImage
	}
	if len(p.Compile) > 0 {
		p.CompileSeconds = cmp.Or(l.CompileLimits.TimeoutSeconds, 60)
		p.CompileMemoryBytes = cmp.Or(l.CompileLimits.MemoryBytes, 1<<30)
	}
	return p
}

// Pairs is m in the order of its names; nil if m is empty.
func Pairs(m map[string]string) (pairs []Pair) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, Pair{Name: name, Value: m[name]})
	}
	return pairs
}

// Map is the opposite of Pairs.
func Map(pairs []Pair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.Name] = p.Value
	}
	return m
}
