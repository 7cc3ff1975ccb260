package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const letters = "/api/v1/admin/letters"

// office keeps dead letters and how they are redriven.
type office struct {
	mu       sync.Mutex
	letters  map[string]execution.Letter
	filter   execution.LetterFilter
	policies []execution.RedrivePolicy
	woken    []string
	err      error // of waking
}

func (o *office) lock() (unlock func()) {
	o.mu.Lock()
	return o.mu.Unlock
}

func (o *office) Letter(_ context.Context, id string) (execution.Letter, error) {
	defer o.lock()()
	l, ok := o.letters[id]
	if !ok {
		return l, execution.Errorf(execution.NotFound, "no letter %s", id)
	}
	return l, nil
}

func (o *office) Letters(_ context.Context, f execution.LetterFilter) (items []execution.Letter, next string, err error) {
	defer o.lock()()
	o.filter = f
	for _, l := range o.letters {
		if len(f.Statuses) == 0 || slices.Contains(f.Statuses, l.Status) {
			l.Value = nil
			items = append(items, l)
		}
	}
	slices.SortFunc(items, func(a, b execution.Letter) int { return strings.Compare(a.ID, b.ID) })
	if len(items) > f.Limit {
		items, next = items[:f.Limit], "more"
	}
	return items, next, nil
}

func (o *office) LetterFigures(context.Context) (execution.LetterFigures, error) {
	return execution.LetterFigures{
		ByStatus: map[execution.LetterStatus]int64{execution.LetterParked: 2}, ByTopic: map[string]int64{"b": 1, "a": 1}, Waiting: 2,
		Oldest: time.Now().Add(-time.Minute), Redriven: 4, Retried: 3,
	}, nil
}

// move is a decision that those of from allow.
func (o *office) move(ctx context.Context, id, by, reason string, to execution.LetterStatus, from func(execution.LetterStatus) bool) (execution.Letter, error) {
	l, err := o.Letter(ctx, id)
	if err == nil && !from(l.Status) {
		err = execution.Errorf(execution.Conflict, "letter %s is %s", id, l.Status)
	}
	if err != nil {
		return l, err
	}
	l.Status, l.By, l.Reason = to, by, reason
	defer o.lock()()
	o.letters[id] = l
	return l, nil
}

func (o *office) RetryLetter(ctx context.Context, id, by string) (execution.Letter, error) {
	return o.move(ctx, id, by, "", execution.LetterScheduled, execution.LetterStatus.Waits)
}

func (o *office) DiscardLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return o.move(ctx, id, by, reason, execution.LetterDiscarded, execution.LetterStatus.Waits)
}

func (o *office) ArchiveLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return o.move(ctx, id, by, reason, execution.LetterArchived, execution.LetterStatus.Waits)
}

func (o *office) RestoreLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return o.move(ctx, id, by, reason, execution.LetterParked, func(s execution.LetterStatus) bool {
		return s == execution.LetterDiscarded || s == execution.LetterArchived
	})
}

func (o *office) WakeRedrive(_ context.Context, id string) error {
	defer o.lock()()
	o.woken = append(o.woken, id)
	return o.err
}

func (o *office) View(topic string, value []byte) (json.RawMessage, error) {
	if string(value) == "broken" {
		return nil, execution.Errorf(execution.Invalid, "the value breaks off")
	}
	return json.Marshal(topic + ": " + string(value))
}

func (o *office) RedrivePolicies(context.Context) ([]execution.RedrivePolicy, error) {
	return o.policies, nil
}

func (o *office) SetRedrivePolicy(_ context.Context, p execution.RedrivePolicy) ([]string, error) {
	if p.MaxRetries > 20 {
		return nil, execution.FieldErrors{{Field: "max_retries", Rule: "0..20"}}
	}
	p.ID = "p" + fmt.Sprint(len(o.policies)+1)
	o.policies = append(o.policies, p)
	return []string{"l1", "l2"}, nil
}

func (o *office) RemoveRedrivePolicy(_ context.Context, id string) ([]string, error) {
	if len(o.policies) == 0 || o.policies[0].ID != id {
		return nil, execution.Errorf(execution.NotFound, "no policy %s", id)
	}
	o.policies = nil
	return []string{"l1"}, nil
}

// aLetter has all that a letter can have.
func aLetter() LetterView {
	now := time.Now()
	l := execution.Letter{
		ID: "l1", Status: execution.LetterParked, Origin: execution.LetterOrigin{Topic: "execution_events", Group: "codesaga-results"},
		EventID: "e1", EventType: "pod_running", ExecutionID: "x1", Class: "invalid", Error: "the value breaks off", Due: now, Sent: now, Behind: "l0", By: "op",
		Reason: "why", Expires: now, Omitted: 7, Key: []byte("x1\xff"),
		Headers: []execution.LetterHeader{{Key: "ce_id", Value: "e1"}}, History: []execution.LetterEntry{{What: "died"}},
	}
	v := letterRow(l)
	v.Headers, v.History, v.Unreadable = l.Headers, l.History, "too large"
	return v
}

func withLetters() (*Server, *office) {
	s, _, _ := serve(nil)
	o := &office{letters: map[string]execution.Letter{}}
	for id, status := range map[string]execution.LetterStatus{"l1": execution.LetterParked, "l2": execution.LetterPending, "l3": execution.LetterRetried, "l4": execution.LetterScheduled} {
		l := aLetter().Letter
		l.ID, l.Status, l.Omitted, l.Value = id, status, 0, []byte("hello")
		o.letters[id] = l
	}
	s.Letters, s.LetterDesk, s.LetterHands, s.LetterReader, s.RedrivePolicies = o, o, o, o, o
	return s, o
}

func TestLettersAreListed(t *testing.T) {
	s, o := withLetters()
	code, text := asOperator(s, "GET", letters+"?status=parked&status=pending&topic=t&event_type=e&consumer_group=g&error_class=invalid&execution_id=x1&older_than_seconds=60&limit=1000&cursor=c", "")
	want := execution.LetterFilter{
		Statuses: []execution.LetterStatus{"parked", "pending"}, Topic: "t", Type: "e", Group: "g", Class: "invalid", Execution: "x1", OlderThan: time.Minute, Limit: 1000, Cursor: "c",
	}
	if fmt.Sprint(o.filter) != fmt.Sprint(want) || code != 200 || strings.Count(text, `"origin"`) != 2 || !strings.Contains(text, `"next_cursor":null`) ||
		strings.Contains(text, "history") || strings.Contains(text, "headers") || strings.Contains(text, "hello") {
		t.Errorf("%d %s, %+v", code, text, o.filter)
	}
	if code, text := asOperator(s, "GET", letters+"?limit=1", ""); code != 200 || !strings.Contains(text, `"next_cursor":"more"`) {
		t.Errorf("%d %s", code, text)
	}
	for query, field := range map[string]string{"status=lost": "status", "limit=1001": "limit", "limit=0": "limit", "older_than_seconds=-1": "older_than_seconds"} {
		if code, text := asOperator(s, "GET", letters+"?"+query, ""); code != 422 || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", query, code, text)
		}
	}
}

func TestLetterIsShown(t *testing.T) {
	s, o := withLetters()
	l := o.letters["l1"]
	v := read[LetterView](t, ask(s, "GET", letters+"/l1", "", "User", "op"))
	if string(v.Payload) != `"execution_events: hello"` || v.Key != "x1\uFFFD" || v.ValueBytes != 5 || len(v.History) != 1 || len(v.Headers) != 1 || v.Unreadable != "" {
		t.Errorf("%+v", v)
	}
	l.Value = []byte("broken")
	o.letters["l1"] = l
	if v := read[LetterView](t, ask(s, "GET", letters+"/l1", "", "User", "op")); string(v.Payload) != "null" || v.Unreadable != "the value breaks off" {
		t.Errorf("%+v", v)
	}
	l.Value, l.Omitted = nil, 2<<20
	o.letters["l1"] = l
	if v := read[LetterView](t, ask(s, "GET", letters+"/l1", "", "User", "op")); v.ValueBytes != 2<<20 || v.Unreadable == "" {
		t.Errorf("%+v", v)
	}
}

func TestLetterIsDecided(t *testing.T) {
	because := `{"reason":"it is late"}`
	for _, tt := range []struct {
		id, move, body string
		code           int
		want           execution.LetterStatus
	}{
		{"l1", "retry", "", 202, execution.LetterScheduled},
		{"l2", "retry", "{}", 202, execution.LetterScheduled},
		{"l3", "retry", "", 409, execution.LetterRetried},
		{"l1", "retry", `{"payload":{"x":1}}`, 422, execution.LetterParked},
		{"l1", "retry", `{"value":"eA=="}`, 422, execution.LetterParked},
		{"l1", "retry", `{"headers":[]}`, 422, execution.LetterParked},
		{"l1", "discard", because, 200, execution.LetterDiscarded},
		{"l3", "discard", because, 409, execution.LetterRetried},
		{"l1", "archive", because, 200, execution.LetterArchived},
		{"l1", "restore", because, 409, execution.LetterParked},
		{"l1", "discard", "", 400, execution.LetterParked},
		{"l1", "discard", `{"reason":" "}`, 422, execution.LetterParked},
		{"l1", "archive", `{"reason":"` + strings.Repeat("x", 501) + `"}`, 422, execution.LetterParked},
		{"l1", "discard", `{"reason":"x","force":true}`, 400, execution.LetterParked},
	} {
		s, o := withLetters()
		code, text := asOperator(s, "POST", letters+"/"+tt.id+"/"+tt.move, tt.body)
		l := o.letters[tt.id]
		if code != tt.code || l.Status != tt.want {
			t.Errorf("%s %s %s: %d %s, %s", tt.move, tt.id, tt.body, code, text, l.Status)
		}
		if done := code < 300; done && (l.By != "op" || tt.move != "retry" && l.Reason != "it is late") || done != (len(o.woken) == 1) {
			t.Errorf("%s %s: %+v, woken %v", tt.move, tt.id, l, o.woken)
		}
		if l.Status == execution.LetterDiscarded {
			if code, text := asOperator(s, "POST", letters+"/l1/restore", because); code != 200 || o.letters["l1"].Status != execution.LetterParked {
				t.Errorf("%d %s", code, text)
			}
		}
	}
	s, o := withLetters()
	o.err = execution.Errorf(execution.Unavailable, "temporal")
	if code, _ := asOperator(s, "POST", letters+"/l1/discard", because); code != 200 { // its workflow looks by itself
		t.Errorf("%d", code)
	}
	if code, _ := asOperator(s, "POST", letters+"/l2/retry", ""); code != 503 { // it may have none
		t.Errorf("%d", code)
	}
	w := ask(s, "PATCH", letters+"/l2", `{"payload":1}`, "User", "op")
	if w.Code != 405 || w.Header().Get("Allow") != "GET" || !strings.Contains(w.Body.String(), "not edited") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLettersAreRetried(t *testing.T) {
	type report struct {
		execution.RedriveReport
		DryRun bool    `json:"dry_run"`
		Next   *string `json:"next_cursor"`
	}
	for _, tt := range []struct {
		body  string
		code  int
		want  string // the IDs, and what became of them
		woken int
		next  bool
	}{
		{`{"ids":["l1","l3","l9","l1"]}`, 202, "l1 scheduled, l3 retried !, l9  !", 1, false},
		{`{"ids":["l1","l3","l9"],"dry_run":true}`, 200, "l1 parked, l3 retried !, l9  !", 0, false},
		{`{"filter":{}}`, 202, "l1 scheduled, l2 scheduled, l4 scheduled", 3, false},
		{`{"filter":{},"dry_run":true}`, 200, "l1 parked, l2 pending, l4 scheduled", 0, false},
		{`{"filter":{"status":["parked"],"topic":"t","event_type":"e","consumer_group":"g","error_class":"c","execution_id":"x","older_than_seconds":5}}`, 202, "l1 scheduled", 1, false},
		{`{"filter":{},"limit":2}`, 202, "l1 scheduled, l2 scheduled", 2, true},
	} {
		s, o := withLetters()
		w := ask(s, "POST", letters+"/retry", tt.body, "User", "op")
		r := read[report](t, w)
		var got []string
		failed := 0
		for _, d := range r.Details {
			got = append(got, strings.TrimRight(d.ID+" "+string(d.Status)+" "+map[bool]string{true: "!"}[d.Error != ""], " "))
			if d.Error != "" {
				failed++
			}
		}
		if w.Code != tt.code || strings.Join(got, ", ") != tt.want || len(o.woken) != tt.woken || (r.Next != nil) != tt.next ||
			r.Total != len(got) || r.Failed != failed || r.Successful != len(got)-failed || r.DryRun != (tt.code == 200) {
			t.Errorf("%s: %d %s, woken %v", tt.body, w.Code, w.Body, o.woken)
		}
		if f := o.filter; strings.Contains(tt.body, `"topic"`) &&
			fmt.Sprint(f) != fmt.Sprint(execution.LetterFilter{Statuses: []execution.LetterStatus{"parked"}, Topic: "t", Type: "e", Group: "g", Class: "c", Execution: "x", OlderThan: 5 * time.Second, Limit: 1000}) {
			t.Errorf("%+v", f)
		}
	}
	s, o := withLetters()
	o.err = errSecret
	if code, text := asOperator(s, "POST", letters+"/retry", `{"ids":["l1"]}`); code != 202 || strings.Contains(text, "hunter2") || !strings.Contains(text, `"failed":1`) {
		t.Errorf("%d %s", code, text)
	}
	many := `{"ids":["` + strings.Repeat(`x","`, 1000) + `x"]}`
	for body, field := range map[string]string{
		`{}`: "ids", `{"ids":["l1"],"filter":{}}`: "ids", many: "ids", `{"ids":[""]}`: "ids", `{"filter":{},"limit":0}`: "limit", `{"filter":{},"limit":1001}`: "limit",
		`{"filter":{"status":["retried"]}}`: "filter.status", `{"filter":{"older_than_seconds":-1}}`: "filter.older_than_seconds", `{"ids":["l1"],"payload":{}}`: "payload",
	} {
		s, o := withLetters()
		if code, text := asOperator(s, "POST", letters+"/retry", body); code != 422 || !strings.Contains(text, `"field":"`+field+`"`) || len(o.woken) > 0 {
			t.Errorf("%.80s: %d %s", body, code, text)
		}
	}
}

func TestLetterStatistics(t *testing.T) {
	s, _ := withLetters()
	v := read[LetterStatistics](t, ask(s, "GET", letters+"/statistics", "", "User", "op"))
	if v.Waiting != 2 || v.ByStatus["parked"] != 2 || *v.Success != 0.75 || *v.OldestAge < 60 || strings.Join(v.Topics, " ") != "a b" {
		t.Errorf("%+v", v)
	}
}

func TestRedrivePolicies(t *testing.T) {
	s, o := withLetters()
	const path = letters + "/policies"
	if code, text := asOperator(s, "GET", path, ""); code != 200 || text != `{"items":[]}` {
		t.Errorf("%d %s", code, text)
	}
	body := `{"topic":"result_stored","strategy":"fixed_interval","max_retries":5,"initial_delay_seconds":30,"max_delay_seconds":60,"multiplier":1}`
	code, text := asOperator(s, "PUT", path, body)
	p := o.policies[0]
	if code != 200 || !strings.Contains(text, `"letters":2`) || !strings.Contains(text, `"id":"p1"`) || len(o.woken) != 2 ||
		p.By != "op" || p.Topic != "result_stored" || p.Initial != 30 || p.Max != 60 || p.MaxRetries != 5 || p.Multiplier != 1 || p.UpdatedAt.IsZero() {
		t.Errorf("%d %s, %+v, woken %v", code, text, p, o.woken)
	}
	if code, text := asOperator(s, "GET", path+"/p1", ""); code != 200 || !strings.Contains(text, `"fixed_interval"`) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := asOperator(s, "PUT", path, strings.Replace(body, ":5", ":21", 1)); code != 422 || !strings.Contains(text, `"field":"max_retries"`) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := asOperator(s, "PUT", path, `{"id":"p9"}`); code != 400 {
		t.Errorf("%d %s", code, text)
	}
	o.err = execution.Errorf(execution.Unavailable, "temporal") // a letter for which nothing was planned has no workflow that looks
	if code, _ := asOperator(s, "PUT", path, body); code != 503 {
		t.Errorf("%d", code)
	}
	o.err = nil
	if code, text := asOperator(s, "DELETE", path+"/p1", ""); code != 200 || text != `{"letters":1}` {
		t.Errorf("%d %s", code, text)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if code, _ := asOperator(s, method, path+"/p1", ""); code != 404 {
			t.Errorf("%s: %d", method, code)
		}
	}
}

// ofLetters are the routes of dead letters; l1 is one, and p1 a policy.
var ofLetters = []string{
	"GET ", "POST /retry", "GET /statistics", "GET /policies", "PUT /policies", "GET /policies/p1", "DELETE /policies/p1",
	"GET /l1", "PATCH /l1", "POST /l1/retry", "POST /l1/discard", "POST /l1/archive", "POST /l1/restore",
}

func TestLettersAreForOperators(t *testing.T) {
	s, o := withLetters()
	for _, route := range ofLetters {
		method, path, _ := strings.Cut(route, " ")
		if w := ask(s, method, letters+path, ""); w.Code != 403 {
			t.Errorf("%s: %d", route, w.Code)
		}
		if w := ask(s, method, letters+path, "", "User", "nobody"); w.Code != 401 {
			t.Errorf("%s: %d to nobody", route, w.Code)
		}
		if strings.Contains(path, "l1") && method != "PATCH" {
			if code, _ := asOperator(s, method, letters+strings.Replace(path, "l1", "l0", 1), `{"reason":"x"}`); code != 404 && !strings.Contains(path, "retry") {
				t.Errorf("of another: %s: %d", route, code)
			}
		}
	}
	if code, _ := asOperator(s, "POST", letters+"/l0/retry", ""); code != 404 || len(o.woken) > 0 {
		t.Errorf("%d, woken %v", code, o.woken)
	}
}
