package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

func TestSagaOfAnExecution(t *testing.T) {
	for _, path := range []string{executions + "/x1/saga", "/api/v1/sagas/x1"} {
		s, _, _ := serve(nil)
		w := ask(s, "GET", path, "")
		if v := read[execution.SagaView](t, w); w.Code != 200 || v.State != "failed" || v.FailedStep != "admit" || v.UserID != "ann" || len(v.Steps) != 1 || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := ask(s, "GET", path, "", "User", "op"); strings.Count(w.Body.String(), "hunter2") != 2 {
			t.Errorf("%s to an operator: %s", path, w.Body)
		}
		s.SagaBook.(*book).err = execution.Errorf(execution.NotFound, "temporal has nothing")
		if w := ask(s, "GET", path, ""); w.Code != 404 || read[Problem](t, w).Detail != "the saga of execution x1 is not kept any more" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		s.SagaBook.(*book).err = execution.Errorf(execution.Unavailable, "temporal")
		if w := ask(s, "GET", path, ""); w.Code != 503 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestSagasAreListed(t *testing.T) {
	for _, tt := range []struct {
		user, query string
		want        execution.SagaFilter
	}{
		{"ann", "", execution.SagaFilter{UserID: "ann", Limit: 100}},
		{"ann", "?user_id=ann&state=running&execution_id=x1&limit=1000&cursor=c", execution.SagaFilter{UserID: "ann", State: "running", ExecutionID: "x1", Limit: 1000, Cursor: "c"}},
		{"op", "", execution.SagaFilter{Limit: 100}},
		{"op", "?user_id=bob", execution.SagaFilter{UserID: "bob", Limit: 100}},
	} {
		s, _, _ := serve(nil)
		w := ask(s, "GET", "/api/v1/sagas"+tt.query, "", "User", tt.user)
		if diff := cmp.Diff(tt.want, s.SagaBook.(*book).filter); w.Code != 200 || w.Body.String() != `{"items":[],"next_cursor":"next"}` || diff != "" {
			t.Errorf("%s%s: %d %s %s", tt.user, tt.query, w.Code, w.Body, diff)
		}
	}
	s, _, _ := serve(nil)
	for query, field := range map[string]string{"?limit=0": "limit", "?limit=1001": "limit", "?state=gone": "state"} {
		w := ask(s, "GET", "/api/v1/sagas"+query, "")
		if p := read[Problem](t, w); w.Code != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestSagasAreCancelledLikeExecutions(t *testing.T) {
	s, m, g := serve(nil)
	if w := ask(s, "POST", "/api/v1/sagas/x1/cancel", `{"reason":"r"}`); w.Code != 202 || m.rows["x1"].CancelReason != "r" || strings.Join(g.calls, " ") != "cancel" {
		t.Errorf("%d %s, %v", w.Code, w.Body, g.calls)
	}
	m.set("x1", end)
	if w := ask(s, "POST", "/api/v1/sagas/x1/cancel", ""); w.Code != 409 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRetryStep(t *testing.T) {
	for err, want := range map[error]int{nil: 202, execution.Errorf(execution.NotFound, "over"): 409, execution.Errorf(execution.Unavailable, "away"): 503} {
		s, _, _ := serve(nil)
		s.SagaBook.(*book).err = err
		if w := ask(s, "POST", "/api/v1/sagas/x1/retry-step", "", "User", "op"); w.Code != want {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}
