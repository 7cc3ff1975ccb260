package e2e

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

// EX-22, DF-40.
func TestDF40AKeyIsOneExecution(t *testing.T) {
	s := beside(t, time.Minute)
	key := []string{"Idempotency-Key", s.word()}
	sub := python("print('once')")
	sub.Labels = map[string]string{"key": key[1]}
	first := s.do(http.MethodPost, "/api/v1/executions", sub, key...)
	var x execution
	s.into(first, http.StatusAccepted, &x)
	s.note(x.ID)
	if got := first.header.Get("Idempotency-Replayed"); got != "" {
		t.Errorf("the first answer is replayed: %q", got)
	}
	s.ended(x.ID)
	s.base = the.urls[1] // another process knows the key, too
	again := s.do(http.MethodPost, "/api/v1/executions", sub, key...)
	var same execution
	s.into(again, http.StatusAccepted, &same)
	if same.ID != x.ID || same.Status != "completed" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %s %s, replayed %q", same.ID, same.Status, again.header.Get("Idempotency-Replayed"))
	}
	sub.Script += "#"
	s.refuse(s.do(http.MethodPost, "/api/v1/executions", sub, key...), http.StatusUnprocessableEntity, "")
	if items, _ := s.list("label", "key="+key[1]); len(items) != 1 {
		t.Errorf("%d executions", len(items))
	}
}

// EX-22.
func TestFiftyAtOnceWithOneKeyAreOneExecution(t *testing.T) {
	s := begin(t, time.Minute)
	key := s.word()
	sub := python("print('once')")
	sub.Labels = map[string]string{"key": key}
	var all sync.WaitGroup
	answers, began := make([]answer, 50), time.Now()
	for i := range answers {
		all.Go(func() {
			caller := &story{T: t, ctx: s.ctx, base: the.urls[i%2]}
			answers[i], _ = caller.try(s.ctx, http.MethodPost, "/api/v1/executions", sub, "Idempotency-Key", key)
		})
	}
	all.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("fifty answers took %s", took)
	}
	ids, replayed := map[string]bool{}, 0
	for _, a := range answers {
		var x execution
		s.into(a, http.StatusAccepted, &x)
		ids[x.ID] = true
		if a.header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	items, _ := s.list("label", "key="+key)
	if len(ids) != 1 || len(items) != 1 || replayed != 49 {
		t.Fatalf("%d IDs, %d executions, %d replayed", len(ids), len(items), replayed)
	}
	s.note(items[0].ID)
	x := s.ended(items[0].ID)
	if x.verdict() != "completed 0" || x.stdout() != "once\n" {
		t.Errorf("%s", jsonOf(x))
	}
	if took := x.FinishedAt.Sub(x.CreatedAt); took > 10*time.Second {
		t.Errorf("the run took %s", took)
	}
}

// EX-22, DF-40.
func TestAFailedSubmissionDoesNotHoldItsKey(t *testing.T) {
	s := beside(t, time.Minute)
	key := []string{"Idempotency-Key", s.word()}
	bad, good := python("print(1)"), python("print(1)")
	bad.Version = "2.7"
	s.refuse(s.do(http.MethodPost, "/api/v1/executions", bad, key...), http.StatusUnprocessableEntity, "version")
	if x := s.ended(s.submit(good, key...).ID); x.verdict() != "completed 0" {
		t.Errorf("%s", x.verdict())
	}
}
