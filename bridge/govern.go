package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hamba/avro/v2"
	"github.com/riferrei/srclient"

	"github.com/codesaga/codesaga/execution"
)

// Subject is how a schema of this program stands to its subject in the registry.
type Subject struct {
	Name       string `json:"subject"`
	Versions   []int  `json:"versions"`      // that the registry has, ascending
	Registered bool   `json:"registered"`    // ours is one of them
	Level      string `json:"compatibility"` // of the subject; empty: none of its own

	// What must not be: a version that ours does not read, or that does not
	// read ours, and a level that would let such a one in. One sentence each.
	Problems []string `json:"problems"`

	// Fields that differ from those of the latest version, as "+ path type =
	// default" and "- path type = default", by path; none if ours is registered,
	// or nothing is.
	Changes []string `json:"changes"`
}

// Standing says in a few words where ours is among the versions.
func (s Subject) Standing() string {
	switch {
	case len(s.Versions) == 0:
		return "not registered, and nothing else is"
	case s.Registered:
		return fmt.Sprintf("registered, of %d versions", len(s.Versions))
	case len(s.Changes) == 0:
		return fmt.Sprintf("not registered; beside %d versions only texts or names are new", len(s.Versions))
	default:
		return fmt.Sprintf("not registered; it would be the next after %d versions", len(s.Versions))
	}
}

// versions is what Subjects needs of srclient.
type versions interface {
	subjects
	GetSchemaVersions(subject string) ([]int, error)
	GetSchemaByVersion(subject string, version int) (*srclient.Schema, error)
	IsSchemaCompatible(subject, schema, version string, kind srclient.SchemaType, references ...srclient.Reference) (bool, error)
}

// Subjects compares each schema of this program with all versions that the
// registry has, in both directions, by the rules of Avro and by the registry's
// own word. A registry out of reach is Unavailable.
func (c Cluster) Subjects() ([]Subject, error) { return governed(c.registry(), c.Prefix) }

// Register registers the schemas and their compatibility as Setup does, and
// returns what it changed, one sentence each. A schema that is not compatible
// with a past one is a Conflict.
func (c Cluster) Register() (changes []string, err error) {
	s := setup{prefix: c.Prefix}
	err = s.subjects(c.registry())
	return s.changes, err
}

func governed(r versions, prefix string) (all []Subject, err error) {
	for _, topic := range contracted {
		s := Subject{Name: subject(prefix, topic)}
		if err := s.compare(r, schemaOf(topic)); err != nil {
			return nil, execution.Errorf(unknown(err), "subject %s: %w", s.Name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (s *Subject) compare(r versions, ours string) (err error) {
	s.Problems, s.Changes = []string{}, []string{} // in JSON, lists
	if s.Versions, err = r.GetSchemaVersions(s.Name); err != nil {
		if unknown(err) == execution.Invalid {
			return nil // there is no such subject yet
		}
		return err
	}
	slices.Sort(s.Versions)
	level, err := r.GetCompatibilityLevel(s.Name, false)
	switch {
	case err == nil:
		s.Level = level.String()
	case unknown(err) != execution.Invalid:
		return err
	}
	if s.Level != compatibility.String() {
		s.problem("compatibility is %q, and has to be %s", s.Level, compatibility)
	}
	latest := ""
	for _, version := range s.Versions {
		theirs, err := r.GetSchemaByVersion(s.Name, version)
		if err != nil {
			return err
		}
		latest = theirs.Schema()
		if identical(latest, ours) {
			s.Registered = true
			continue
		}
		if !s.reads(version, ours, latest) {
			continue
		}
		ok, err := r.IsSchemaCompatible(s.Name, ours, strconv.Itoa(version), srclient.Avro)
		if err != nil {
			return err
		}
		if !ok {
			s.problem("version %d: the registry says that it is not compatible", version)
		}
	}
	if !s.Registered {
		s.Changes = append(s.Changes, changes(latest, ours)...)
	}
	return nil
}

func (s *Subject) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// reads reports whether ours and a version read each other.
func (s *Subject) reads(version int, ours, theirs string) bool {
	us, err := parse(ours)
	if err != nil {
		s.problem("ours: %v", err)
		return false
	}
	them, err := parse(theirs)
	if err != nil {
		s.problem("version %d: %v", version, err)
		return false
	}
	rules := avro.NewSchemaCompatibility()
	before := len(s.Problems)
	if err := rules.Compatible(us, them); err != nil {
		s.problem("ours does not read version %d: %v", version, err)
	}
	if err := rules.Compatible(them, us); err != nil {
		s.problem("version %d does not read ours: %v", version, err)
	}
	return len(s.Problems) == before
}

// identical compares schemas as JSON, for registries keep them in a form of
// their own.
func identical(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}

// changes are the fields that differ between two schemas.
func changes(before, after string) (lines []string) {
	was, is := fields(before), fields(after)
	paths := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if was[path] == is[path] {
			continue
		}
		if was[path] != "" {
			lines = append(lines, "- "+path+" "+was[path])
		}
		if is[path] != "" {
			lines = append(lines, "+ "+path+" "+is[path])
		}
	}
	return lines
}

// fields are the fields of a schema, and of the records in it: path → type and
// default.
func fields(schema string) map[string]string {
	found := make(map[string]string)
	var v any
	if json.Unmarshal([]byte(schema), &v) == nil {
		describe("", v, found)
	}
	return found
}

// describe names a type, and adds the fields below it to found.
func describe(at string, v any, found map[string]string) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var names []string
		for _, each := range v {
			names = append(names, describe(at, each, found))
		}
		return strings.Join(names, "|")
	case map[string]any:
		return describeNamed(at, v, found)
	}
	return "?"
}

func describeNamed(at string, v map[string]any, found map[string]string) string {
	name, _ := v["name"].(string)
	switch v["type"] {
	case "record":
		list, _ := v["fields"].([]any)
		for _, each := range list {
			f, _ := each.(map[string]any)
			path := at + fmt.Sprint(f["name"])
			text := describe(path+".", f["type"], found)
			if value, ok := f["default"]; ok {
				b, _ := json.Marshal(value)
				text += " = " + string(b)
			}
			found[path] = text
		}
		return name
	case "array":
		return "array of " + describe(at+"[].", v["items"], found)
	case "enum", "fixed":
		return name
	}
	text := describe(at, v["type"], found)
	if logical, ok := v["logicalType"].(string); ok {
		text += " (" + logical + ")"
	}
	return text
}
