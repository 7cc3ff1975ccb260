package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// policy is how a pool admits, as far as tests change it.
type policy map[string]any

// poolStatus is how one stands.
type poolStatus struct {
	Pool    string
	Policy  policy
	Running int
	Waiting int64
	Levels  map[string]int64 `json:"waiting_by_priority"`
	Top     []struct {
		UserID  string `json:"user_id"`
		Waiting int64
	} `json:"top_users"`
	Oldest float64 `json:"oldest_wait_seconds"`
}

// pool is how the pool default stands now.
func (s *story) pool() poolStatus {
	s.Helper()
	var all struct{ Pools []poolStatus }
	s.into(s.as(operator).do(http.MethodGet, "/api/v1/admin/queue", nil), http.StatusOK, &all)
	for _, p := range all.Pools {
		if p.Pool == "default" {
			return p
		}
	}
	s.Fatalf("no pool default: %s", jsonOf(all))
	return poolStatus{}
}

// order asks for something as an operator.
func (s *story) order(method, path string, body any, status int) answer {
	s.Helper()
	a := s.as(operator).do(method, "/api/v1/admin"+path, body)
	if a.status != status {
		s.Errorf("%s %s: answered %d, want %d: %.500s", method, path, a.status, status, a.body)
	}
	return a
}

// restored gives the pool its policy back when the test ends.
func (s *story) restored() {
	s.Helper()
	was := s.pool().Policy
	s.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second) // that of the test is over
		defer stop()
		if a, err := s.as(operator).try(ctx, http.MethodPut, "/api/v1/admin/pools/default", was); err != nil || a.status != http.StatusOK {
			s.Errorf("the policy was not given back: %v %d %.500s", err, a.status, a.body)
		}
	})
}

// paused admits nobody, until the test ends or says resume.
func (s *story) paused() (resume func()) {
	s.Helper()
	s.restored()
	s.order(http.MethodPost, "/pools/default/pause", nil, http.StatusOK)
	return func() { s.order(http.MethodPost, "/pools/default/resume", nil, http.StatusOK) }
}

// position is where an execution waits; 0 if it does not.
func (s *story) position(id string) int64 {
	s.Helper()
	if q := s.get(id).Queue; q != nil {
		return q.Position
	}
	return 0
}

// stands waits until executions have these places in the queue.
func (s *story) stands(want []int64, ids ...string) {
	s.Helper()
	eventually(s, 15*time.Second, func() (bool, string) {
		var got []int64
		for _, id := range ids {
			got = append(got, s.position(id))
		}
		return slices.Equal(got, want), fmt.Sprintf("places %v, want %v", got, want)
	})
}

// AD-10, AD-11, AD-12, AD-14: while a pool is paused runs are accepted and
// wait; operators see who waits, move and drop them; streams tell the place.
func TestOperatorsRunTheQueue(t *testing.T) {
	s := begin(t, 2*time.Minute)
	resume := s.paused()
	var ids []string
	var followers []*follower
	for i := range 4 {
		x := s.submit(python(fmt.Sprintf("print(%d)", i)))
		if ids = append(ids, x.ID); x.Queue == nil || x.Queue.Position != int64(i+1) {
			t.Errorf("the answer to the submission: %s", jsonOf(x))
		}
		var place []int64
		for n := range i + 1 {
			place = append(place, int64(n+1))
		}
		s.stands(place, ids...)
		followers = append(followers, s.pursue(x.ID, nil))
	}
	p := s.pool()
	if p.Waiting != 4 || p.Running != 0 || p.Policy["paused"] != true || p.Levels["normal"] != 4 || len(p.Top) != 1 || p.Top[0].UserID != somebody || p.Top[0].Waiting != 4 || p.Oldest <= 0 {
		t.Errorf("the pool stands so: %s", jsonOf(p))
	}
	s.order(http.MethodPut, "/executions/"+ids[3]+"/priority", map[string]string{"priority": "high"}, http.StatusOK)
	s.stands([]int64{2, 3, 4, 1}, ids...)
	told := func(want ...int64) {
		t.Helper()
		eventually(t, 15*time.Second, func() (bool, string) { // every 5 s
			got := followers[2].places()
			return slices.Equal(got, want), fmt.Sprintf("the stream of the third told the places %v, want %v", got, want)
		})
	}
	told(3, 4)
	if x := s.get(ids[3]); x.Priority != "high" {
		t.Errorf("%s", jsonOf(x))
	}
	s.order(http.MethodPost, "/executions/"+ids[1]+"/drop", map[string]string{"reason": "not now"}, http.StatusAccepted)
	dropped := s.ended(ids[1])
	if dropped.Status != "cancelled" || deref(dropped.CancelledBy) != operator || deref(dropped.Reason) != "not now" || dropped.StartedAt != nil {
		t.Errorf("%s", jsonOf(dropped))
	}
	s.stands([]int64{2, 3, 1}, ids[0], ids[2], ids[3])
	told(3, 4, 3)
	s.order(http.MethodPatch, "/pools/default", policy{"max_executions": 1}, http.StatusOK) // or all go at once, in whichever order
	resume()
	for _, i := range []int{0, 2, 3} {
		followers[i].wait()
		if x := s.ended(ids[i]); x.verdict() != "completed 0" || x.stdout() != fmt.Sprintln(i) {
			t.Errorf("%s %q", x.verdict(), x.stdout())
		}
	}
	followers[1].wait()
	if first, last := s.get(ids[3]), s.get(ids[0]); first.ScheduledAt.After(*last.ScheduledAt) {
		t.Errorf("the urgent one was sent at %s, another at %s", first.ScheduledAt, last.ScheduledAt)
	}
	var types []string
	for _, e := range s.timeline(ids[3]) {
		types = append(types, e.Type)
	}
	if !slices.Contains(types, "execution_reprioritised") {
		t.Errorf("its timeline: %v", types)
	}
	s.order(http.MethodPut, "/executions/"+ids[3]+"/priority", map[string]string{"priority": "low"}, http.StatusConflict)
	s.order(http.MethodPost, "/executions/"+ids[3]+"/drop", nil, http.StatusConflict)
}

// AD-14: a language is paused apart.
func TestALanguageIsPausedApart(t *testing.T) {
	s := begin(t, time.Minute)
	s.restored()
	s.order(http.MethodPost, "/pools/default/pause", map[string]string{"language": "py"}, http.StatusOK)
	waits, runs := s.submit(python("print(1)")), s.submit(bash("echo 2"))
	if x := s.ended(runs.ID); x.verdict() != "completed 0" {
		t.Errorf("another language: %s", x.verdict())
	}
	if x := s.get(waits.ID); x.Status != "queued" {
		t.Errorf("it is paused, and %s", x.Status)
	}
	s.order(http.MethodPost, "/pools/default/resume", map[string]string{"language": "python"}, http.StatusOK)
	s.ended(waits.ID)
}

// AD-05, AD-06: what waits is bounded, for each user and for all; nothing is
// left of what is refused.
func TestAFullQueueRefuses(t *testing.T) {
	s := begin(t, time.Minute)
	resume := s.paused()
	s.order(http.MethodPatch, "/pools/default", policy{"max_queued_per_user": 2, "max_queued": 3}, http.StatusOK)
	full := func(who *story, kind string) {
		t.Helper()
		sub := python("print(1)")
		sub.Labels = map[string]string{"refused": "yes"}
		a := who.do(http.MethodPost, "/api/v1/executions", sub, "Idempotency-Key", s.word())
		if p := who.refuse(a, http.StatusTooManyRequests, ""); !strings.HasSuffix(p.Type, "/"+kind) || a.header.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q, want %s", p.Type, a.header.Get("Retry-After"), kind)
		}
	}
	bob, carl := s.as("bob"), s.as("carl")
	ids := []string{s.submit(python("print(1)")).ID, s.submit(python("print(2)")).ID}
	s.stands([]int64{1, 2}, ids...)
	full(s, "user_queue_full")
	x := bob.submit(python("print(3)"))
	eventually(t, 10*time.Second, func() (bool, string) { n := s.pool().Waiting; return n == 3, fmt.Sprint(n, " wait") })
	full(carl, "queue_full")
	if items, _ := s.as(operator).list("label", "refused=yes", "all", "true"); len(items) != 0 {
		t.Errorf("left behind: %s", jsonOf(items))
	}
	resume()
	for _, id := range ids {
		s.ended(id)
	}
	bob.ended(x.ID)
	s.run(python("print(4)"))
}

// AD-09: a run that its pool, without its reserve, could never hold is refused,
// and says why.
func TestARunLargerThanItsPoolIsRefused(t *testing.T) {
	s := begin(t, time.Minute)
	s.restored()
	s.order(http.MethodPatch, "/pools/default", policy{"memory_bytes": 200 << 20, "reserve_percent": 10}, http.StatusOK)
	sub := python("print(1)")
	sub.Limits = &limits{Memory: 181 << 20}
	s.refuse(s.do(http.MethodPost, "/api/v1/executions", sub), http.StatusUnprocessableEntity, "limits.memory_bytes")
	sub.Limits.Memory = 180 << 20
	if x := s.run(sub); x.verdict() != "completed 0" {
		t.Error(x.verdict())
	}
}

// AD-01.
func TestHighPrioritiesAreForOperators(t *testing.T) {
	s := beside(t, time.Minute)
	for _, priority := range []string{"critical", "high"} {
		sub := python("print(1)")
		sub.Priority = priority
		s.refuse(s.do(http.MethodPost, "/api/v1/executions", sub), http.StatusForbidden, "")
		op := s.as(operator)
		if x := op.run(sub); x.verdict() != "completed 0" || x.Priority != priority {
			t.Errorf("%s: %s", priority, x.verdict())
		}
	}
	for _, priority := range []string{"normal", "low", "background"} {
		sub := python("print(1)")
		sub.Priority = priority
		if x := s.run(sub); x.verdict() != "completed 0" || x.Priority != priority {
			t.Errorf("%s: %s", priority, x.verdict())
		}
	}
}
