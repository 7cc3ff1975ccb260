package web

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const callbackOf = executions + "/x1/callback"

// withCallback is a server whose x1 has ended and has a callback.
func withCallback() (*Server, *groups) {
	s, m, _ := serve(nil)
	m.set("x1", end)
	m.set("x1", func(x *execution.Execution) { x.CallbackURL = "https://example.com/hook" })
	return s, s.withGroups(m)
}

// attempts is a log of them.
func attempts(of ...execution.Delivery) []execution.Delivery {
	for i := range of {
		of[i].At, of[i].Seconds = time.Unix(int64(i), 0).UTC(), 0.5
	}
	return of
}

func TestCallbackLog(t *testing.T) {
	failed := execution.Delivery{Delivery: 1, StatusCode: 500, Failure: execution.BadAnswer}
	last := execution.Delivery{Delivery: 1, Failure: execution.NoAnswer, Last: true}
	tests := []struct {
		state string
		log   []execution.Delivery
	}{
		{"pending", nil},
		{"retrying", attempts(failed)},
		{"delivered", attempts(failed, execution.Delivery{Delivery: 1, StatusCode: 204, Last: true})},
		{"failed", attempts(failed, last)},
		{"switched_off", attempts(execution.Delivery{Delivery: 1, Failure: execution.SwitchedOff, Last: true})},
		{"delivered", attempts(last, execution.Delivery{Delivery: 2, StatusCode: 200, Last: true})},
	}
	for _, tt := range tests {
		s, g := withCallback()
		g.log = tt.log
		v := read[struct {
			URL   string
			State string
			Items []deliveryView
		}](t, ask(s, "GET", callbackOf, ""))
		if v.URL != "https://example.com/hook" || v.State != tt.state || len(v.Items) != len(tt.log) {
			t.Errorf("%s: %+v", tt.state, v)
		}
		for i, item := range v.Items {
			if item.Number != i+1 || item.Delivery != tt.log[i].Delivery || item.Failure != tt.log[i].Failure || (item.StatusCode == nil) != (tt.log[i].StatusCode == 0) || item.Seconds != 0.5 {
				t.Errorf("%s: %+v", tt.state, item)
			}
		}
	}
	s, m, _ := serve(nil)
	s.withGroups(m)
	if w := ask(s, "GET", callbackOf, ""); !strings.Contains(w.Body.String(), `"state":null`) || !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Errorf("without one: %s", w.Body)
	}
}

func TestRedelivery(t *testing.T) {
	failing := execution.Delivery{Delivery: 1, StatusCode: 500, Failure: execution.BadAnswer}
	over := execution.Delivery{Delivery: 1, Failure: execution.NoAnswer, Last: true}
	tests := []struct {
		name string
		log  []execution.Delivery
		gone bool // nothing is under way
		want []string
	}{
		{"the first was not begun", nil, false, []string{"start x1 1"}},
		{"it is still tried", attempts(failing), false, []string{"hurry x1 1"}},
		{"it was, and somebody has ended it", attempts(failing), true, []string{"hurry x1 1", "start x1 2"}},
		{"it was given up", attempts(over), false, []string{"start x1 2"}},
		{"it was delivered, twice", attempts(over, execution.Delivery{Delivery: 2}, execution.Delivery{Delivery: 3}), false, []string{"start x1 4"}},
	}
	for _, tt := range tests {
		s, g := withCallback()
		g.log, g.over = tt.log, tt.gone
		if w := ask(s, "POST", callbackOf+"/redeliver", ""); w.Code != 202 || !slices.Equal(g.started, tt.want) {
			t.Errorf("%s: %d %s %v", tt.name, w.Code, w.Body, g.started)
		}
	}
	s, g := withCallback()
	g.set("x1", func(x *execution.Execution) { x.CallbackURL = "" })
	if w := ask(s, "POST", callbackOf+"/redeliver", ""); w.Code != 409 {
		t.Errorf("without a callback: %d", w.Code)
	}
	g.set("x1", func(x *execution.Execution) { x.CallbackURL, x.Status = "https://example.com", execution.Running })
	if w := ask(s, "POST", callbackOf+"/redeliver", ""); w.Code != 409 || len(g.started) != 0 {
		t.Errorf("before the end: %d", w.Code)
	}
}

func TestCallbackBody(t *testing.T) {
	x := execution.Execution{
		ID: "x1", UserID: "ann", Status: execution.Failed, StoredAt: time.Unix(5, 0).UTC(), CallbackURL: "https://example.com",
		Outcome: &execution.Outcome{Status: execution.Failed, ErrorType: "script_error", ExitCode: new(int32(3))},
		Output:  &execution.Output{StdoutBytes: 7, Artifacts: []execution.Artifact{{Path: "a.txt", Bytes: 1}}},
	}
	text, err := CallbackBody(x)
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Type string
		At   time.Time `json:"timestamp"`
		Data struct {
			ID     string
			Status string
			Result map[string]any
		}
	}
	if err := json.Unmarshal(text, &b); err != nil || b.Type != "execution.finished" || !b.At.Equal(x.StoredAt) || b.Data.ID != "x1" || b.Data.Status != "failed" {
		t.Errorf("%v %s", err, text)
	}
	r := b.Data.Result
	if r["exit_code"] != 3.0 || r["stdout_bytes"] != 7.0 || r["output_url"] != "/api/v1/executions/x1/output" || len(r["artifacts"].([]any)) != 1 {
		t.Errorf("%v", r)
	}
	for _, name := range []string{"stdout", "stderr", "compile_output"} {
		if _, there := r[name]; there {
			t.Errorf("it tells %s", name)
		}
	}
}
