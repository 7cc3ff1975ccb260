package bridge

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/riferrei/srclient"

	"github.com/codesaga/codesaga/execution"
)

// past is a registry whose subjects have versions.
type past struct {
	shelf
	versions map[string][]string
	refuses  string // a version
	broken   error
}

func (p *past) GetSchemaVersions(subject string) (numbers []int, err error) {
	if p.broken != nil {
		return nil, p.broken
	}
	if len(p.versions[subject]) == 0 {
		return nil, srclient.Error{Code: 40401}
	}
	for i := range p.versions[subject] {
		numbers = append(numbers, i+1)
	}
	slices.Reverse(numbers)
	return numbers, nil
}

func (p *past) GetSchemaByVersion(subject string, version int) (*srclient.Schema, error) {
	return srclient.NewSchema(version, p.versions[subject][version-1], srclient.Avro, version, nil, nil, nil)
}

func (p *past) IsSchemaCompatible(_, _, version string, _ srclient.SchemaType, _ ...srclient.Reference) (bool, error) {
	return version != p.refuses, nil
}

const eventsSubject = "p.execution_events-value"

func settled(events ...string) *past {
	p := &past{versions: map[string][]string{eventsSubject: events}}
	p.levels = map[string]srclient.CompatibilityLevel{eventsSubject: srclient.FullTransitive}
	return p
}

// Each version counts, not only the latest, and in both directions.
func TestSchemaIsComparedWithAllVersions(t *testing.T) {
	ours := schemaOf(EventsTopic)
	compact := strings.Join(strings.Fields(ours), " ")
	without := strings.Replace(ours, `{"name": "correlation_id", "type": "string", "default": "", "doc": "of the request that began it"},`, "", 1)
	strict := strings.Replace(ours, `"fields": [`, `"fields": [{"name": "must", "type": "long"},`, 1)
	renamed := strings.Replace(ours, `"name": "ExecutionEvent"`, `"name": "Other"`, 1)
	tests := []struct {
		name       string
		registry   *past
		registered bool
		problem    string // a part of the only one
		changes    []string
	}{
		{"nothing yet", settled(), false, "", nil},
		{"ours, in another form", settled(without, compact), true, "", nil},
		{"a field more than the latest", settled(without), false, "", []string{`+ correlation_id string = ""`}},
		{"an old one asks for a field that ours does not write", settled(strict, ours), true, "version 1 does not read ours", nil},
		{"another name", settled(renamed), false, "version 1", nil},
		{"no schema at all", settled("{"), false, "version 1", nil},
		{"the registry has rules of its own", func() *past { p := settled(without, without); p.refuses = "2"; return p }(), false, "version 2: the registry",
			[]string{`+ correlation_id string = ""`}},
		{"anything may come", func() *past { p := settled(ours); p.levels[eventsSubject] = srclient.None; return p }(), true, `"NONE"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, err := governed(tt.registry, "p.")
			if err != nil || len(all) != len(contracted) || all[0].Name != eventsSubject {
				t.Fatalf("%v %v", all, err)
			}
			s := all[0]
			problems := strings.Join(s.Problems, "\n")
			if s.Registered != tt.registered || (tt.problem == "") != (problems == "") || !strings.Contains(problems, tt.problem) {
				t.Errorf("%+v", s)
			}
			if tt.changes != nil && !slices.Equal(s.Changes, tt.changes) {
				t.Errorf("changes %q", s.Changes)
			}
		})
	}
}

func TestRegistryOutOfReachIsNoVerdict(t *testing.T) {
	p := settled(schemaOf(EventsTopic))
	p.broken = errors.New("connection refused")
	if all, err := governed(p, "p."); execution.KindOf(err) != execution.Unavailable {
		t.Errorf("%v %v", all, err)
	}
}

func TestFieldsOfSchemas(t *testing.T) {
	got := fields(schemaOf(EventsTopic))
	for path, want := range map[string]string{
		"id": "string", "occurred_at": "long (timestamp-millis)", "request": "null|Request = null",
		"request.limits": "Limits = {}", "request.limits.cpu_seconds": "long = 0", "outcome.exit_code": "null|int = null",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
}
