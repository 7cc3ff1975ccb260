package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// consumerGroup is one, as far as tests look.
type consumerGroup struct {
	Name    string
	Members int
	Lag     int64
	Paused  *struct{ Reason string }
}

func (s *story) consumers() map[string]consumerGroup {
	s.Helper()
	var all struct{ Items []consumerGroup }
	s.into(s.order(http.MethodGet, "/consumers", nil, http.StatusOK), http.StatusOK, &all)
	by := map[string]consumerGroup{}
	for _, g := range all.Items {
		by[g.Name] = g
	}
	return by
}

// While the recorder is paused output is live only, and its lag grows; resumed,
// it stores all that came meanwhile, and the run ends as if nothing had been.
func TestConsumerGroupsArePaused(t *testing.T) {
	atLast(t) // their output would wait, too
	s := begin(t, 2*time.Minute)
	before := s.consumers()
	for _, name := range []string{"saga-bridge", "results", "callbacks", "projector", "recorder", "inbox", "platform", "kube"} {
		if before[name].Members == 0 {
			t.Errorf("nobody takes part in %s: %s", name, jsonOf(before))
		}
	}
	s.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second) // that of the test is over
		defer stop()
		_, _ = s.as(operator).try(ctx, http.MethodPost, "/api/v1/admin/consumers/recorder/resume", nil)
	})
	s.order(http.MethodPost, "/consumers/recorder/pause", map[string]string{"reason": "a test"}, http.StatusOK)
	s.order(http.MethodPost, "/consumers/recorder/pause", map[string]string{"reason": "again"}, http.StatusConflict)
	s.order(http.MethodPost, "/consumers/kube/pause", map[string]string{"reason": "x"}, http.StatusConflict)
	x := s.submit(counter(50)) // its output begins when all members have heard of the pause, or soon goes on behind it
	f := s.pursue(x.ID, nil)
	eventually(s, 30*time.Second, func() (bool, string) { // it is live all the same
		return f.stdout() == counted(50), "live: " + f.stdout()
	})
	eventually(s, 10*time.Second, func() (bool, string) {
		g := s.consumers()["recorder"]
		return g.Lag > 0 && g.Members == before["recorder"].Members && g.Paused != nil && g.Paused.Reason == "a test", jsonOf(g)
	})
	s.order(http.MethodPost, "/consumers/recorder/resume", nil, http.StatusOK)
	s.order(http.MethodPost, "/consumers/recorder/resume", nil, http.StatusConflict)
	f.wait()
	s.unharmed(x.ID, counted(50))
	eventually(s, 10*time.Second, func() (bool, string) {
		g := s.consumers()["recorder"]
		return g.Lag == 0 && g.Paused == nil, jsonOf(g)
	})
}
