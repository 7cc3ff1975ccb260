package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

func TestConsumerGroupsArePausedOnce(t *testing.T) {
	s := openStore(t)
	first := execution.GroupPause{Group: "recorder", By: "op", Reason: "why", At: noon}
	must(t, s.PauseGroup(t.Context(), first))
	if err := s.PauseGroup(t.Context(), execution.GroupPause{Group: "recorder", By: "another"}); execution.KindOf(err) != execution.Conflict {
		t.Errorf("again: %v", err)
	}
	all, err := s.PausedGroups(t.Context())
	must(t, err)
	if diff := cmp.Diff([]execution.GroupPause{first}, all); diff != "" {
		t.Error(diff)
	}
	must(t, s.ResumeGroup(t.Context(), "recorder"))
	if err := s.ResumeGroup(t.Context(), "recorder"); execution.KindOf(err) != execution.Conflict {
		t.Errorf("resumed again: %v", err)
	}
	if all, err = s.PausedGroups(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
