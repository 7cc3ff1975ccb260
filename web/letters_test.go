package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// pile is dead letters in memory, and whoever is woken for them.
type pile struct {
	asked    execution.LetterFilter
	woken    []string
	policies []execution.RedrivePolicy
	more     string
	err      error
}

func (p *pile) Letter(_ context.Context, id string) (execution.Letter, error) {
	if id == "gone" {
		return execution.Letter{}, execution.Errorf(execution.NotFound, "no dead letter gone")
	}
	if id == "large" {
		return execution.Letter{ID: id, Omitted: 2 << 20}, nil
	}
	return execution.Letter{ID: id, Status: execution.LetterParked, Origin: execution.LetterOrigin{Topic: "execution_events"}, Value: []byte("value"), Headers: []execution.LetterHeader{{Key: "a", Value: "b"}}}, nil
}

func (p *pile) Letters(_ context.Context, f execution.LetterFilter) ([]execution.Letter, string, error) {
	p.asked = f
	return []execution.Letter{{ID: "l2"}, {ID: "l1"}}, p.more, nil
}

func (p *pile) LetterFigures(context.Context) (execution.LetterFigures, error) {
	return execution.LetterFigures{Waiting: 3, Redriven: 4, Retried: 3}, nil
}

func (p *pile) move(ctx context.Context, id string, status execution.LetterStatus, by, reason string) (execution.Letter, error) {
	l, err := p.Letter(ctx, id)
	if err == nil {
		err = p.err
	}
	l.Status, l.By, l.Reason = status, by, reason
	return l, err
}

func (p *pile) RetryLetter(ctx context.Context, id, by string) (execution.Letter, error) {
	return p.move(ctx, id, execution.LetterScheduled, by, "")
}

func (p *pile) DiscardLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return p.move(ctx, id, execution.LetterDiscarded, by, reason)
}

func (p *pile) ArchiveLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return p.move(ctx, id, execution.LetterArchived, by, reason)
}

func (p *pile) RestoreLetter(ctx context.Context, id, by, reason string) (execution.Letter, error) {
	return p.move(ctx, id, execution.LetterParked, by, reason)
}

func (p *pile) RedrivePolicies(context.Context) ([]execution.RedrivePolicy, error) {
	return execution.DefaultRedrivePolicies, nil
}

func (p *pile) SetRedrivePolicy(_ context.Context, one execution.RedrivePolicy) ([]string, error) {
	p.policies = append(p.policies, one)
	return []string{"l1"}, nil
}

func (p *pile) RemoveRedrivePolicy(_ context.Context, id string) ([]string, error) {
	if id == "nothing" {
		return nil, execution.Errorf(execution.NotFound, "no policy nothing was set")
	}
	return []string{"l1"}, nil
}

func (s *Server) withLetters() *pile {
	p := &pile{}
	s.Letters, s.LetterMoves, s.RedrivePolicies, s.LetterTopics = p, p, p, []string{"execution_events"}
	s.WakeLetter = func(_ context.Context, id string) error { p.woken = append(p.woken, id); return nil }
	s.ViewLetter = func(topic string, value []byte) (json.RawMessage, error) {
		return json.RawMessage(fmt.Sprintf(`{"topic":%q,"bytes":%d}`, topic, len(value))), nil
	}
	return p
}

const letters = "/api/v1/admin/letters"

func TestLettersAreListedAndShown(t *testing.T) {
	s, _, _ := serve(nil)
	p := s.withLetters()
	w := ask(s, "GET", letters+"?status=parked&status=pending&topic=t&event_type=e&consumer_group=g&error_class=c&execution_id=x&older_than_seconds=60&limit=1000&cursor=q", "", "User", "op")
	want := execution.LetterFilter{
		Statuses: []execution.LetterStatus{"parked", "pending"}, Topic: "t", Type: "e", Group: "g", Class: "c", Execution: "x", OlderThan: time.Minute, Limit: 1000, Cursor: "q",
	}
	if w.Code != 200 || fmt.Sprint(p.asked) != fmt.Sprint(want) || !strings.Contains(w.Body.String(), `"next_cursor":null`) {
		t.Errorf("%d %+v %s", w.Code, p.asked, w.Body)
	}
	for _, query := range []string{"status=dead", "limit=1001", "limit=0", "older_than_seconds=-1"} {
		if w := ask(s, "GET", letters+"?"+query, "", "User", "op"); w.Code != 422 {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	v := read[map[string]any](t, ask(s, "GET", letters+"/l1", "", "User", "op"))
	if v["value_bytes"] != 5.0 || fmt.Sprint(v["decoded"]) != "map[bytes:5 topic:execution_events]" || v["status"] != "parked" {
		t.Errorf("%v", v)
	}
	s.ViewLetter = func(string, []byte) (json.RawMessage, error) {
		return nil, execution.Errorf(execution.Invalid, "not framed Avro")
	}
	if v = read[map[string]any](t, ask(s, "GET", letters+"/l1", "", "User", "op")); v["decoded"] != nil || v["decode_error"] != "not framed Avro" {
		t.Errorf("%v", v)
	}
	if v = read[map[string]any](t, ask(s, "GET", letters+"/large", "", "User", "op")); v["value_bytes"] != float64(2<<20) || !strings.Contains(fmt.Sprint(v["decode_error"]), "too large") {
		t.Errorf("%v", v)
	}
	if w := ask(s, "GET", letters+"/gone", "", "User", "op"); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	if w := ask(s, "GET", letters+"/statistics", "", "User", "op"); !strings.Contains(w.Body.String(), `"retry_success_rate":0.75`) || !strings.Contains(w.Body.String(), `"waiting":3`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLettersAreDecided(t *testing.T) {
	s, _, _ := serve(nil)
	p := s.withLetters()
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
		woken              []string
	}{
		{"POST", "/l1/retry", "", 202, `"status":"scheduled"`, []string{"l1"}},
		{"POST", "/gone/retry", "", 404, "", nil},
		{"POST", "/l1/discard", `{"reason":"rubbish"}`, 200, `"reason":"rubbish"`, []string{"l1"}},
		{"POST", "/l1/archive", `{"reason":"later"}`, 200, `"decided_by":"op"`, []string{"l1"}},
		{"POST", "/l1/restore", `{"reason":"after all"}`, 200, `"status":"parked"`, nil},
		{"POST", "/l1/discard", `{}`, 422, "1..500", nil},
		{"POST", "/l1/discard", `{"value":"x","reason":"y"}`, 400, "value", nil},
		{"POST", "/l1/retry", `{"value":"x"}`, 400, "value", nil},
		{"POST", "/retry", `{"filter":{},"limit":1001}`, 422, "1..1000", nil},
		{"POST", "/retry", `{"filter":{},"limit":0}`, 422, "1..1000", nil},
		{"PATCH", "/l1", `{"value":"x"}`, 405, "edit_refused", nil},
		{"POST", "/retry", `{"ids":["l1","gone"]}`, 202, `{"total":2,"successful":1,"failed":1,"more":false,`, []string{"l1"}},
		{"POST", "/retry", `{"filter":{}}`, 202, `"successful":2`, []string{"l1", "l2"}},
		{"POST", "/retry", `{"filter":{"status":["parked"],"older_than_seconds":60},"dry_run":true}`, 202, `"total":2,"successful":0`, nil},
		{"POST", "/retry", `{}`, 422, "either ids or filter", nil},
		{"POST", "/retry", `{"ids":["a"],"filter":{}}`, 422, "either ids or filter", nil},
		{"POST", "/retry", `{"filter":{"status":["dead"]}}`, 422, "filter.status", nil},
		{"POST", "/retry", `{"filter":{"value":"x"}}`, 400, "", nil},
		{"POST", "/retry", `{"ids":["` + strings.Repeat(`a","`, 1000) + `a"]}`, 422, "at most 1000", nil},
		{"PUT", "/policies", `{"topic":"execution_events","strategy":"manual","max_retries":0}`, 200, `"id":"topic:execution_events"`, []string{"l1"}},
		{"PUT", "/policies", `{"topic":"elsewhere","strategy":"hope","max_retries":0}`, 422, "strategy", nil},
		{"DELETE", "/policies/topic:execution_events", "", 200, `"replanned":1`, []string{"l1"}},
		{"DELETE", "/policies/nothing", "", 404, "", nil},
	} {
		p.woken = nil
		w := ask(s, tt.method, letters+tt.path, tt.body, "User", "op")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || !slices.Equal(p.woken, tt.woken) {
			t.Errorf("%s %s %.80s: %d %.300s, woken %q", tt.method, tt.path, tt.body, w.Code, w.Body, p.woken)
		}
	}
	if len(p.policies) != 1 || p.policies[0].By != "op" || p.policies[0].UpdatedAt.IsZero() {
		t.Errorf("%+v", p.policies)
	}
	p.more = "more"
	w := ask(s, "POST", letters+"/retry", `{"filter":{},"limit":2,"cursor":"c"}`, "User", "op")
	if r := read[execution.RedriveReport](t, w); !r.More || r.Next != "more" || p.asked.Cursor != "c" || p.asked.Limit != 2 {
		t.Errorf("%s, asked for %+v", w.Body, p.asked)
	}
	if w := ask(s, "PATCH", letters+"/l1", `{}`, "User", "op"); w.Header().Get("Allow") != "GET" {
		t.Errorf("%v", w.Header())
	}
	p.err = execution.Errorf(execution.Unavailable, "away")
	if w := ask(s, "POST", letters+"/retry", `{"ids":["l1"]}`, "User", "op"); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
