package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// sagaView is a saga as GET gives it, and as it answers itself.
type sagaView struct {
	ExecutionID string `json:"execution_id"`
	UserID      string `json:"user_id"`
	State       string `json:"state"`
	CurrentStep string `json:"current_step"`
	FailedStep  string `json:"failed_step"`
	Error       string `json:"error"`
	Steps       []struct {
		Name      string     `json:"name"`
		State     string     `json:"state"`
		Attempts  int        `json:"attempts"`
		StartedAt time.Time  `json:"started_at"`
		EndedAt   *time.Time `json:"ended_at"`
	} `json:"steps"`
	Facts []struct {
		Fact string `json:"fact"`
	} `json:"facts"`
	StartedAt time.Time  `json:"started_at"`
	ClosedAt  *time.Time `json:"closed_at"`
}

func (v sagaView) attempts(step string) int {
	for _, s := range v.Steps {
		if s.Name == step {
			return s.Attempts
		}
	}
	return 0
}

func (s *story) saga(id string) (v sagaView) {
	s.Helper()
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+id+"/saga", nil), http.StatusOK, &v)
	return v
}

// closed waits until the saga of id is over.
func (s *story) closed(id string) (v sagaView) {
	s.Helper()
	eventually(s, 20*time.Second, func() (bool, string) {
		v = s.saga(id)
		return v.ClosedAt != nil, jsonOf(v)
	})
	return v
}

// SA-04.
func TestASagaTellsWhatItDoes(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(python("import time; time.sleep(3)"))
	eventually(t, 30*time.Second, func() (bool, string) {
		v := s.saga(x.ID)
		return v.State == "running" && v.CurrentStep == "await_finished" && len(v.Facts) == 1 && v.ClosedAt == nil, jsonOf(v)
	})
	s.ended(x.ID)
	v := s.closed(x.ID)
	for _, step := range []string{"request", "admit", "create_pod", "await_started", "await_finished", "release", "await_stored", "delete_pod"} {
		if v.attempts(step) != 1 {
			t.Errorf("%s was begun %d times", step, v.attempts(step))
		}
	}
	if v.State != "completed" || v.ExecutionID != x.ID || v.UserID == "" || v.FailedStep != "" {
		t.Error(jsonOf(v))
	}
	for _, path := range []string{"/api/v1/executions/" + x.ID + "/saga", "/api/v1/sagas/" + x.ID} {
		if a := s.as("mallory").do(http.MethodGet, path, nil); a.status != http.StatusNotFound {
			t.Errorf("to somebody else %s is %d", path, a.status)
		}
	}
	eventually(t, 10*time.Second, func() (bool, string) {
		a := s.do(http.MethodGet, "/api/v1/sagas?state=completed&execution_id="+x.ID, nil)
		return a.status == http.StatusOK && strings.Count(string(a.body), x.ID) == 1, string(a.body)
	})
}

// EX-21.
func TestARetryIsAnotherExecutionOfTheSameOwner(t *testing.T) {
	s := beside(t, 2*time.Minute)
	sub := python("import sys, time; time.sleep(2); print(sys.argv[1]); sys.exit(3)")
	sub.Args, sub.Labels = []string{"again"}, map[string]string{"retry": s.word()}
	first := s.submit(sub)
	retry := "/api/v1/executions/" + first.ID + "/retry"
	if a := s.do(http.MethodPost, retry, nil); a.status != http.StatusConflict {
		t.Errorf("before the end: %d %s", a.status, a.body)
	}
	first = s.ended(first.ID)
	var ids []string
	for _, who := range []*story{s, s.as(operator)} {
		var x execution
		who.into(who.do(http.MethodPost, retry, nil), http.StatusAccepted, &x)
		s.note(x.ID)
		ids = append(ids, x.ID)
		if x = s.ended(x.ID); x.UserID != first.UserID || deref(x.ParentID) != first.ID || x.Attempt != 2 || x.Labels["retry"] != sub.Labels["retry"] ||
			x.verdict() != "failed script_error 3" || x.stdout() != "again\n" {
			t.Error(jsonOf(x))
		}
	}
	if now := s.get(first.ID); !slices.Equal(now.Retries, ids) || now.verdict() != first.verdict() {
		t.Errorf("retries %v, want %v; %s", now.Retries, ids, now.verdict())
	}
	if a := s.as("mallory").do(http.MethodPost, retry, nil); a.status != http.StatusNotFound {
		t.Errorf("somebody else: %d", a.status)
	}
}

// What the platform does wrong is tried again, if that is asked for.
func TestAPlatformErrorIsRetried(t *testing.T) {
	s := beside(t, 2*time.Minute)
	var x execution
	s.into(s.do(http.MethodPost, "/api/v1/executions", map[string]any{
		"language": "unpullable", "script": "nothing", "retry": map[string]any{"max_attempts": 2},
	}), http.StatusAccepted, &x)
	s.note(x.ID)
	x = s.ended(x.ID)
	if x.Status != "error" || deref(x.Reason) != "image_pull" {
		t.Fatal(jsonOf(x))
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		x = s.get(x.ID)
		return len(x.Retries) == 1, jsonOf(x)
	})
	s.note(x.Retries[0])
	y := s.ended(x.Retries[0])
	if y.Attempt != 2 || deref(y.ParentID) != x.ID || y.UserID != x.UserID || deref(y.Reason) != "image_pull" {
		t.Error(jsonOf(y))
	}
	s.closed(y.ID)
	if y = s.get(y.ID); len(y.Retries) != 0 {
		t.Errorf("a third attempt of two: %v", y.Retries)
	}
	eventually(t, 10*time.Second, func() (bool, string) {
		told := s.timeline(x.ID)
		return slices.ContainsFunc(told, func(e event) bool { return e.Type == "execution_retried" }), jsonOf(told)
	})
}

// EX-31.
func TestARunWaitsForItsTime(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("print(1)")
	sub.ScheduledAt = new(time.Now().Add(6 * time.Second).UTC().Truncate(time.Millisecond))
	x := s.submit(sub)
	sub.ScheduledAt = new(time.Now().Add(time.Hour).UTC())
	later := s.submit(sub)
	eventually(t, 5*time.Second, func() (bool, string) {
		v := s.saga(later.ID)
		return v.State == "created" && v.CurrentStep == "await_time", jsonOf(v)
	})
	asked := time.Now()
	s.cancel(later.ID, http.StatusAccepted)
	if later = s.ended(later.ID); later.Status != "cancelled" || later.StartedAt != nil || time.Since(asked) > 3*time.Second {
		t.Errorf("after %s: %s", time.Since(asked), jsonOf(later))
	}
	x = s.ended(x.ID)
	if x.verdict() != "completed 0" || x.ScheduledFor == nil || x.StartedAt.Before(*x.ScheduledFor) || x.StartedAt.Sub(*x.ScheduledFor) > 10*time.Second {
		t.Error(jsonOf(x))
	}
}

// pool is one as operators see it.
type pool struct {
	Pool   string         `json:"pool"`
	Policy map[string]any `json:"policy"`
}

// policy is how the default pool admits, as long as the test runs.
func (s *story) policy(change map[string]any) {
	s.Helper()
	op := s.as(operator)
	const path = "/api/v1/admin/pools/default"
	var was struct{ Pools []pool }
	op.into(op.do(http.MethodGet, "/api/v1/admin/queue", nil), http.StatusOK, &was)
	i := slices.IndexFunc(was.Pools, func(p pool) bool { return p.Pool == "default" })
	if i < 0 {
		s.Fatal(jsonOf(was))
	}
	s.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		if a, err := op.try(ctx, http.MethodPut, path, was.Pools[i].Policy); err != nil || a.status != http.StatusOK {
			s.Errorf("the policy was not set back: %v %d %s", err, a.status, a.body)
		}
	})
	if a := op.do(http.MethodPatch, path, change); a.status != http.StatusOK {
		s.Fatalf("%d %s", a.status, a.body)
	}
}

// AD-08: how long a run may wait is the operators' to say, also while it does.
func TestARunDoesNotWaitForEver(t *testing.T) {
	s := begin(t, 4*time.Minute)
	s.policy(map[string]any{"max_executions": 1, "max_queue_seconds": 3600})
	busy := s.sleeper(190)
	x := s.submit(python("print(1)"))
	eventually(t, 10*time.Second, func() (bool, string) {
		now := s.get(x.ID)
		return now.Queue != nil, jsonOf(now)
	})
	began := time.Now()
	s.policy(map[string]any{"max_queue_seconds": 60})
	x = s.ended(x.ID)
	if took := time.Since(began); x.Status != "error" || deref(x.Reason) != "queue_timeout" || x.Message == nil || took < 50*time.Second || took > 3*time.Minute {
		t.Errorf("after %s: %s", took, jsonOf(x))
	}
	if v := s.closed(x.ID); v.State != "timeout" || v.FailedStep != "admit" {
		t.Error(jsonOf(v))
	}
	s.cancel(busy, http.StatusAccepted)
	s.ended(busy)
}
