package web

import (
	"slices"
	"strings"
	"sync"
	"testing"

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
