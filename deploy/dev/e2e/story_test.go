package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// story is one test: it has a deadline, talks to one of the web processes, and
// remembers what it submitted.
type story struct {
	*testing.T
	ctx  context.Context
	base string // URL of a web process
	user string // who asks; ann if it is empty
	test *story // of which this is a part, for another user; nil: it is all

	mu  sync.Mutex
	ids []string
}

// others are the tests that run beside each other, places those that may at
// once. A test that waits for all others must not have a place, so that the
// testing package's own count, which it would be in, is of no use.
var (
	others sync.WaitGroup
	places chan struct{}
	last   sync.Mutex // held by the one test that runs when others are done
)

// begin begins a test that is alone.
func begin(t *testing.T, within time.Duration) *story {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	s := &story{T: t, ctx: ctx, base: the.urls[0]}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			s.explain()
			s.abandon()
		}
	})
	return s
}

// beside begins a test that runs beside others.
func beside(t *testing.T, within time.Duration) *story {
	t.Helper()
	group(t)
	places <- struct{}{}
	t.Cleanup(func() { <-places })
	return begin(t, within)
}

// group is for a test that is nothing but such tests.
func group(t *testing.T) {
	others.Add(1)
	t.Cleanup(others.Done)
	t.Parallel()
}

// atLast is for a test that would spoil others, as one that kills processes: it
// runs alone when all of them are done.
func atLast(t *testing.T) {
	t.Parallel()
	others.Wait()
	last.Lock()
	t.Cleanup(last.Unlock)
}

// as is the same test, as it looks to another user.
func (s *story) as(user string) *story {
	return &story{T: s.T, ctx: s.ctx, base: s.base, user: user, test: s}
}

// client is for all requests. Their contexts have the deadlines.
var client = &http.Client{Transport: signedIn{&http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// try sends a request. A body that is a string is sent as it is, any other as
// JSON; header has names and values.
func (s *story) try(ctx context.Context, method, path string, body any, header ...string) (answer, error) {
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		text = []byte(jsonOf(b))
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.user != "" {
		r.Header.Set(userHeader, s.user)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

// do is try where an answer is expected.
func (s *story) do(method, path string, body any, header ...string) answer {
	s.Helper()
	a, err := s.try(s.ctx, method, path, body, header...)
	if err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// into decodes an answer that must have the status want.
func (s *story) into(a answer, want int, v any) {
	s.Helper()
	if a.status != want {
		s.Fatalf("answered %d, want %d: %.1000s", a.status, want, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		s.Fatalf("%v: %.1000s", err, a.body)
	}
}

// submit asks for an execution and checks what is promised about the answer.
func (s *story) submit(sub submission, header ...string) (x execution) {
	s.Helper()
	a := s.do(http.MethodPost, "/api/v1/executions", sub, header...)
	s.into(a, http.StatusAccepted, &x)
	s.note(x.ID)
	if want := "/api/v1/executions/" + x.ID; x.ID == "" || a.header.Get("Location") != want {
		s.Errorf("Location: %q, want %q", a.header.Get("Location"), want)
	}
	return x
}

// note remembers an execution: for the message if this test fails, and for the
// auditor.
func (s *story) note(id string) {
	if s.test != nil {
		s.test.note(id)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	the.accepted(id)
}

// get is how an execution stands now.
func (s *story) get(id string) (x execution) {
	s.Helper()
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+id, nil), http.StatusOK, &x)
	return x
}

// ended waits for the end of an execution and checks what is true of each one
// that has ended.
func (s *story) ended(id string) (x execution) {
	s.Helper()
	for x = s.get(id); !terminal[x.Status]; x = s.get(id) {
		if pause(s.ctx, 2*look); s.ctx.Err() != nil {
			s.Fatalf("%s has not ended: %s", id, jsonOf(x))
		}
	}
	switch r := x.Result; {
	case r == nil || x.FinishedAt == nil:
		s.Fatalf("ended without result or finished_at: %s", jsonOf(x))
	case x.Queue != nil:
		s.Errorf("ended, and in the queue: %s", jsonOf(x))
	case !r.Complete:
		s.Errorf("output_complete is false: %s", jsonOf(x))
	case (x.Status == "completed") != (x.ErrorType == nil && r.ExitCode != nil && *r.ExitCode == 0):
		s.Errorf("the verdict contradicts itself: %s", x.verdict())
	}
	return x
}

// run submits and waits for the end.
func (s *story) run(sub submission) execution {
	s.Helper()
	return s.ended(s.submit(sub).ID)
}

// runs does that with all at once.
func (s *story) runs(subs ...submission) (all []execution) {
	s.Helper()
	for _, sub := range subs {
		all = append(all, s.submit(sub))
	}
	for i := range all {
		all[i] = s.ended(all[i].ID)
	}
	return all
}

// output is what is stored of a stream, byte for byte.
func (s *story) output(id, stream string) string {
	s.Helper()
	a := s.do(http.MethodGet, "/api/v1/executions/"+id+"/output?stream="+stream, nil)
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "application/octet-stream") {
		s.Fatalf("output: %d %s %.300s", a.status, a.header.Get("Content-Type"), a.body)
	}
	return string(a.body)
}

// timeline is what happened to an execution.
func (s *story) timeline(id string) []event {
	s.Helper()
	var page struct{ Items []event }
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+id+"/events?limit=1000", nil), http.StatusOK, &page)
	return page.Items
}

// list is one page of executions.
func (s *story) list(query ...string) (items []execution, next string) {
	s.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	var page struct {
		Items []execution `json:"items"`
		Next  *string     `json:"next_cursor"`
	}
	s.into(s.do(http.MethodGet, "/api/v1/executions?"+q.Encode(), nil), http.StatusOK, &page)
	if page.Next != nil {
		next = *page.Next
	}
	return page.Items, next
}

// abandon cancels what a failed test may have left running, so that it does
// not take the capacity of those that follow.
func (s *story) abandon() {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	for _, id := range s.ids {
		_, _ = s.try(ctx, http.MethodPost, "/api/v1/executions/"+id+"/cancel", nil)
	}
}

// explain logs how things stand with all that a failed test has submitted.
func (s *story) explain() {
	s.user = operator // it may be another's
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	for i, id := range s.ids {
		if i == 3 {
			s.Logf("… and %d more", len(s.ids)-i)
			break
		}
		a, err := s.try(ctx, http.MethodGet, "/api/v1/executions/"+id, nil)
		s.Logf("%s: %v %d %.1500s", id, err, a.status, a.body)
		var page struct{ Items []event }
		a, _ = s.try(ctx, http.MethodGet, "/api/v1/executions/"+id+"/events?limit=1000", nil)
		_ = json.Unmarshal(a.body, &page)
		var told []string
		for _, e := range page.Items {
			told = append(told, fmt.Sprintf("%s %s", e.At.Format("15:04:05.000"), e.Type))
		}
		s.Logf("timeline: %s", strings.Join(told, ", "))
	}
	if len(s.ids) > 0 {
		s.Logf("logs:\n%s", the.mentions(s.ids[:min(3, len(s.ids))]))
	}
}
