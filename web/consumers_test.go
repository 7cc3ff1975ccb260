package web

import (
	"context"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

// pauses keeps them in memory.
type pauses struct{ all []execution.GroupPause }

func (p *pauses) PauseGroup(_ context.Context, one execution.GroupPause) error {
	p.all = append(p.all, one)
	return nil
}

func (p *pauses) ResumeGroup(_ context.Context, group string) error {
	if len(p.all) == 0 {
		return execution.Errorf(execution.Conflict, "the consumer group %s is not paused", group)
	}
	p.all = nil
	return nil
}

func (p *pauses) PausedGroups(context.Context) ([]execution.GroupPause, error) { return p.all, nil }

// withConsumers has one group that is paused, and one that cannot be.
func (s *Server) withConsumers() *pauses {
	p := &pauses{all: []execution.GroupPause{{Group: "recorder"}}}
	s.GroupPauses = p
	s.GroupKinds = []execution.ConsumerGroup{{Name: "recorder", Purpose: "stores", Pausable: true}, {Name: "kube", Purpose: "pause the pool"}}
	s.Groups = func(context.Context) ([]execution.ConsumerGroup, error) {
		return []execution.ConsumerGroup{{Name: "recorder", Topic: "execution_output", Pausable: true, Lag: 7}, {Name: "kube", Topic: "execution_tasks"}}, nil
	}
	return p
}

func TestConsumerGroupsArePausedAndResumed(t *testing.T) {
	s, _, _ := serve(nil)
	p := s.withConsumers()
	p.all = nil
	const path = "/api/v1/admin/consumers"
	for _, tt := range []struct {
		route, body string
		status      int
		says        string
	}{
		{"/recorder/pause", `{"reason":" "}`, 422, "1..500 characters"},
		{"/recorder/pause", `{"reason":"` + strings.Repeat("x", 501) + `"}`, 422, "reason"},
		{"/recorder/pause", ``, 400, ""},
		{"/recorder/pause", `{"why":"x"}`, 400, "why"},
		{"/nobody/pause", `{"reason":"x"}`, 404, "nobody"},
		{"/kube/pause", `{"reason":"x"}`, 409, "pause the pool"},
		{"/kube/resume", ``, 409, "pause the pool"},
		{"/recorder/resume", ``, 409, "not paused"},
		{"/recorder/pause", `{"reason":"a look"}`, 200, `"reason":"a look"`},
	} {
		if w := ask(s, "POST", path+tt.route, tt.body, "User", "op"); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s: %d %s", tt.route, tt.body, w.Code, w.Body)
		}
	}
	if len(p.all) != 1 || p.all[0].Group != "recorder" || p.all[0].By != "op" || p.all[0].At.IsZero() {
		t.Errorf("%+v", p.all)
	}
	all := read[struct{ Items []execution.ConsumerGroup }](t, ask(s, "GET", path, "", "User", "op")).Items
	if len(all) != 2 || all[0].Lag != 7 || all[0].Paused == nil || all[0].Paused.Reason != "a look" || all[1].Paused != nil {
		t.Errorf("%+v", all)
	}
	if w := ask(s, "POST", path+"/recorder/resume", "", "User", "op"); w.Code != 200 || !strings.Contains(w.Body.String(), `"paused":null`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, route := range []string{"/recorder/pause", "/recorder/resume"} {
		if w := ask(s, "POST", path+route, `{"reason":"x"}`, "User", "ann"); w.Code != 403 {
			t.Errorf("%s by a user: %d", route, w.Code)
		}
	}
}
