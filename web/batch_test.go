package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const batches = "/api/v1/batches"

// withBatches returns a server that keeps batches.
func withBatches() (*Server, *memory, *groups) {
	s, m, _ := serve(nil)
	return s, m, s.withGroups(m)
}

// batchOf is a batch of a script with so many items.
func batchOf(n int, more string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"name":"case %d","stdin":"%d"}`, i, i)
	}
	return `{"language":"py","script":"print(1)",` + more + `"items":[` + strings.Join(items, ",") + `]}`
}

func TestBatchIsAccepted(t *testing.T) {
	s, m, g := withBatches()
	w := ask(s, "POST", batches, batchOf(1000, `"max_parallel":7,"stop_on_failure":true,`))
	a := read[accepted](t, w)
	if w.Code != 202 || a.Accepted != 1000 || a.Rejected != 0 || len(a.Items) != 1000 || w.Header().Get("Location") != batches+"/"+a.ID {
		t.Fatalf("%d %v %.300s", w.Code, w.Header(), w.Body)
	}
	b := g.batches[a.ID]
	if b.UserID != "ann" || b.MaxParallel != 7 || !b.StopOnFailure || b.Items != 1000 || !slices.Equal(g.started, []string{"start " + a.ID}) {
		t.Errorf("%+v, %v", b, g.started)
	}
	x := m.rows[execution.ID(a.Items[42].ID)]
	if x.BatchID != a.ID || x.BatchIndex != 42 || x.BatchName != "case 42" || x.Input.Stdin != "42" || x.Input.Script != "print(1)" || x.Language != "python" ||
		x.UserID != "ann" || x.Status != execution.Queued || x.CorrelationID == "" || a.Items[42].Name != "case 42" || a.Items[42].Index != 42 {
		t.Errorf("%+v", x)
	}
}

// Of what all items share, an item may say each thing itself.
func TestItemsSayForThemselves(t *testing.T) {
	s, m, _ := withBatches()
	a := read[accepted](t, ask(s, "POST", batches, `{"language":"py","script":"shared","stdin":"in","args":["a","b"],"env":{"A":"1","B":"2"},"labels":{"l":"1"},
		"limits":{"timeout_seconds":5,"processes":7},"files":[{"path":"x","content":"shared"}],"interactive":true,
		"items":[{},{"script":"own","stdin":"","args":["c"],"env":{"B":"3"},"limits":{"timeout_seconds":6},"files":[{"path":"y","content":"own"}],"interactive":false},{}]}`))
	if a.Accepted != 3 {
		t.Fatalf("%+v", a)
	}
	row := func(i int) execution.Execution { return m.rows[execution.ID(a.Items[i].ID)] }
	for _, i := range []int{0, 2} { // the one between has changed nothing
		x := row(i)
		if x.Input.Script != "shared" || x.Input.Stdin != "in" || fmt.Sprint(x.Input.Args, x.Input.Env, x.Labels) != "[a b] [{A 1} {B 2}] [{l 1}]" ||
			x.Limits.TimeoutSeconds != 5 || x.Limits.Processes != 7 || string(x.Input.Files[0].Content) != "shared" || !x.Interactive {
			t.Errorf("%d: %+v", i, x)
		}
	}
	x := row(1)
	if x.Input.Script != "own" || x.Input.Stdin != "" || fmt.Sprint(x.Input.Args, x.Input.Env, x.Labels) != "[c] [{A 1} {B 3}] [{l 1}]" ||
		x.Limits.TimeoutSeconds != 6 || x.Limits.Processes != 7 || len(x.Input.Files) != 1 || x.Input.Files[0].Path != "y" || x.Interactive {
		t.Errorf("%+v", x)
	}
}

func TestEachItemIsRefusedByItself(t *testing.T) {
	s, m, g := withBatches()
	w := ask(s, "POST", batches, `{"language":"py","script":"print(1)","items":[
		{"name":"good"}, {"limits":{"timeout_seconds":0},"stdin":5}, {"nonsense":1}, 5, {"limits":{"timeout_seconds":9999},"priority":"high"}, {"name":"good"},
		{"language":"cobol"}, {"name":"`+strings.Repeat("n", 129)+`"}, {"priority":"high"}, null, {"name":5}]}`)
	a := read[accepted](t, w)
	want := []string{"", "stdin", "nonsense", "", "limits.timeout_seconds priority", "name", "language", "name", "priority", "", "name"}
	if w.Code != 202 || a.Accepted != 2 || a.Rejected != 9 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, item := range a.Items {
		var fields []string
		for _, e := range item.Errors {
			fields = append(fields, e.Field)
		}
		accepted := i == 0 || i == 9
		if strings.Join(fields, " ") != want[i] || (item.ID != "") != accepted || (len(item.Errors) == 0) != accepted {
			t.Errorf("item %d: %+v, want %q", i, item, want[i])
		}
		if _, there := m.rows[execution.ID(item.ID)]; there != accepted {
			t.Errorf("item %d is there: %t", i, there)
		}
	}
	if b := g.batches[a.ID]; b.Items != 11 || len(b.Refused) != 9 || b.Refused[0].Index != 1 || b.Accepted() != 2 {
		t.Errorf("%+v", b)
	}
}

func TestBatchesThatAreRefused(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		kind       string
		field      string
	}{
		{"no items", `{"language":"py","script":"1"}`, 422, "invalid", "items"},
		{"none", `{"language":"py","script":"1","items":[]}`, 422, "invalid", "items"},
		{"1,001", batchOf(1001, ""), 422, "invalid", "items"},
		{"all are wrong", `{"script":"1","items":[{"language":"cobol"},{"nonsense":1}]}`, 422, "invalid", "items[0].language"},
		{"no room for one", batchOf(1, `"max_parallel":0,`), 422, "invalid", "max_parallel"},
		{"too many at once", batchOf(1, `"max_parallel":101,`), 422, "invalid", "max_parallel"},
		{"an unknown field", batchOf(1, `"nonsense":1,`), 400, "malformed", "nonsense"},
		{"a wrong type", batchOf(1, `"limits":{"timeout_seconds":"1"},`), 400, "malformed", "limits.timeout_seconds"},
		{"items are no list", `{"items":{}}`, 400, "malformed", "items"},
		{"no object", `[]`, 400, "malformed", ""},
		{"16 MiB", `{"x":"` + strings.Repeat("x", 16<<20) + `"}`, 413, "too_large", ""},
		{"64 MiB of inputs", batchOf(400, `"files":[{"path":"f","content":"`+strings.Repeat("f", 200_000)+`"}],`), 422, "invalid", "items"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, m, g := withBatches()
			w := ask(s, "POST", batches, tt.body, "Idempotency-Key", "k")
			p := read[Problem](t, w)
			if w.Code != tt.status || p.Type != "/problems/"+tt.kind || tt.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != tt.field) {
				t.Errorf("%d %.500s", w.Code, w.Body)
			}
			if len(m.rows) != 1 || len(g.batches) != 0 || len(g.started) != 0 || len(m.keys) != 0 {
				t.Errorf("left behind: %d rows, %v, %v, %v", len(m.rows), g.batches, g.started, m.keys)
			}
		})
	}
}

// A batch waits in itself: the queue has to have room for what comes to it at
// once, of all batches of the user.
func TestTheQueueHasRoomForWhatComesAtOnce(t *testing.T) {
	s, m, g := withBatches()
	q := s.Policies.(*queue)
	q.policy.UserQueued = 20
	first := read[accepted](t, ask(s, "POST", batches, batchOf(500, `"max_parallel":15,`)))
	if w := ask(s, "POST", batches, batchOf(500, `"max_parallel":6,`)); w.Code != 429 || read[Problem](t, w).Type != "/problems/user_queue_full" || w.Header().Get("Retry-After") == "" {
		t.Errorf("a second: %d %.300s", w.Code, w.Body)
	}
	if w := ask(s, "POST", batches, batchOf(5, `"max_parallel":100,`)); w.Code != 202 { // there are no more than five
		t.Errorf("a small one: %d %.300s", w.Code, w.Body)
	}
	if w := ask(s, "POST", batches, batchOf(500, `"max_parallel":20,`), "User", "bob"); w.Code != 202 {
		t.Errorf("of another: %d %.300s", w.Code, w.Body)
	}
	for _, x := range m.rows {
		if x.BatchID == first.ID {
			m.set(x.ID, end)
		}
	}
	if w := ask(s, "POST", batches, batchOf(500, `"max_parallel":15,`)); w.Code != 202 {
		t.Errorf("after the first has ended: %d %.300s", w.Code, w.Body)
	}
	if g.batches[first.ID].End == nil {
		t.Error("that it has ended is not noted")
	}
	q.err = execution.Coded(execution.Exhausted, "queue_full", "full")
	if w := ask(s, "POST", batches, batchOf(1, "")); w.Code != 429 || read[Problem](t, w).Type != "/problems/queue_full" {
		t.Errorf("a full queue: %d %.300s", w.Code, w.Body)
	}
	if len(q.asked) > 6 {
		t.Errorf("the queue was asked %d times", len(q.asked))
	}
	q.err = execution.FieldErrors{{Field: "limits.memory_bytes", Rule: "larger than its pool"}}
	if w := ask(s, "POST", batches, batchOf(2, "")); w.Code != 422 || read[Problem](t, w).Errors[1].Field != "items[1].limits.memory_bytes" {
		t.Errorf("larger than the pool: %d %.300s", w.Code, w.Body)
	}
}

func TestSameKeySameBatch(t *testing.T) {
	s, m, g := withBatches()
	ids := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			w := ask(s, "POST", batches, batchOf(3, ""), "Idempotency-Key", "k")
			mu.Lock()
			defer mu.Unlock()
			ids[w.Body.String()]++
		})
	}
	all.Wait()
	if len(ids) != 1 || len(g.batches) != 1 || len(m.rows) != 4 { // x1 is there, too
		t.Errorf("%v, %d batches, %d rows", ids, len(g.batches), len(m.rows))
	}
	if w := ask(s, "POST", batches, batchOf(4, ""), "Idempotency-Key", "k"); w.Code != 422 {
		t.Errorf("another body: %d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", batches, batchOf(3, ""), "Idempotency-Key", "k"); w.Code != 202 || w.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %d %v", w.Code, w.Header())
	}
}

func TestFailedBatchLeavesNothing(t *testing.T) {
	s, m, g := withBatches()
	g.err = errSecret
	w := ask(s, "POST", batches, batchOf(3, ""), "Idempotency-Key", "k")
	if w.Code != 503 || strings.Contains(w.Body.String(), "hunter2") || len(m.rows) != 1 || len(g.batches) != 0 || len(m.keys) != 0 {
		t.Errorf("%d %s, %d rows, %v, %v", w.Code, w.Body, len(m.rows), g.batches, m.keys)
	}
	g.err = nil
	if w := ask(s, "POST", batches, batchOf(3, ""), "Idempotency-Key", "k"); w.Code != 202 || w.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
}

// running is a batch of bob's, of five: one passed, one printed something else,
// one failed, one runs and one was refused.
func running(m *memory, g *groups) {
	at := time.Unix(10, 0).UTC()
	g.batches["b1"] = execution.Batch{ID: "b1", UserID: "ann", Items: 5, MaxParallel: 2, CreatedAt: time.Unix(0, 0).UTC(), Stored: true,
		Refused: []execution.RefusedItem{{Index: 3, Name: "bad", Errors: execution.FieldErrors{{Field: "script", Rule: "no"}}}}}
	for i, x := range []execution.Execution{
		{Status: execution.Completed, Judge: &execution.Judge{Passed: true}, Usage: &execution.Usage{WallSeconds: 1, CPUSeconds: 0.5, CompileWall: 1}, Limits: execution.Limits{MemoryBytes: 1 << 30}},
		{Status: execution.Completed, Judge: &execution.Judge{Detail: "line 1"}, BatchName: "second"},
		{Status: execution.Failed, Outcome: &execution.Outcome{Status: execution.Failed, ErrorType: "script_error"}},
		{},
		{Status: execution.Running},
	} {
		if i == 3 {
			continue
		}
		x.ID, x.UserID, x.BatchID, x.BatchIndex = execution.ID(fmt.Sprint("i", i)), "ann", "b1", int32(i)
		if x.Status.Terminal() {
			x.FinishedAt, x.StoredAt = &at, at
		}
		m.rows[x.ID] = x
	}
}

func TestBatchTellsHowItStands(t *testing.T) {
	s, m, g := withBatches()
	running(m, g)
	v := read[BatchView](t, ask(s, "GET", batches+"/b1", ""))
	if v.Status != "running" || v.Total != 4 || v.Rejected != 1 || v.Passed != 1 || v.Failed != 2 || v.ByStatus[execution.Completed] != 2 || v.ByStatus[execution.Running] != 1 ||
		v.FinishedAt != nil || v.Summary.Wall != 2 || v.Summary.CPU != 0.5 || v.Summary.GiB != 2 {
		t.Errorf("%+v", v)
	}
	list := read[struct{ Items []BatchView }](t, ask(s, "GET", batches, ""))
	if len(list.Items) != 1 || list.Items[0].Passed != 1 {
		t.Errorf("%+v", list)
	}
	m.set("i4", end)
	v = read[BatchView](t, ask(s, "GET", batches+"/b1", ""))
	if v.Status != "completed" || v.FinishedAt == nil || v.Passed != 1 || v.Failed != 3 || g.batches["b1"].End == nil {
		t.Errorf("%+v", v)
	}
	m.rows = nil // it is known now
	if again := read[BatchView](t, ask(s, "GET", batches+"/b1", "")); again.Failed != 3 || again.Status != "completed" {
		t.Errorf("%+v", again)
	}
}

func TestItemsOfABatch(t *testing.T) {
	type page struct {
		Items []struct {
			Index  int
			Name   *string
			ID     *string
			Status string
			Passed *bool
			Errors []execution.FieldError
			Result *ViewResult
		}
		Next *string `json:"next_cursor"`
	}
	s, m, g := withBatches()
	running(m, g)
	p := read[page](t, ask(s, "GET", batches+"/b1/items", ""))
	if len(p.Items) != 5 || p.Next != nil {
		t.Fatalf("%+v", p)
	}
	if i := p.Items[1]; i.Index != 1 || *i.Name != "second" || *i.ID != "i1" || i.Passed == nil || *i.Passed || i.Result.Judge.Detail != "line 1" {
		t.Errorf("%+v", i)
	}
	if i := p.Items[3]; i.ID != nil || *i.Name != "bad" || i.Errors[0].Field != "script" || i.Passed != nil {
		t.Errorf("refused: %+v", i)
	}
	if i := p.Items[4]; i.Passed != nil || i.Status != "running" {
		t.Errorf("running: %+v", i)
	}
	var seen []int
	for path := batches + "/b1/items?limit=2"; ; {
		p := read[page](t, ask(s, "GET", path, ""))
		for _, i := range p.Items {
			seen = append(seen, i.Index)
		}
		if p.Next == nil {
			break
		}
		path = batches + "/b1/items?limit=2&cursor=" + *p.Next
	}
	if !slices.Equal(seen, []int{0, 1, 2, 3, 4}) {
		t.Errorf("in pages: %v", seen)
	}
	if p := read[page](t, ask(s, "GET", batches+"/b1/items?status=completed&limit=1", "")); len(p.Items) != 1 || p.Next == nil || *p.Next != "1" {
		t.Errorf("completed: %+v", p)
	}
	if w := ask(s, "GET", batches+"/b1/items?status=nonsense&cursor=-1", ""); w.Code != 422 || len(read[Problem](t, w).Errors) != 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCancelOfABatch(t *testing.T) {
	s, m, g := withBatches()
	running(m, g)
	w := ask(s, "POST", batches+"/b1/cancel", `{"reason":"enough"}`)
	if v := read[BatchView](t, w); w.Code != 202 || v.Status != "cancelling" || v.CancelledBy != "ann" || v.Reason != "enough" || !slices.Equal(g.started, []string{"cancel b1"}) {
		t.Errorf("%d %+v %v", w.Code, v, g.started)
	}
	ask(s, "POST", batches+"/b1/cancel", `{"reason":"again"}`, "User", "op")
	if b := g.batches["b1"]; b.CancelledBy != "ann" || b.CancelReason != "enough" {
		t.Errorf("the second who asks: %+v", b)
	}
	g.started, g.over = nil, true // it was not started yet: then it is, so that the cancel wins
	if w := ask(s, "POST", batches+"/b1/cancel", ""); w.Code != 202 || !slices.Equal(g.started, []string{"cancel b1", "start b1", "cancel b1"}) {
		t.Errorf("%d %v", w.Code, g.started)
	}
	m.set("i4", func(x *execution.Execution) { x.Status, x.FinishedAt = execution.Cancelled, new(time.Unix(11, 0)) })
	if w := ask(s, "POST", batches+"/b1/cancel", ""); w.Code != 409 {
		t.Errorf("after the end: %d %s", w.Code, w.Body)
	}
	if v := read[BatchView](t, ask(s, "GET", batches+"/b1", "")); v.Status != "cancelled" {
		t.Errorf("%+v", v)
	}
}

// A stream begins with all that is to know, tells each change, and ends.
func TestStreamOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, g := withBatches()
		running(m, g)
		m.set("i2", func(x *execution.Execution) { x.Status = execution.Queued })
		time.AfterFunc(time.Second, func() { m.set("i4", end) })
		time.AfterFunc(20*time.Second, func() { m.set("i2", func(x *execution.Execution) { x.Status = execution.Running }) })
		time.AfterFunc(24*time.Second, func() {
			m.set("i2", func(x *execution.Execution) {
				x.Status, x.FinishedAt, x.Outcome, x.Retry = execution.Errored, new(time.Now()), &execution.Outcome{Reason: "node_lost"}, execution.RetryPolicy{MaxAttempts: 2}
				x.Attempt, x.StoredAt = 1, time.Now()
			})
		})
		time.AfterFunc(30*time.Second, func() { // the retry takes its place
			m.set("i2", func(x *execution.Execution) { x.Attempt, x.Status = 2, execution.Completed })
		})
		w := ask(s, "GET", batches+"/b1/stream", "")
		sent, beside := frames(w)
		var told []string
		for _, f := range sent {
			if f.event == "item" {
				told = append(told, f.data)
			}
		}
		want := []string{`[4,"failed",false]`, `[2,"running",null]`, `[2,"error",false]`, `[2,"completed",true]`}
		first, last := sent[1], sent[len(sent)-1]
		if !slices.Equal(told, want) || sent[0].event != "connected" || first.event != "batch" || last.event != "end" || last.id != theEnd || !slices.Contains(beside, "retry: 2000") || !strings.Contains(w.Body.String(), "event: heartbeat\n") {
			t.Errorf("%v\n%v\n%v", told, sent, beside)
		}
		var whole struct {
			BatchView
			Items [][]any `json:"items"`
		}
		if err := json.Unmarshal([]byte(first.data), &whole); err != nil || whole.Total != 4 || len(whole.Items) != 4 || fmt.Sprint(whole.Items[3]) != "[4 running <nil>]" || fmt.Sprint(whole.Items[1]) != "[1 completed false]" {
			t.Errorf("%v %s", err, first.data)
		}
		if v := (BatchView{}); json.Unmarshal([]byte(last.data), &v) != nil || v.Status != "completed" || v.Passed != 2 {
			t.Errorf("%s", last.data)
		}
	})
}

// A stream that cannot look any more says so; whoever comes back has it whole.
func TestStreamOfABatchThatCannotBeReadAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, g := withBatches()
		running(m, g)
		s.BatchBook = brittle{s.BatchBook, time.Now().Add(10 * time.Second)}
		sent, _ := frames(ask(s, "GET", batches+"/b1/stream", ""))
		var p Problem
		if last := sent[len(sent)-1]; last.event != "error" || last.id != "" || json.Unmarshal([]byte(last.data), &p) != nil || p.Status != 503 {
			t.Errorf("%v", sent)
		}
		if got := ask(s, "GET", "/metrics", "").Body.String(); !strings.Contains(got, `codesaga_streams_ended_total{why="error"} 1`) {
			t.Errorf("it is not counted: %s", got)
		}
	})
}

// brittle fails from a time on.
type brittle struct {
	BatchBook
	from time.Time
}

func (b brittle) BatchStates(ctx context.Context, id string) ([]execution.BatchState, error) {
	if time.Now().After(b.from) {
		return nil, execution.Errorf(execution.Unavailable, "away")
	}
	return b.BatchBook.BatchStates(ctx, id)
}

func TestStreamOfABatchThatHasEnded(t *testing.T) {
	s, m, g := withBatches()
	running(m, g)
	m.set("i4", end)
	w := ask(s, "GET", batches+"/b1/stream", "")
	if sent, _ := frames(w); len(sent) != 3 || sent[1].event != "batch" || sent[2].event != "end" {
		t.Errorf("%s", w.Body)
	}
	if w := ask(s, "GET", batches+"/b1/stream", "", "Last-Event-ID", "end"); w.Code != 204 {
		t.Errorf("%d", w.Code)
	}
	closing := make(chan struct{})
	close(closing)
	s.Closing = closing
	var seat *httptest.ResponseRecorder
	if seat = ask(s, "GET", batches+"/b1/stream", ""); seat.Code != 503 {
		t.Errorf("while closing: %d", seat.Code)
	}
	s.Closing, s.MaxStreams = nil, 1
	leave, _ := s.seats.take("ann", 1)
	defer leave()
	if w := ask(s, "GET", batches+"/b1/stream", ""); w.Code != 429 {
		t.Errorf("too many: %d", w.Code)
	}
}
