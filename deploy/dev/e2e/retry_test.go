package e2e

import (
	"net/http"
	"testing"
	"time"
)

// EX-21, DF-50: a retry is another execution with the same request, of the same
// owner, whoever asks, and both know of each other.
func TestDF50ARetryIsAnotherRunOfTheSame(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("import sys\nprint(sys.argv[1], sys.stdin.read(), open('d/x').read())\nsys.exit(3)")
	sub.Args, sub.Stdin, sub.Files = []string{"a"}, "in", []file{{Path: "d/x", Content: "file"}}
	sub.Labels, sub.Limits = map[string]string{"retry": s.word()}, &limits{Timeout: 7}
	x := s.run(sub)
	op := s.as(operator)
	var ids []string
	for _, who := range []*story{s, op} {
		a := who.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/retry", nil)
		var again execution
		s.into(a, http.StatusAccepted, &again)
		s.note(again.ID)
		ids = append(ids, again.ID)
		if a.header.Get("Location") != "/api/v1/executions/"+again.ID || again.UserID != somebody || again.Attempt != 2 || deref(again.ParentID) != x.ID {
			t.Errorf("%v %s", a.header, jsonOf(again))
		}
		again = s.ended(again.ID)
		if again.verdict() != x.verdict() || again.stdout() != x.stdout() || again.Limits != x.Limits || again.Labels["retry"] != sub.Labels["retry"] {
			t.Errorf("%s, first %s", jsonOf(again), jsonOf(x))
		}
	}
	if now := s.get(x.ID); jsonOf(now.Retries) != jsonOf(ids) || now.Attempt != 1 {
		t.Errorf("retries %v, want %v", now.Retries, ids)
	}
	if items, _ := s.list("parent_id", x.ID); len(items) != 2 || items[0].ID != ids[1] {
		t.Errorf("listed: %s", jsonOf(items))
	}
	second := s.do(http.MethodPost, "/api/v1/executions/"+ids[0]+"/retry", nil)
	var third execution
	s.into(second, http.StatusAccepted, &third)
	s.note(third.ID)
	if third.Attempt != 3 || deref(third.ParentID) != ids[0] {
		t.Errorf("a retry of a retry: %s", jsonOf(third))
	}
	s.ended(third.ID)
}

// EX-21, EX-22.
func TestARetryUnderAKeyIsOne(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(python("import time; time.sleep(1)"))
	s.refuse(s.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/retry", nil), http.StatusConflict, "")
	s.ended(x.ID)
	key := []string{"Idempotency-Key", s.word()}
	var first, again execution
	s.into(s.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/retry", nil, key...), http.StatusAccepted, &first)
	s.note(first.ID)
	a := s.do(http.MethodPost, "/api/v1/executions/"+x.ID+"/retry", nil, key...)
	s.into(a, http.StatusAccepted, &again)
	if again.ID != first.ID || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s, then %s", first.ID, again.ID)
	}
	s.ended(first.ID)
	s.refuse(s.do(http.MethodPost, "/api/v1/executions/"+first.ID+"/retry", nil, key...), http.StatusUnprocessableEntity, "Idempotency-Key")
	if now := s.get(x.ID); len(now.Retries) != 1 {
		t.Errorf("%v", now.Retries)
	}
}
