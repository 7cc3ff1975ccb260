package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// schedule is one as GET gives it.
type schedule struct {
	ID       string      `json:"id"`
	Paused   bool        `json:"paused"`
	NextRuns []time.Time `json:"next_runs"`
	Recent   []struct {
		ID string `json:"execution_id"`
	} `json:"recent_runs"`
}

// schedule does something to one.
func (s *story) schedule(method, path string, status int) (v schedule) {
	s.Helper()
	s.into(s.do(method, "/api/v1/schedules/"+path, nil), status, &v)
	return v
}

// made are the executions of a schedule, the newest first; it waits until none
// is under way.
func (s *story) made(id string) (all []execution) {
	s.Helper()
	eventually(s, time.Minute, func() (bool, string) {
		all, _ = s.list("schedule_id", id)
		for _, x := range all {
			s.note(x.ID)
			if !terminal[x.Status] {
				return false, jsonOf(x)
			}
		}
		return true, ""
	})
	return all
}

// EX-31: a schedule of each minute, which is paused, triggered, resumed and
// deleted.
func TestAScheduleMakesRuns(t *testing.T) {
	s := beside(t, 5*time.Minute)
	const path = "/api/v1/schedules"
	body := map[string]any{
		"name": "often", "every_seconds": 60, "overlap": "skip",
		"submission": map[string]any{"language": "bash", "script": "sleep 5; echo done", "labels": map[string]string{"schedule": s.word()}},
	}
	var v schedule
	s.into(s.do(http.MethodPost, path, body), http.StatusCreated, &v)
	t.Cleanup(func() { // or it makes more, when the auditor counts
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		_, _ = s.try(ctx, http.MethodDelete, path+"/"+v.ID, nil)
	})
	if len(v.NextRuns) < 2 || v.NextRuns[1].Sub(v.NextRuns[0]) != time.Minute || v.Paused {
		t.Errorf("%s", jsonOf(v))
	}
	if v := s.schedule(http.MethodPost, v.ID+"/pause", http.StatusOK); !v.Paused {
		t.Errorf("%s", jsonOf(v))
	}
	before := len(s.made(v.ID)) // one, if the minute was over just now
	for range 2 {               // the second comes while the first is under way, and is skipped
		s.schedule(http.MethodPost, v.ID+"/trigger", http.StatusOK)
	}
	eventually(t, 30*time.Second, func() (bool, string) {
		now, _ := s.list("schedule_id", v.ID)
		return len(now) > before, jsonOf(now)
	})
	all := s.made(v.ID)
	if len(all) != before+1 || all[0].Status != "completed" {
		t.Errorf("triggered twice: %d before, then %s", before, jsonOf(all))
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		now := s.schedule(http.MethodGet, v.ID, http.StatusOK)
		return len(now.Recent) == before+1 && now.Recent[before].ID == all[0].ID, jsonOf(now)
	})
	s.schedule(http.MethodPost, v.ID+"/resume", http.StatusOK)
	eventually(t, 80*time.Second, func() (bool, string) {
		now, _ := s.list("schedule_id", v.ID)
		return len(now) > before+1, jsonOf(now)
	})
	if a := s.as("mallory").do(http.MethodDelete, path+"/"+v.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("by somebody else: %d", a.status)
	}
	if a := s.do(http.MethodDelete, path+"/"+v.ID, nil); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.do(http.MethodGet, path+"/"+v.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("deleted: %d", a.status)
	}
	s.made(v.ID) // and what it made has come to its end
}

// EX-31: what no schedule can be.
func TestSchedulesThatAreRefused(t *testing.T) {
	s := beside(t, time.Minute)
	for field, change := range map[string]any{"every_seconds": 59, "time_zone": "Mars/Olympus", "overlap": "both", "cron": "99 * * * *", "catch_up_seconds": 1} {
		body := map[string]any{"name": "n", "submission": map[string]any{"language": "static", "script": "print x\n"}, field: change}
		if field != "cron" && field != "every_seconds" {
			body["cron"] = "* * * * *"
		}
		s.refuse(s.do(http.MethodPost, "/api/v1/schedules", body), http.StatusUnprocessableEntity, field)
	}
}
