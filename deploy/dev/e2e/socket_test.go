package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// socketMessage is a frame on a WebSocket.
type socketMessage struct {
	ID    string          `json:"id"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// socket is a stream over a WebSocket, and who reads it.
type socket struct {
	*story
	conn *websocket.Conn
	got  *reader
	said []string // ids of input that was accepted
}

// socket opens the socket of id at base, behind what got has.
func (s *story) socket(base, id string, got *reader) *socket {
	s.Helper()
	conn, _, err := websocket.Dial(s.ctx, base+"/api/v1/executions/"+id+"/ws?last_event_id="+got.last, &websocket.DialOptions{HTTPClient: client}) //nolint:bodyclose // Dial has read it
	if err != nil {
		s.Fatal(err)
	}
	conn.SetReadLimit(-1)
	s.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{story: s, conn: conn, got: got}
}

// until reads until enough says so, or the server closes: then it returns the
// code of that.
func (k *socket) until(enough func() bool) websocket.StatusCode {
	k.Helper()
	for !enough() {
		_, b, err := k.conn.Read(k.ctx)
		if err != nil {
			return websocket.CloseStatus(err)
		}
		var m socketMessage
		if err := json.Unmarshal(b, &m); err != nil {
			k.Fatalf("%v: %s", err, b)
		}
		if m.Event == "input" {
			var of struct{ ID string }
			_ = json.Unmarshal(m.Data, &of)
			k.said = append(k.said, of.ID)
			continue
		}
		if err := k.got.take(frame{id: m.ID, event: m.Event, data: m.Data, at: time.Now()}); err != nil {
			k.Fatal(err)
		}
	}
	return 0
}

func (k *socket) prints(text string) {
	k.Helper()
	if code := k.until(func() bool { return k.got.printed["stdout"] == text }); code != 0 {
		k.Fatalf("closed with %d; printed %q, want %q", code, k.got.printed["stdout"], text)
	}
}

func (k *socket) say(text string) {
	k.Helper()
	if err := k.conn.Write(k.ctx, websocket.MessageText, []byte(text)); err != nil {
		k.Fatal(err)
	}
}

// A talk with a script over a WebSocket, which is cut and goes on at the other
// process: no frame is lost, nothing is heard twice, and it ends as the stream.
func TestAScriptIsTalkedWithOverAWebSocket(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(talker(`
import sys
print("ready", flush=True)
for line in sys.stdin:
    print("heard", line.rstrip("\n"), flush=True)
print("end", flush=True)
`))
	got := newReader()
	k := s.socket(the.urls[0], x.ID, got)
	k.prints("ready\n")
	k.say(`{"input":"one\ntw"}`)
	k.say(`{"input_base64":"bwo="}`)
	k.say(`{"id":"k1","input":"three\n"}`)
	k.prints("ready\nheard one\nheard two\nheard three\n")
	_ = k.conn.CloseNow()

	k = s.socket(the.urls[1], x.ID, got)
	k.say(`{"id":"k1","input":"three\n"}`) // was it heard? said again, it is heard once
	k.say(`{"id":"k2","input":"four\n"}`)
	k.prints("ready\nheard one\nheard two\nheard three\nheard four\n")
	k.until(func() bool { return len(k.said) == 2 })
	k.say(`{"close_input":true}`)
	if code := k.until(func() bool { return false }); code != websocket.StatusNormalClosure {
		t.Errorf("closed with %d", code)
	}
	s.checkEnd(got, s.ended(x.ID))
	if _, resp, err := websocket.Dial(s.ctx, the.urls[0]+"/api/v1/executions/"+x.ID+"/ws?last_event_id=end", &websocket.DialOptions{HTTPClient: client}); err == nil || resp.StatusCode != http.StatusNoContent { //nolint:bodyclose // it has none
		t.Errorf("behind the end: %v", err)
	}
	_, resp, err := websocket.Dial(s.ctx, the.urls[0]+"/api/v1/executions/"+x.ID+"/ws", &websocket.DialOptions{ //nolint:bodyclose // Dial has read it
		HTTPClient: client, HTTPHeader: http.Header{"Origin": {"https://evil.example"}},
	})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %v", err)
	}
}
