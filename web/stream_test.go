package web

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const streamOf = executions + "/x1/stream"

// status is an event at n, and moves nothing.
func status(n int64) execution.Update { return event(n, execution.SagaStarted) }

func event(n int64, t execution.EventType) execution.Update {
	e := execution.NewEvent("x1", "ann", execution.SourceSaga, t, time.Unix(n, 0))
	return execution.Update{At: execution.Position{Event: n}, Event: &e}
}

// output is chunk n, of a hundred bytes.
func output(n int64) execution.Update { return printed(n, strings.Repeat("x", 100)) }

func printed(n int64, text string) execution.Update {
	return execution.Update{
		At:    execution.Position{Output: n},
		Chunk: &execution.Chunk{ExecutionID: "x1", Number: n, Stream: execution.Stdout, Position: (n - 1) * 100, Bytes: []byte(text)},
	}
}

func stored(n int64) execution.Update { return event(n, execution.ResultStored) }

// frame is one of a stream, as it was sent.
type frame struct{ id, event, data string }

// frames returns those of w, and what stands beside them.
func frames(w *httptest.ResponseRecorder) (all []frame, beside []string) {
	for block := range strings.SplitSeq(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n\n") {
		var f frame
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "id":
				f.id = value
			case "event":
				f.event = value
			case "data":
				f.data = value
			default:
				beside = append(beside, line)
			}
		}
		if f.event != "" {
			all = append(all, f)
		}
	}
	return all, beside
}

// ids are those of the frames of w, in order.
func ids(w *httptest.ResponseRecorder) string {
	var got []string
	all, _ := frames(w)
	for _, f := range all {
		if f.id != "" {
			got = append(got, f.id)
		}
	}
	return strings.Join(got, " ")
}

func TestStreamSendsEachUpdateOnce(t *testing.T) {
	tests := []struct {
		name   string
		stored []execution.Update // when the browser comes
		live   []execution.Update
		late   []execution.Update // reach the store a little later
		want   string
		within time.Duration
	}{
		{"output as it comes", nil, []execution.Update{output(1), output(2)}, []execution.Update{stored(9)}, "0.1 0.2 end", time.Second},
		{"repeated", []execution.Update{status(4), output(1)}, []execution.Update{output(1), status(4), output(2)}, []execution.Update{stored(9)}, "4.0 4.1 4.2 end", 2 * time.Second},
		{"output passed unheard", nil, []execution.Update{output(2)}, []execution.Update{output(1), output(2), stored(9)}, "0.1 0.2 end", 200 * time.Millisecond},
		{"an event passed unheard", nil, []execution.Update{status(7)}, []execution.Update{status(4), status(7), stored(9)}, "4.0 7.0 end", 200 * time.Millisecond},
		{"the end overtakes output", nil, []execution.Update{stored(9), output(1)}, []execution.Update{output(1), output(2), stored(9)}, "0.1 0.2 end", 200 * time.Millisecond},
		{"nothing is live", nil, nil, []execution.Update{status(4), output(1), stored(9)}, "4.0 4.1 end", time.Second},
		{"ended long ago", []execution.Update{status(4), output(1), stored(9)}, nil, nil, "4.0 4.1 end", 0},
	}
	for _, tt := range tests {
		for _, batch := range []int{0, 1} { // all at once, or: there is more
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					live := make(feedOf, 10)
					s, m, _ := serve(live)
					m.batch = batch
					m.add(tt.stored...)
					for _, u := range tt.live {
						live <- new(u)
					}
					time.AfterFunc(100*time.Millisecond, func() { m.add(tt.late...) })
					start := time.Now()
					w := ask(s, "GET", streamOf, "")
					if took := time.Since(start); ids(w) != tt.want || took > tt.within {
						t.Errorf("sent %s, want %s; took %s", ids(w), tt.want, took)
					}
				})
			})
		}
	}
}

func TestStreamBeginsWithThePresentState(t *testing.T) {
	s, m, _ := serve(nil)
	m.set("x1", end)
	m.add(event(1, execution.ExecutionRequested), event(2, execution.ExecutionScheduled), event(3, execution.PodRunning), stored(9))
	for resume, want := range map[string]string{"": "failed queued scheduled running", "nonsense": "failed queued scheduled running", "2.0": "failed failed"} {
		w := ask(s, "GET", streamOf, "", "Last-Event-ID", resume)
		all, beside := frames(w)
		var got []string
		for _, f := range all {
			var data StatusFrame
			if json.Unmarshal([]byte(f.data), &data); f.event == "status" {
				got = append(got, string(data.Status))
			}
		}
		if strings.Join(got, " ") != want || strings.Join(beside, " ") != "retry 2000" && strings.Join(beside, "") != "retry: 2000" {
			t.Errorf("resumed at %q: %v, beside %q", resume, got, beside)
		}
		if f := all[0]; f.id != "" || f.event != "connected" || !strings.Contains(f.data, `"connection_id":"`) || !strings.Contains(f.data, `"server_time":"2`) {
			t.Errorf("first %+v", f)
		}
		all = all[1:]
		if resume == "nonsense" { // whoever it is does not know what it has
			if all[0].event != "gap" || all[0].id != "" || all[0].data != `{"reason":"unknown_id","after":"nonsense","before":"0.0"}` {
				t.Errorf("before all that is kept: %+v", all[0])
			}
			all = all[1:]
		}
		if f := all[0]; f.id != "" || f.event != "status" || !strings.Contains(f.data, `"type":"snapshot"`) {
			t.Errorf("then %+v", f)
		}
		last := all[len(all)-1]
		if get := ask(s, "GET", executions+"/x1", ""); last.event != "result_stored" || last.data != get.Body.String() {
			t.Errorf("the last is %+v, GET answers %s", last, get.Body)
		}
		if h := w.Header(); h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", h)
		}
	}
}

func TestStreamGoesOnWhereItWas(t *testing.T) {
	s, m, _ := serve(nil)
	m.add(status(4), output(1), output(2), stored(9))
	for _, how := range []struct{ path, header string }{{streamOf, "4.1"}, {streamOf + "?last_event_id=4.1", ""}, {streamOf + "?last_event_id=0.0", "4.1"}} {
		if w := ask(s, "GET", how.path, "", "Last-Event-ID", how.header); w.Code != 200 || ids(w) != "4.2 end" {
			t.Errorf("%v: %d, sent %s", how, w.Code, ids(w))
		}
	}
	if w := ask(s, "GET", streamOf, "", "Last-Event-ID", "end"); w.Code != 204 || w.Body.Len() > 0 {
		t.Errorf("after the end: %d %s", w.Code, w.Body)
	}
}

func TestOutputIsTextOrBytes(t *testing.T) {
	s, m, _ := serve(nil)
	m.add(printed(1, "é\n<"), printed(2, "\xc3"), printed(3, "\xa9"), stored(9))
	all, _ := frames(ask(s, "GET", streamOf, ""))
	want := []string{
		`{"stream":"stdout","position":0,"text":"é\n\u003c"}`,
		`{"stream":"stdout","position":100,"data_base64":"ww=="}`,
		`{"stream":"stdout","position":200,"data_base64":"qQ=="}`,
	}
	for i, f := range all[2:5] {
		if f.event != "output" || f.data != want[i] {
			t.Errorf("%+v, want %s", f, want[i])
		}
	}
}

func TestStreamBeatsWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		s, _, _ := serve(make(feedOf))
		s.Closing = closing
		time.AfterFunc(59*time.Second, func() { close(closing) })
		start := time.Now()
		w := ask(s, "GET", streamOf, "")
		all, _ := frames(w)
		if n := strings.Count(w.Body.String(), "\n\nevent: heartbeat\ndata: {\"server_time\":"); n != 3 { // after 15, 30 and 45 s
			t.Errorf("%d heartbeats in 59 s", n)
		}
		if last := all[len(all)-1]; last.event != "shutdown" || last.id != "" || time.Since(start) != 59*time.Second {
			t.Errorf("did not end at shutdown, but after %s with %+v", time.Since(start), last)
		}
		if w := ask(s, "GET", streamOf, ""); w.Code != 503 {
			t.Errorf("a new one while shutting down: %d", w.Code)
		}
	})
}

func TestStreamTellsThatItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := serve(make(feedOf))
		time.AfterFunc(time.Minute, func() { m.fail(errSecret) })
		all, _ := frames(ask(s, "GET", streamOf, ""))
		last := all[len(all)-1]
		if last.event != "error" || last.id != "" || !strings.Contains(last.data, `"type":"/problems/internal"`) || strings.Contains(last.data, "hunter2") {
			t.Errorf("%+v", last)
		}
		if w := ask(s, "GET", streamOf, ""); w.Code != 500 { // before the first byte it is a problem
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestStreamThatLagsIsCut(t *testing.T) {
	live := make(feedOf, 1)
	s, _, _ := serve(live)
	live <- new(output(1))
	close(live)
	if w := ask(s, "GET", streamOf, ""); w.Code != 200 || ids(w) != "0.1" {
		t.Errorf("%d, sent %s", w.Code, ids(w))
	}
}

func TestStreamEndsThoughTheEventIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := serve(make(feedOf))
		m.set("x1", end)
		m.add(stored(9))
		start := time.Now()
		if w := ask(s, "GET", streamOf, "", "Last-Event-ID", "77.0"); ids(w) != "end" || time.Since(start) > 2*time.Minute {
			t.Errorf("%q after %s", ids(w), time.Since(start))
		}
		if w := ask(s, "GET", streamOf, "", "Last-Event-ID", "77.0"); ids(w) != "end" {
			t.Errorf("%q", ids(w))
		}
	})
}

func TestStreamEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := serve(make(feedOf))
		s.MaxStreams = 1
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() {
			r := httptest.NewRequest("GET", streamOf, nil).WithContext(ctx)
			s.Handler().ServeHTTP(httptest.NewRecorder(), r)
			close(done)
		}()
		synctest.Wait()
		if p := read[Problem](t, ask(s, "GET", streamOf, "")); p.Status != 429 || p.Type != "/problems/too_many_streams" {
			t.Errorf("a second stream: %+v", p)
		}
		leave()
		<-done
		if s.seats.taken["ann"] != 0 {
			t.Error("the seat is still taken")
		}
	})
}
