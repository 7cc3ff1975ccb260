package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/codesaga/codesaga/execution"
)

// dial opens the socket of x1 on a server that serves s.
func dial(t *testing.T, s *Server, query string, header ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], strings.ReplaceAll(header[i+1], "HERE", strings.TrimPrefix(server.URL, "http://")))
	}
	conn, resp, err := websocket.Dial(t.Context(), server.URL+executions+"/x1/ws"+query, &websocket.DialOptions{HTTPHeader: h})
	if err == nil {
		conn.SetReadLimit(-1)
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, resp, err
}

// hear reads what conn says until its end, and returns the code of that.
func hear(t *testing.T, conn *websocket.Conn) (all []message, code websocket.StatusCode) {
	t.Helper()
	for {
		m, err := next(t, conn)
		if err != nil {
			return all, websocket.CloseStatus(err)
		}
		all = append(all, m)
	}
}

func next(t *testing.T, conn *websocket.Conn) (m message, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	kind, b, err := conn.Read(ctx)
	if err == nil && (kind != websocket.MessageText || json.Unmarshal(b, &m) != nil) {
		t.Fatalf("not a frame: %s", b)
	}
	return m, err
}

// await reads until a frame of event.
func await(t *testing.T, conn *websocket.Conn, event string) message {
	t.Helper()
	for {
		m, err := next(t, conn)
		if err != nil {
			t.Fatalf("before %s: %v", event, err)
		}
		if m.Event == event {
			return m
		}
	}
}

func tell(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// A socket has the frames of the stream, resumes as it does, and ends as it does.
func TestSocketHasTheFramesOfTheStream(t *testing.T) {
	s, m, _ := serve(nil)
	m.set("x1", end)
	m.add(status(4), output(1), output(2), stored(9))
	for _, last := range []string{"", "4.1", "nonsense"} {
		conn, _, err := dial(t, s, "?last_event_id="+last)
		if err != nil {
			t.Fatal(err)
		}
		got, code := hear(t, conn)
		want, _ := frames(ask(s, "GET", streamOf, "", "Last-Event-ID", last))
		var here, there []string
		for _, f := range got {
			here = append(here, f.ID+" "+f.Event)
		}
		for _, f := range want {
			there = append(there, f.id+" "+f.event)
		}
		if !slices.Equal(here, there) || code != websocket.StatusNormalClosure || string(got[len(got)-1].Data) != want[len(want)-1].data {
			t.Errorf("behind %q: %v, want %v; code %d", last, here, there, code)
		}
	}
	if _, resp, err := dial(t, s, "?last_event_id=end"); err == nil || resp.StatusCode != 204 {
		t.Errorf("behind the end: %v %v", resp, err)
	}
	emptied(t, s)
}

func TestSocketThatIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		status int
	}{
		{"another site", []string{"Origin", "https://evil.example"}, 403},
		{"another site that says so", []string{"Sec-Fetch-Site", "cross-site", "Origin", "http://HERE"}, 403},
		{"another port", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"another name", []string{"Host", "evil.example", "Origin", "http://evil.example"}, 421},
		{"nobody", []string{"User", "nobody"}, 401},
		{"another's", []string{"User", "bob"}, 404},
		{"this site", []string{"Origin", "http://HERE"}, 101},
		{"no browser", nil, 101},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, _ := serve(make(feedOf))
			s.Hosts = []string{"127.0.0.1"}
			var code int
			if i := slices.Index(tt.header, "Host"); i >= 0 {
				r := httptest.NewRequest("GET", executions+"/x1/ws", nil)
				r.Host = tt.header[i+1]
				r.Header.Set("Origin", "http://"+r.Host)
				w := httptest.NewRecorder()
				s.Handler().ServeHTTP(w, r)
				code = w.Code
			} else {
				_, resp, _ := dial(t, s, "", tt.header...)
				code = resp.StatusCode
			}
			if code != tt.status {
				t.Errorf("%d, want %d", code, tt.status)
			}
		})
	}
	s, _, _ := serve(make(feedOf))
	for _, header := range [][]string{nil, {"Upgrade", "h2c"}} {
		if p := read[Problem](t, ask(s, "GET", executions+"/x1/ws", "", header...)); p.Status != 426 {
			t.Errorf("%v: %+v", header, p)
		}
	}
	if p := read[Problem](t, ask(s, "GET", executions+"/x1/ws", "", "Upgrade", "websocket")); p.Status != 400 || s.seats.open() != 0 {
		t.Errorf("%+v, %d seats", p, s.seats.open())
	}
}

// It counts as a stream of its user, and gives its seat back when the client is
// gone, however it goes.
func TestSocketTakesASeat(t *testing.T) {
	s, _, _ := serve(make(feedOf))
	s.MaxStreams = 1
	conn, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, conn, "status")
	if p := read[Problem](t, ask(s, "GET", streamOf, "")); p.Status != 429 || p.Type != "/problems/too_many_streams" {
		t.Errorf("%+v", p)
	}
	_ = conn.CloseNow()
	emptied(t, s)
}

// emptied waits until nobody has a stream of s, and lets no new ones begin.
func emptied(t *testing.T, s *Server) {
	t.Helper()
	select {
	case <-s.seats.shut():
	case <-time.After(20 * time.Second):
		t.Fatalf("%d seats are taken", s.seats.open())
	}
}

func TestSocketPassesInputOn(t *testing.T) {
	s, m, _ := serve(make(feedOf))
	m.set("x1", hears)
	conn, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 { // more than at once may be passed on
		tell(t, conn, fmt.Sprintf(`{"input":"%d\n"}`, i))
	}
	tell(t, conn, `{"id":"k","input_base64":"AP8="}`)
	if a := await(t, conn, "input"); a.ID != "" || string(a.Data) != `{"id":"k"}` {
		t.Errorf("%+v", a)
	}
	tell(t, conn, `{"id":"s","signal":"SIGINT"}`)
	tell(t, conn, `{"id":"e","close_input":true}`)
	await(t, conn, "input")
	await(t, conn, "input")
	tasks := s.Bus.(*bus).tasks
	if len(tasks) != 303 {
		t.Fatalf("%d tasks", len(tasks))
	}
	for i, task := range tasks[:300] {
		if task.Action != execution.Pass || task.ExecutionID != "x1" || string(task.Feed.Data) != fmt.Sprintf("%d\n", i) || len(task.Feed.ID) != 36 {
			t.Fatalf("%d: %+v", i, task.Feed)
		}
	}
	if f := tasks[300].Feed; f.ID != "k" || string(f.Data) != "\x00\xff" {
		t.Errorf("%+v", f)
	}
	if a, b := tasks[301].Feed, tasks[302].Feed; a.Signal != "SIGINT" || !b.Close || b.ID != "e" {
		t.Errorf("%+v %+v", a, b)
	}
}

// What is wrong with a message is said, and what comes behind it is heard; what
// could not be passed on ends the socket, so that nothing overtakes it.
func TestSocketSaysWhatIsWrong(t *testing.T) {
	s, m, _ := serve(make(feedOf))
	m.set("x1", hears)
	conn, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text, id string
		status   int
		field    string
	}{
		{`nonsense`, "", 400, ""},
		{`{"text":"a"}`, "", 400, "text"},
		{`{"input":1}`, "", 400, "input"},
		{`{"id":"k"}`, "k", 422, "input"},
		{`{"id":"a b","input":"a"}`, "a b", 422, "id"},
		{`{"input":"a","input_base64":"AA=="}`, "", 422, "input"},
		{`{"input_base64":"!"}`, "", 422, "input_base64"},
		{`{"signal":"SIGKILL"}`, "", 422, "signal"},
		{`{"input":"` + strings.Repeat("x", execution.MaxFeedBytes+1) + `"}`, "", 413, ""},
	}
	for _, tt := range tests {
		tell(t, conn, tt.text)
		var p socketProblem
		if e := await(t, conn, "error"); json.Unmarshal(e.Data, &p) != nil || p.Status != tt.status || p.InputID != tt.id || tt.field != "" && p.Errors[0].Field != tt.field || e.ID != "" {
			t.Errorf("%.40s: %s", tt.text, e.Data)
		}
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"input":"a"}`)); err != nil {
		t.Fatal(err)
	}
	await(t, conn, "error")
	if n := len(s.Bus.(*bus).tasks); n != 0 {
		t.Errorf("%d were passed on", n)
	}
	s.Bus = &bus{err: execution.Errorf(execution.Unavailable, "hunter2")}
	tell(t, conn, `{"id":"k","input":"a"}`)
	tell(t, conn, `{"input":"b"}`)
	all, code := hear(t, conn)
	if e := all[len(all)-1]; code != websocket.StatusTryAgainLater || e.Event != "error" || !strings.Contains(string(e.Data), `"input_id":"k"`) || strings.Contains(string(e.Data), "hunter2") {
		t.Errorf("%d %s", code, e.Data)
	}
	emptied(t, s)
	if n := len(s.Bus.(*bus).tasks); n != 1 {
		t.Errorf("%d were tried, want the first alone", n)
	}
}

func TestSocketToOneThatDoesNotListen(t *testing.T) {
	s, _, _ := serve(make(feedOf))
	conn, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	tell(t, conn, `{"input":"a"}`)
	if e := await(t, conn, "error"); !strings.Contains(string(e.Data), "is not interactive") {
		t.Errorf("%s", e.Data)
	}
	tell(t, conn, strings.Repeat("x", maxMessage+1))
	if _, code := hear(t, conn); code != websocket.StatusMessageTooBig {
		t.Errorf("code %d", code)
	}
	emptied(t, s)
}

func TestSocketHearsOfAShutdown(t *testing.T) {
	s, stop := stopping()
	s.Phases = Phases{}
	conn, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, conn, "status")
	stop()
	if all, code := hear(t, conn); code != websocket.StatusServiceRestart || all[len(all)-1].Event != "shutdown" {
		t.Errorf("%d %v", code, all)
	}
}

// Whether a silent client is there is asked with each heartbeat.
func TestSocketPings(t *testing.T) {
	s, _, _ := serve(make(feedOf))
	s.Heartbeat = 10 * time.Millisecond
	pinged := make(chan bool, 100)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL+executions+"/x1/ws", &websocket.DialOptions{
		OnPingReceived: func(context.Context, []byte) bool { pinged <- true; return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	await(t, conn, "heartbeat")
	read, stop := context.WithCancel(t.Context())
	go func() { // pings are seen by who reads
		for {
			if _, _, err := conn.Read(read); err != nil {
				return
			}
		}
	}()
	<-pinged
	stop()
}
