package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// batch is one as GET gives it.
type batch struct {
	ID          string         `json:"id"`
	Status      string         `json:"status"`
	Total       int            `json:"total"`
	Rejected    int            `json:"rejected"`
	ByStatus    map[string]int `json:"by_status"`
	Passed      int            `json:"passed"`
	Failed      int            `json:"failed"`
	CancelledBy *string        `json:"cancelled_by"`
	FinishedAt  *time.Time     `json:"finished_at"`
	Summary     struct {
		Wall float64 `json:"wall_seconds"`
		CPU  float64 `json:"cpu_seconds"`
	} `json:"summary"`
}

// accepted is the answer to one.
type accepted struct {
	ID    string `json:"id"`
	Items []struct {
		Index  int          `json:"index"`
		ID     *string      `json:"id"`
		Errors []fieldError `json:"errors"`
	} `json:"items"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
}

type fieldError struct{ Field, Rule string }

// item is one of a batch as GET gives it.
type item struct {
	Index  int    `json:"index"`
	Name   string `json:"name"`
	Passed *bool  `json:"passed"`
	execution
}

// fields are a body.
type fields = map[string]any

// submitBatch asks for one.
func (s *story) submitBatch(body any, header ...string) (a accepted) {
	s.Helper()
	s.into(s.do(http.MethodPost, "/api/v1/batches", body, header...), http.StatusAccepted, &a)
	for _, i := range a.Items {
		if i.ID != nil {
			s.note(*i.ID)
		}
	}
	return a
}

func (s *story) batch(id string) (b batch) {
	s.Helper()
	s.into(s.do(http.MethodGet, "/api/v1/batches/"+id, nil), http.StatusOK, &b)
	return b
}

// items are all that were accepted.
func (s *story) items(id string) []item {
	s.Helper()
	var page struct {
		Items []item  `json:"items"`
		Next  *string `json:"next_cursor"`
	}
	s.into(s.do(http.MethodGet, "/api/v1/batches/"+id+"/items?limit=1000", nil), http.StatusOK, &page)
	if page.Next != nil {
		s.Errorf("a page of a thousand has another behind it")
	}
	return slices.DeleteFunc(page.Items, func(i item) bool { return i.ID == "" })
}

// watched is what the stream of a batch has told when it ended.
type watched struct {
	status map[int]string
	passed map[int]any
	told   int   // changes
	end    batch // zero: it broke
	err    error
}

// watch follows the stream of a batch to its end, in the background.
func (s *story) watch(id string) <-chan watched {
	done := make(chan watched, 1)
	go func() {
		w := watched{status: map[int]string{}, passed: map[int]any{}}
		w.err = s.readBatch(id, &w)
		done <- w
	}()
	return done
}

func (s *story) readBatch(id string, w *watched) error {
	r, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.base+"/api/v1/batches/"+id+"/stream", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	c := &connection{lines: bufio.NewReader(resp.Body), body: resp.Body}
	defer c.body.Close()
	for {
		f, err := c.next()
		if err != nil {
			return err
		}
		switch f.event {
		case "batch":
			var whole struct{ Items [][]any }
			if err := json.Unmarshal(f.data, &whole); err != nil {
				return err
			}
			for _, i := range whole.Items {
				w.take(i)
			}
		case "item":
			var i []any
			if err := json.Unmarshal(f.data, &i); err != nil {
				return err
			}
			w.take(i)
			w.told++
		case "end":
			return json.Unmarshal(f.data, &w.end)
		}
	}
}

func (w *watched) take(i []any) {
	n := int(i[0].(float64))
	w.status[n], w.passed[n] = i[1].(string), i[2]
}

// EX-30, EX-33, BY-13: sixty cases of one script, some of which expect what it
// does not print.
func TestABatchIsJudgedItemByItem(t *testing.T) {
	s := begin(t, 6*time.Minute)
	const parallel = 6
	var items []any
	wrong := func(i int) bool { return i%5 == 0 || i == 7 }
	for i := range 60 {
		want, in := fmt.Sprint(i*2), fmt.Sprint(i)
		if i%5 == 0 {
			want += "1"
		}
		if i == 7 {
			in = "seven"
		}
		items = append(items, fields{"name": fmt.Sprint("case ", i), "stdin": in, "expected_output": fields{"stdout": want, "comparison": "tokens"}})
	}
	a := s.submitBatch(fields{"language": "python", "script": "print(int(input()) * 2)", "max_parallel": parallel, "labels": fields{"batch": s.word()}, "items": items})
	if a.Accepted != 60 || a.Rejected != 0 {
		t.Fatalf("%s", jsonOf(a))
	}
	w := <-s.watch(a.ID)
	if w.err != nil {
		t.Fatalf("the stream broke: %v", w.err)
	}
	b := s.batch(a.ID)
	if b.Status != "completed" || b.Total != 60 || b.Passed != 47 || b.Failed != 13 || b.ByStatus["completed"] != 59 || b.ByStatus["failed"] != 1 || b.FinishedAt == nil || jsonOf(w.end) != jsonOf(b) {
		t.Errorf("%s, the stream said %s", jsonOf(b), jsonOf(w.end))
	}
	var wall, cpu float64
	all := s.items(a.ID)
	for i, x := range all {
		if x.Index != i || x.Name != fmt.Sprint("case ", i) || x.Passed == nil || *x.Passed == wrong(i) || w.passed[i] != *x.Passed || w.status[i] != x.Status {
			t.Errorf("%s, the stream said %s %v", jsonOf(x), w.status[i], w.passed[i])
		}
		wall, cpu = wall+x.Result.wall(), cpu+x.Result.cpu()
	}
	if !near(wall, b.Summary.Wall) || !near(cpu, b.Summary.CPU) {
		t.Errorf("summary %+v, the sums are %g and %g", b.Summary, wall, cpu)
	}
	if most := abreast(all); most > parallel {
		t.Errorf("%d ran at once, may %d", most, parallel)
	}
	x := s.get(all[7].ID)
	if x.Result.Judge == nil || x.Result.Judge.Passed || x.Result.Judge.Detail == "" {
		t.Errorf("%s", jsonOf(x))
	}
	if a := s.as("mallory").do(http.MethodGet, "/api/v1/batches/"+b.ID+"/items", nil); a.status != http.StatusNotFound {
		t.Errorf("to somebody else: %d", a.status)
	}
}

// near is within one part in a hundred.
func near(a, b float64) bool { return a-b <= 0.01*max(a, b)+1e-6 && b-a <= 0.01*max(a, b)+1e-6 }

// abreast is how many ran at once at most.
func abreast(all []item) (most int) {
	for _, x := range all {
		n := 0
		for _, y := range all {
			if x.ScheduledAt != nil && y.ScheduledAt != nil && !y.ScheduledAt.After(*x.ScheduledAt) && y.FinishedAt.After(*x.ScheduledAt) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// EX-30: a thousand items, of which few are any good; sent twice.
func TestItemsAreRefusedOneByOne(t *testing.T) {
	s := beside(t, 2*time.Minute)
	items := make([]any, 1000)
	for i := range items {
		items[i] = fields{"limits": fields{"timeout_seconds": 9999}}
	}
	items[17], items[999] = fields{"name": "good"}, fields{"name": "also"}
	body := fields{"language": "static", "script": "print x\n", "items": items}
	key := []string{"Idempotency-Key", s.word()}
	a := s.submitBatch(body, key...)
	if a.Accepted != 2 || a.Rejected != 998 || len(a.Items) != 1000 || a.Items[17].ID == nil || a.Items[999].ID == nil || len(a.Items[3].Errors) != 1 || a.Items[3].Errors[0].Field != "limits.timeout_seconds" {
		t.Fatalf("%.1000s", jsonOf(a))
	}
	again := s.do(http.MethodPost, "/api/v1/batches", body, key...)
	var same accepted
	s.into(again, http.StatusAccepted, &same)
	if jsonOf(same) != jsonOf(a) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("sent again: %.300s", again.body)
	}
	eventually(t, time.Minute, func() (bool, string) {
		b := s.batch(a.ID)
		return b.Status == "completed" && b.Passed == 2 && b.Rejected == 998, jsonOf(b)
	})
	body["items"] = items[:5]
	s.refuse(s.do(http.MethodPost, "/api/v1/batches", body), http.StatusUnprocessableEntity, "items[0].limits.timeout_seconds")
	body["items"] = append(items, fields{})
	s.refuse(s.do(http.MethodPost, "/api/v1/batches", body), http.StatusUnprocessableEntity, "items")
	s.refuse(s.do(http.MethodPost, "/api/v1/batches", fields{"script": strings.Repeat("x", 16<<20), "items": []any{fields{}}}), http.StatusRequestEntityTooLarge, "")
	s.refuse(s.do(http.MethodPost, "/api/v1/batches", fields{"language": "static", "script": "print x\n", "skript": "x", "items": []any{fields{}}}), http.StatusBadRequest, "skript")
}

// EX-30.
func TestABatchIsCancelledAsAWhole(t *testing.T) {
	s := beside(t, 3*time.Minute)
	items := make([]any, 20)
	for i := range items {
		items[i] = fields{}
	}
	a := s.submitBatch(fields{"language": "bash", "script": "sleep 100", "max_parallel": 2, "items": items})
	stream := s.watch(a.ID)
	eventually(t, time.Minute, func() (bool, string) {
		b := s.batch(a.ID)
		return b.ByStatus["running"] == 2, jsonOf(b)
	})
	cancel := "/api/v1/batches/" + a.ID + "/cancel"
	if c := s.as("mallory").do(http.MethodPost, cancel, nil); c.status != http.StatusNotFound {
		t.Errorf("by somebody else: %d", c.status)
	}
	var b batch
	s.into(s.do(http.MethodPost, cancel, fields{"reason": "enough"}), http.StatusAccepted, &b)
	w := <-stream
	if w.err != nil || w.end.Status != "cancelled" || w.end.ByStatus["cancelled"] != 20 || deref(w.end.CancelledBy) != somebody {
		t.Errorf("%v %s", w.err, jsonOf(w.end))
	}
	begun := 0
	for _, x := range s.items(a.ID) {
		if x.StartedAt != nil {
			begun++
		}
		if ended := s.ended(x.ID); ended.Status != "cancelled" || deref(ended.Reason) != "enough" {
			t.Errorf("%s", jsonOf(ended))
		}
	}
	if begun != 2 {
		t.Errorf("%d had begun", begun)
	}
	if c := s.do(http.MethodPost, cancel, nil); c.status != http.StatusConflict {
		t.Errorf("after the end: %d %s", c.status, c.body)
	}
}

// EX-30.
func TestABatchStopsAtAFailure(t *testing.T) {
	s := beside(t, 2*time.Minute)
	var items []any
	for _, code := range []string{"0", "3", "0", "0", "0"} {
		items = append(items, fields{"args": []string{code}})
	}
	a := s.submitBatch(fields{"language": "bash", "script": "exit $1", "max_parallel": 1, "stop_on_failure": true, "items": items})
	var b batch
	eventually(t, time.Minute, func() (bool, string) {
		b = s.batch(a.ID)
		return b.FinishedAt != nil, jsonOf(b)
	})
	if b.ByStatus["completed"] != 1 || b.ByStatus["failed"] != 1 || b.ByStatus["cancelled"] != 3 || b.Passed != 1 || b.Failed != 4 {
		t.Errorf("%s", jsonOf(b))
	}
}
