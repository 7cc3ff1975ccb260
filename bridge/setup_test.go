package bridge

import (
	"slices"
	"strings"
	"testing"

	"github.com/riferrei/srclient"

	"github.com/codesaga/codesaga/execution"
)

func (s *shelf) CreateSchema(_, text string, _ srclient.SchemaType, _ ...srclient.Reference) (*srclient.Schema, error) {
	if strings.Contains(text, "refuse me") {
		return nil, srclient.Error{Code: 409}
	}
	s.schemas[len(s.schemas)+1] = text
	return s.GetSchema(len(s.schemas))
}

func (s *shelf) GetCompatibilityLevel(subject string, _ bool) (*srclient.CompatibilityLevel, error) {
	if level, ok := s.levels[subject]; ok {
		return &level, nil
	}
	return nil, srclient.Error{Code: 40408}
}

func (s *shelf) ChangeSubjectCompatibilityLevel(subject string, level srclient.CompatibilityLevel) (*srclient.CompatibilityLevel, error) {
	s.levels[subject] = level
	return &level, nil
}

func TestSetupOfTheRegistryIsIdempotent(t *testing.T) {
	r := &shelf{schemas: make(map[int]string), levels: map[string]srclient.CompatibilityLevel{"p.result_stored-value": srclient.None}}
	tests := []struct {
		dry  bool
		want int
	}{{true, 2 * len(contracted)}, {false, 2 * len(contracted)}, {false, 0}, {true, 0}}
	for _, tt := range tests {
		s := setup{prefix: "p.", layout: Layout{DryRun: tt.dry}}
		if err := s.subjects(r); err != nil || len(s.changes) != tt.want {
			t.Errorf("dry %v: %v, changes %q", tt.dry, err, s.changes)
		}
		if tt.dry && len(r.schemas) > 0 && tt.want > 0 {
			t.Errorf("a dry run registered %v", r.schemas)
		}
	}
	if len(r.schemas) != len(contracted) || len(r.levels) != len(contracted) || r.levels["p.result_stored-value"] != srclient.FullTransitive {
		t.Errorf("in the end %v", r.levels)
	}
	s := setup{}
	if err := s.subject(r, "execution_events-value", `"refuse me"`); execution.KindOf(err) != execution.Conflict {
		t.Errorf("an incompatible schema: %v", err)
	}
}

func TestTopicsAreThoseOfTheDesign(t *testing.T) {
	var got []string
	for _, topic := range Topics("default", "gpu") {
		s := topic.settings()
		got = append(got, topic.Name+" "+days(topic.Retention)+" "+s[len(s)-1].value)
		if topic.Partitions == 0 || s[2].value != "2097152" {
			t.Errorf("%+v", topic)
		}
	}
	want := []string{
		"execution_events 90 days 7776000000", "execution_tasks 3 days 259200000", "execution_output 1 day 86400000",
		"result_stored 30 days 2592000000", "dead_letters 14 days 1209600000", "notification_events 7 days 604800000",
		"platform_events 30 days 2592000000", "execution_tasks.gpu 3 days 259200000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
