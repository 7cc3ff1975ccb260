package web

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

const small = `{"language":"py","script":"print(1)"}`

func TestSubmissionsThatAreRefused(t *testing.T) {
	const head = `{"language":"python","script":"1",`
	tests := []struct {
		name, body string
		status     int
		wrong      string // field: rule, or a field alone
	}{
		{"nothing", ``, 400, ""},
		{"not JSON", `{"language" "python"}`, 400, ""},
		{"broken off", `{"language":`, 400, ""},
		{"not UTF-8", "{\"language\":\"\xff\"}", 400, ""},
		{"an array", `[]`, 400, ": an object"},
		{"two values", small + small, 400, ""},
		{"garbage behind", small + "x", 400, ""},
		{"an unknown field", head + `"sript":"1"}`, 400, "sript: is not known"},
		{"an unknown limit", head + `"limits":{"timeout":1}}`, 400, "limits.timeout: is not known"},
		{"an unknown field of a file", head + `"files":[{"path":"a","content":""},{"paht":"b"}]}`, 400, "files.paht: is not known"},
		{"a number for a string", `{"language":3,"script":"1"}`, 400, "language: a string"},
		{"a string for a number", head + `"limits":{"timeout_seconds":"10"}}`, 400, "limits.timeout_seconds: an integer"},
		{"half a second", head + `"limits":{"timeout_seconds":0.5}}`, 400, "limits.timeout_seconds: an integer"},
		{"a string for an array", head + `"args":"a"}`, 400, "args: an array"},
		{"an array for an object", head + `"env":[]}`, 400, "env: an object"},
		{"a number in a file", head + `"files":[{"path":1}]}`, 400, "files.path: a string"},
		{"too long", `{"language":"python","script":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
		{"no script", `{"language":"python"}`, 422, "script"},
		{"no language", `{"script":"1"}`, 422, "language: one of python"},
		{"a version that is off", head + `"version":"2.7"}`, 422, "version: one of 3.11"},
		{"a pool that is not there", head + `"pool":"gpu"}`, 422, "pool: one of default"},
		{"an urgent one", head + `"priority":"urgent"}`, 422, "priority"},
		{"a limit of zero", head + `"limits":{"processes":0}}`, 422, "limits.processes: 1..512"},
		{"a file without content", head + `"files":[{"path":"a"}]}`, 422, "files.content"},
		{"a file with two", head + `"files":[{"path":"a","content":"","content_base64":""}]}`, 422, "files.content"},
		{"a file that is not base64", head + `"files":[{"path":"a","content_base64":"!"}]}`, 422, "files.content_base64"},
		{"a file that is there twice", head + `"files":[{"path":"a","content":""},{"path":"a","content":""}]}`, 422, "files.path"},
		{"a file in the place of the script", head + `"files":[{"path":"main.py","content":""}]}`, 422, "files.path"},
		{"an entry point that is not there", `{"language":"python","entry_point":"a.py","files":[{"path":"b.py","content":""}]}`, 422, "script"},
		{"a limit of its own", head + `"limits":{"open_files":0,"cpu_seconds":601,"file_bytes":1}}`, 422, "limits.cpu_seconds limits.open_files limits.file_bytes"},
		{"egress", head + `"network":{"egress":[{"cidr":"10.0.0.0/8"}]}}`, 422, "network.egress: egress is not allowed here"},
		{"a network of another kind", head + `"network":{"ingress":[]}}`, 400, "network.ingress: is not known"},
		{"a callback", head + `"callback_url":"https://example.com"}`, 422, "callback_url: callbacks are not configured"},
		{"an unknown time", head + `"scheduled_at":"tomorrow"}`, 422, "scheduled_at: a time such as 2026-08-01T12:00:00Z"},
		{"in a year", head + `"scheduled_at":"2999-01-01T00:00:00Z"}`, 422, "scheduled_at: at most 30 days ahead"},
		{"six attempts", head + `"retry":{"max_attempts":6}}`, 422, "retry.max_attempts: 0..5"},
		{"a word for a switch", head + `"interactive":"yes"}`, 400, "interactive: true or false"},
		{"a word for a number", head + `"expected_output":{"stdout":"1","tolerance":"1"}}`, 400, "expected_output.tolerance: a number"},
		{"an unknown comparison", head + `"expected_output":{"stdout":"1","comparison":"loose"}}`, 422, "expected_output.comparison"},
		{"many things", `{"language":"cobol","script":"","args":["\u0000","\u0000"],"limits":{"timeout_seconds":999,"memory_bytes":1},"pool":"P"}`, 422,
			"language limits.timeout_seconds limits.memory_bytes pool script args"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, m, g := serve(nil)
			w := ask(s, "POST", executions, tt.body, "Idempotency-Key", "k")
			p := read[Problem](t, w)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
			}
			wrong := strings.Join(fields, " ")
			if strings.Contains(tt.wrong, ": ") {
				wrong = execution.FieldErrors(p.Errors).Error()
			}
			if w.Code != tt.status || wrong != tt.wrong || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(m.rows) != 1 || len(m.keys) != 0 || len(g.calls) != 0 {
				t.Error("left something behind")
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	s, _, _ := serve(nil)
	for media, want := range map[string]int{"application/json; charset=utf-8": 202, "": 202, "text/plain": 415, "application/x-www-form-urlencoded": 415, ";": 415} {
		if w := ask(s, "POST", executions, small, "Content-Type", media); w.Code != want {
			t.Errorf("%s: %d %s", media, w.Code, w.Body)
		}
	}
}

func TestSubmission(t *testing.T) {
	s, m, g := serve(nil)
	w := ask(s, "POST", executions, `{"language":"py","script":"é","args":["a"],"stdin":"in","env":{"B":"2","A":"1"},
		"files":[{"path":"d/x","content":"t"},{"path":"y","content_base64":"AAE="}],"limits":{"timeout_seconds":5},"priority":"low","labels":{"course":"cs1"}}`,
		"X-Correlation-ID", "c-1")
	v := read[View](t, w)
	if w.Code != 202 || w.Header().Get("Location") != executions+"/"+string(v.ID) || w.Header().Get("Idempotency-Replayed") != "" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	x := m.rows[v.ID]
	limits, _ := execution.DefaultBounds.Apply(execution.Limits{TimeoutSeconds: 5}, execution.Limits{})
	want := execution.Execution{
		ID: v.ID, UserID: "ann", Language: "python", Version: "3.11", Program: execution.Program{Image: "python", FileName: "main.py", Run: []string{"python3", "main.py"}},
		Input: execution.Input{
			Script: "é", Args: []string{"a"}, Stdin: "in", Env: []execution.Pair{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
			Files: []execution.File{{Path: "d/x", Content: []byte("t")}, {Path: "y", Content: []byte{0, 1}}},
		},
		Limits: limits, Priority: "low", Pool: "default", Labels: []execution.Pair{{Name: "course", Value: "cs1"}}, Attempt: 1,
		CorrelationID: "c-1", Status: execution.Queued, CreatedAt: x.CreatedAt,
	}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(g.started, v.ID) || v.Status != execution.Queued || v.Result != nil || v.Labels["course"] != "cs1" {
		t.Errorf("started %v, %+v", g.started, v)
	}
	if got := ask(s, "GET", executions+"/"+string(v.ID), ""); got.Body.String() != w.Body.String() {
		t.Errorf("GET shows it otherwise: %s", got.Body)
	}
}

func TestSameKeySameExecution(t *testing.T) {
	s, m, g := serve(nil)
	ids, fresh := map[string]int{}, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			w := ask(s, "POST", executions, small, "Idempotency-Key", "k")
			mu.Lock()
			defer mu.Unlock()
			ids[w.Header().Get("Location")]++
			if w.Header().Get("Idempotency-Replayed") == "" {
				fresh++
			}
			if w.Code != 202 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || fresh != 1 || len(m.rows) != 2 || len(g.started) != 2 { // x1 is there, too
		t.Errorf("%v, %d without Idempotency-Replayed, %d rows, %v started", ids, fresh, len(m.rows), g.started)
	}
	if w := ask(s, "POST", executions, ` { "script": "print(1)", "language": "py" } `, "Idempotency-Key", "k"); w.Code != 202 || ids[w.Header().Get("Location")] != 50 {
		t.Errorf("the same in other words: %d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", executions, strings.Replace(small, "1", "2", 1), "Idempotency-Key", "k"); w.Code != 422 {
		t.Errorf("another body: %d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", executions, small, "Idempotency-Key", "k", "User", "bob"); w.Code != 202 || ids[w.Header().Get("Location")] != 0 {
		t.Errorf("another user: %d %s", w.Code, w.Body)
	}
}

func TestReplayShowsThePresentAndCompletesWhatIsHalfDone(t *testing.T) {
	s, m, g := serve(nil)
	first := read[View](t, ask(s, "POST", executions, small, "Idempotency-Key", "k"))
	m.Remove(t.Context(), first.ID) // as if the process had died between claim and row
	g.started = nil
	if v := read[View](t, ask(s, "POST", executions, small, "Idempotency-Key", "k")); v.ID != first.ID || !slices.Contains(g.started, v.ID) {
		t.Errorf("not completed: %+v, started %v", v, g.started)
	}
	m.set(first.ID, func(x *execution.Execution) { x.Status = execution.Completed })
	w := ask(s, "POST", executions, small, "Idempotency-Key", "k")
	if v := read[View](t, w); w.Code != 202 || v.Status != execution.Completed || v.Result == nil || w.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %+v", w.Code, v)
	}
}

func TestFailedSubmissionLeavesNothing(t *testing.T) {
	for _, err := range []error{errSecret, execution.Errorf(execution.Unavailable, "hunter2")} {
		s, m, g := serve(nil)
		g.err = err
		w := ask(s, "POST", executions, small, "Idempotency-Key", "k")
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if len(m.rows) != 1 || len(m.keys) != 0 {
			t.Errorf("%d rows, keys %v", len(m.rows), m.keys)
		}
		g.err = nil
		if w := ask(s, "POST", executions, small, "Idempotency-Key", "k"); w.Code != 202 || w.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("again: %d %s", w.Code, w.Body)
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	s, _, _ := serve(nil)
	for key, want := range map[string]int{"k": 202, strings.Repeat("k", 255): 202, strings.Repeat("k", 256): 422, "": 422, "a b": 422, "é": 422} {
		if w := ask(s, "POST", executions, small, "Idempotency-Key", key); w.Code != want {
			t.Errorf("%q: %d %s", key, w.Code, w.Body)
		}
	}
}

func TestSubmissionWithAllOptions(t *testing.T) {
	s, m, _ := serve(nil)
	s.EgressAllowed, _ = execution.ParseEgress("10.0.0.0/8:443")
	s.CallbackURL = func(url string) error {
		if url != "https://example.com/done" {
			return errors.New("not this one")
		}
		return nil
	}
	const body = `{"language":"python","entry_point":"app/a.py","files":[{"path":"app/a.py","content":"1"}],"interactive":true,
		"network":{"egress":[{"cidr":"10.1.0.0/16","ports":[443]}]},"retry":{"max_attempts":3,"on_loss":true},"callback_url":"https://example.com/done",
		"scheduled_at":"2001-02-03T04:05:06.0079+01:00","limits":{"cpu_seconds":5,"open_files":64,"file_bytes":2048},
		"expected_output":{"stdout":"1","comparison":"float"}}`
	w := ask(s, "POST", executions, body)
	v := read[View](t, w)
	if w.Code != 202 {
		t.Fatal(w.Body)
	}
	x := m.rows[v.ID]
	limits, _ := execution.DefaultBounds.Apply(execution.Limits{CPUSeconds: 5, OpenFiles: 64, FileBytes: 2048}, execution.Limits{})
	want := execution.Execution{
		ID: v.ID, UserID: "ann", Language: "python", Version: "3.11", Program: execution.Program{Image: "python", FileName: "app/a.py", Run: []string{"python3", "main.py"}},
		Input: execution.Input{Files: []execution.File{{Path: "app/a.py", Content: []byte("1")}}}, Limits: limits, Priority: "normal", Pool: "default", Attempt: 1,
		Interactive: true, Egress: []execution.Egress{{CIDR: "10.1.0.0/16", Ports: []int32{443}}}, Retry: execution.RetryPolicy{MaxAttempts: 3, OnLoss: true},
		CallbackURL: "https://example.com/done", NotBefore: new(time.Date(2001, 2, 3, 3, 5, 6, 7e6, time.UTC)),
		Expected:      &execution.Expected{Stdout: "1", Comparison: "float", Tolerance: 1e-6},
		CorrelationID: x.CorrelationID, Status: execution.Queued, CreatedAt: x.CreatedAt,
	}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Error(diff)
	}
	w = ask(s, "POST", executions, strings.Replace(body, "com/done", "org", 1))
	if p := read[Problem](t, w); w.Code != 422 || p.Detail != "callback_url: not this one" {
		t.Errorf("%d %+v", w.Code, p)
	}
}

// Each stage refuses with an answer of its own, and nothing is left.
func TestStagesBeforeTheQueue(t *testing.T) {
	full := func(code string) error { return execution.Coded(execution.Exhausted, code, "100 wait already") }
	tests := []struct {
		name, body, user string
		queue            error
		status           int
		kind, after      string
	}{
		{"nothing is wrong", `{"language":"py","script":"1","priority":"low"}`, "ann", nil, 202, "", ""},
		{"an operator is in a hurry", `{"language":"py","script":"1","priority":"critical"}`, "op", nil, 202, "", ""},
		{"a user is in a hurry", `{"language":"py","script":"1","priority":"high"}`, "ann", nil, 403, "forbidden", ""},
		{"and has an empty script", `{"language":"py","script":"","priority":"high"}`, "ann", nil, 422, "invalid", ""},
		{"many of the user wait", small, "ann", full("user_queue_full"), 429, "user_queue_full", "5"},
		{"many wait", small, "ann", full("queue_full"), 429, "queue_full", "5"},
		{"larger than its pool", small, "ann", execution.FieldErrors{{Field: "limits.memory_bytes", Rule: "at most 1 in this pool"}}, 422, "invalid", ""},
		{"the ledger is away", small, "ann", errSecret, 503, "unavailable", "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, m, g := serve(nil)
			s.Queue.(*queue).err = tt.queue
			w := ask(s, "POST", executions, tt.body, "User", tt.user, "Idempotency-Key", "k")
			if w.Code != tt.status || w.Header().Get("Retry-After") != tt.after || tt.kind != "" && read[Problem](t, w).Type != "/problems/"+tt.kind {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if (len(m.rows) == 1 && len(m.keys) == 0 && len(g.calls) == 0) != (tt.status != 202) {
				t.Errorf("left behind: %d rows, %d keys, %v", len(m.rows), len(m.keys), g.calls)
			}
		})
	}
}

// What was accepted is in the queue already, however full that is now.
func TestReplayNeedsNoRoom(t *testing.T) {
	s, _, _ := serve(nil)
	first := read[View](t, ask(s, "POST", executions, small, "Idempotency-Key", "k"))
	q := s.Queue.(*queue)
	q.err = execution.Coded(execution.Exhausted, "queue_full", "full")
	w := ask(s, "POST", executions, small, "Idempotency-Key", "k")
	if v := read[View](t, w); w.Code != 202 || v.ID != first.ID || len(q.asked) != 1 {
		t.Errorf("%d %s, asked %d times", w.Code, w.Body, len(q.asked))
	}
	if w := ask(s, "POST", executions, small, "Idempotency-Key", "k2"); w.Code != 429 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
