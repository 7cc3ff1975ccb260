package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// maxMessage bounds what a client may say at a time, in bytes: the longest
// input, of which JSON may escape each byte.
const maxMessage = 6*execution.MaxFeedBytes + 1<<10

// socket is the stream of an execution as a WebSocket, for who has no
// EventSource: the same frames, and input the other way. Browsers let the page of
// any site ask for one, and send along what they know of who asks: so it is held
// to the rule for what writes.
func (s *Server) socket(c *gin.Context) error {
	writes := *c.Request
	writes.Method = http.MethodPost
	if err := foreign.Check(&writes); err != nil {
		return execution.Errorf(execution.Forbidden, "another site may not ask for this")
	}
	return s.tell(c, func() (*feed, error) { return s.openSocket(c) })
}

// upgradeable reports what keeps r from becoming a WebSocket.
func upgradeable(r *http.Request) error {
	if r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return newProblem(http.StatusUpgradeRequired, "upgrade_required", "this route is a WebSocket (RFC 6455), over HTTP/1.1; Server-Sent Events are at …/stream")
	}
	if r.Header.Get("Sec-WebSocket-Version") != "13" || r.Header.Get("Sec-WebSocket-Key") == "" {
		return execution.Errorf(execution.Malformed, "the handshake needs Sec-WebSocket-Version: 13 and a Sec-WebSocket-Key")
	}
	return nil
}

// socketOutlet carries the frames of a feed as messages.
type socketOutlet struct {
	conn    *websocket.Conn
	stop    context.CancelFunc // of what hears and pings
	hearing sync.WaitGroup     // they
}

// message is a frame on a WebSocket.
type message struct {
	ID    string          `json:"id,omitempty"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

func (o *socketOutlet) send(id, event string, data []byte) error {
	b, err := json.Marshal(message{id, event, data})
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), writeTimeout)
	defer stop()
	return o.conn.Write(ctx, websocket.MessageText, b)
}

// closings are the codes that a socket closes with (RFC 6455 § 7.4, and the
// registry of IANA). After all but the first a client may come back with its
// last ID.
var closings = map[string]websocket.StatusCode{
	"result":   websocket.StatusNormalClosure,
	"shutdown": websocket.StatusServiceRestart,
	"cut":      websocket.StatusTryAgainLater,
	"refused":  websocket.StatusTryAgainLater,
	"error":    websocket.StatusInternalError,
}

func (o *socketOutlet) done(why string) {
	if code, ok := closings[why]; ok {
		_ = o.conn.Close(code, why) // the client may be gone
	} else {
		_ = o.conn.CloseNow()
	}
	o.stop()
	o.hearing.Wait()
}

// openSocket makes a socket of the request in c, and begins to hear what the
// client says.
func (s *Server) openSocket(c *gin.Context) (*feed, error) {
	if err := upgradeable(c.Request); err != nil {
		return nil, err
	}
	conn, err := websocket.Accept(c.Writer, c.Request, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the origin was looked at
	if err != nil {
		return nil, execution.Errorf(execution.Malformed, "%w", err)
	}
	conn.SetReadLimit(maxMessage)
	ctx, stop := context.WithCancel(c.Request.Context())
	out := &socketOutlet{conn: conn, stop: stop}
	f := s.newFeed(ctx, askedOf(c), out)
	answers := make(chan answer)
	f.answers = answers
	out.hearing.Go(func() {
		defer stop()
		s.hear(ctx, c, conn, answers)
	})
	out.hearing.Go(func() {
		defer stop()
		ping(ctx, conn, f.pulse)
	})
	f.connected()
	return f, nil
}

// ping looks every so often whether the client is still there, and returns when
// it is not.
func ping(ctx context.Context, conn *websocket.Conn, every time.Duration) {
	beat := time.NewTicker(every)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			late, stop := context.WithTimeout(ctx, writeTimeout)
			err := conn.Ping(late)
			stop()
			if err != nil {
				return
			}
		}
	}
}

// said is a message of the client: one of input, input_base64 and close_input,
// or a signal. One with an id is answered, and passed on once, however often it
// is said.
type said struct {
	ID          string  `json:"id,omitempty"`
	Input       *string `json:"input,omitempty"`
	InputBase64 *string `json:"input_base64,omitempty"`
	CloseInput  bool    `json:"close_input,omitempty"`
	Signal      string  `json:"signal,omitempty"`
}

// answer is a frame that answers what was said.
type answer struct {
	event string
	data  any
	last  bool // what was said behind it must not overtake it: the stream ends
}

// inputAccepted is the data of a frame of the event "input".
type inputAccepted struct {
	ID string `json:"id"`
}

// socketProblem is the data of a frame of the event "error" that answers a
// message.
type socketProblem struct {
	Problem
	InputID string `json:"input_id,omitempty"` // the id of the message
}

// hear passes on what the client says, in order and one after the other, until
// it leaves or ctx ends.
func (s *Server) hear(ctx context.Context, c *gin.Context, conn *websocket.Conn, answers chan<- answer) {
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			return
		}
		a, some := s.answer(ctx, c, kind, b)
		if !some {
			continue
		}
		select {
		case answers <- a:
		case <-ctx.Done():
			return
		}
		if a.last {
			<-ctx.Done() // the feed ends it
			return
		}
	}
}

// answer passes on what a message says. There is no answer to one that went well
// and has no id.
func (s *Server) answer(ctx context.Context, c *gin.Context, kind websocket.MessageType, b []byte) (a answer, some bool) {
	var m said
	err := error(execution.Errorf(execution.Malformed, "a message has to be text"))
	if kind == websocket.MessageText {
		err = strict(b, &m)
	}
	if err == nil {
		err = s.say(ctx, c, m)
	}
	switch {
	case err != nil:
		p := problemOf(c, err)
		if p.Status >= http.StatusInternalServerError {
			s.Log.ErrorContext(c.Request.Context(), "input failed", "execution", c.Param("id"), "correlation_id", correlation(c), "err", err)
		}
		return answer{"error", socketProblem{p, m.ID}, p.Status >= http.StatusInternalServerError}, true
	case m.ID != "":
		return answer{event: "input", data: inputAccepted{m.ID}}, true
	default:
		return answer{}, false
	}
}

// say passes m on. Who says more than may be passed on waits: here, what comes
// behind it waits, too.
func (s *Server) say(ctx context.Context, c *gin.Context, m said) error {
	if m.ID != "" && !validKey(m.ID) {
		return execution.FieldErrors{{Field: "id", Rule: keyRule}}
	}
	feed, err := input{Data: m.Input, DataBase64: m.InputBase64, Close: m.CloseInput, Signal: m.Signal}.feed(cmp.Or(m.ID, string(execution.NewID())))
	if err != nil {
		return renamed(err)
	}
	for !s.pace.allow(c.GetString("user"), time.Now()) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second / paceRate):
		}
	}
	return s.passOn(ctx, c, feed)
}

// inSocket is what fields of an input are called in a message.
var inSocket = strings.NewReplacer("data_base64", "input_base64", "data", "input", "close", "close_input")

// renamed is err with the names of fields in a message.
func renamed(err error) error {
	fields, ok := err.(execution.FieldErrors) //nolint:errorlint // as input.feed returns them
	if !ok {
		return err
	}
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].Field, fields[i].Rule = inSocket.Replace(fields[i].Field), inSocket.Replace(fields[i].Rule)
	}
	return fields
}
