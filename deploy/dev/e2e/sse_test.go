package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// frame is one event of a stream, or a comment of one.
type frame struct {
	id, event string
	data      []byte
	comment   string
	at        time.Time // of its end
}

// connection is one that a stream comes over.
type connection struct {
	lines *bufio.Reader
	body  io.Closer
	retry string // as the server said
}

// errNothingLeft is the answer 204.
var errNothingLeft = errors.New("nothing is left")

// connect opens the stream of an execution, behind the frame last, if that is
// not empty.
func (s *story) connect(ctx context.Context, base, id, last string) (*connection, error) {
	return s.connectTo(ctx, base+"/api/v1/executions/"+id+"/stream", last)
}

// connectTo is connect for the stream at a URL.
func (s *story) connectTo(ctx context.Context, address, last string) (*connection, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	if s.user != "" {
		r.Header.Set(userHeader, s.user)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	kind := resp.Header.Get("Content-Type")
	switch {
	case resp.StatusCode == http.StatusNoContent:
		_ = resp.Body.Close()
		return nil, errNothingLeft
	case resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream"):
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		_ = resp.Body.Close()
		return nil, fmt.Errorf("stream: %s %s %s", resp.Status, kind, text)
	}
	return &connection{lines: bufio.NewReader(resp.Body), body: resp.Body}, nil
}

// next returns the next frame or comment (WHATWG HTML § 9.2.6).
func (c *connection) next() (frame, error) {
	var f frame
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return frame{}, err // one that is cut off is none
		}
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && (f.event != "" || f.comment != "" || f.data != nil):
			f.at = time.Now()
			return f, nil
		case line == "":
		case name == "":
			f.comment = "comment: " + value
		case name == "event":
			f.event = value
		case name == "id":
			f.id = value
		case name == "retry":
			c.retry = value
		case name == "data":
			if f.data != nil {
				f.data = append(f.data, '\n')
			}
			f.data = append(f.data, value...)
		}
	}
}

// statusFrame is the data of a status.
type statusFrame struct {
	ExecutionID string    `json:"execution_id"`
	Status      string    `json:"status"`
	Type        string    `json:"type"`
	At          time.Time `json:"occurred_at"`
	Queue       *struct {
		Position int64 `json:"position"`
	} `json:"queue"`
}

// outputFrame is the data of an output.
type outputFrame struct {
	Stream   string  `json:"stream"`
	Position int64   `json:"position"`
	Text     *string `json:"text"`
	Base64   []byte  `json:"data_base64"`
}

func (o outputFrame) bytes() string {
	if o.Text != nil {
		return *o.Text
	}
	return string(o.Base64)
}

// reader is what a browser knows of one execution, over as many connections as
// it takes. It is strict: no gap, nothing twice, nothing after the end.
type reader struct {
	last      string // id of the last frame
	seen      map[string]bool
	snapshots []statusFrame
	places    []int64       // in the queue, each another than the one before
	statuses  []statusFrame // without snapshots
	printed   map[string]string
	beats     int             // heartbeats
	final     json.RawMessage // data of result_stored
}

func newReader() *reader {
	return &reader{seen: map[string]bool{}, printed: map[string]string{}}
}

// take takes one frame in.
func (r *reader) take(f frame) error {
	if r.final != nil {
		return fmt.Errorf("after the end: %s %q %.200s", f.event, f.id, f.data)
	}
	if f.id != "" {
		if r.seen[f.id] {
			return fmt.Errorf("the id %q comes twice", f.id)
		}
		r.seen[f.id], r.last = true, f.id
	}
	switch f.event {
	case "": // a comment
	case "status":
		return r.takeStatus(f)
	case "output":
		return r.takeOutput(f)
	case "result_stored":
		if f.id != "end" {
			return fmt.Errorf("the last frame has the id %q, want end", f.id)
		}
		r.final = f.data
	case "connected", "heartbeat", "shutdown":
		if f.id != "" {
			return fmt.Errorf("%s has an id: %q", f.event, f.id)
		}
		if f.event == "heartbeat" {
			r.beats++
		}
	default:
		return fmt.Errorf("%s: %.500s", f.event, f.data)
	}
	return nil
}

func (r *reader) takeStatus(f frame) error {
	var s statusFrame
	if err := json.Unmarshal(f.data, &s); err != nil {
		return fmt.Errorf("status: %w: %s", err, f.data)
	}
	if s.Queue != nil && (len(r.places) == 0 || r.places[len(r.places)-1] != s.Queue.Position) {
		r.places = append(r.places, s.Queue.Position)
	}
	if s.Type == "snapshot" || s.Type == "queue" {
		if f.id != "" {
			return fmt.Errorf("a %s has the id %q", s.Type, f.id)
		}
		if s.Type == "snapshot" {
			r.snapshots = append(r.snapshots, s)
		}
		return nil
	}
	if f.id == "" {
		return fmt.Errorf("a status without an id: %s", f.data)
	}
	r.statuses = append(r.statuses, s)
	return nil
}

func (r *reader) takeOutput(f frame) error {
	var o outputFrame
	if err := json.Unmarshal(f.data, &o); err != nil {
		return fmt.Errorf("output: %w: %.200s", err, f.data)
	}
	if have := int64(len(r.printed[o.Stream])); o.Position != have || f.id == "" {
		return fmt.Errorf("%s goes on at %d, have %d (id %q)", o.Stream, o.Position, have, f.id)
	}
	r.printed[o.Stream] += o.bytes()
	return nil
}

// follow reads a stream to its end over one connection, and checks that it
// begins with the present state and that the server closes it.
func (s *story) follow(base, id string) *reader {
	s.Helper()
	c, err := s.connect(s.ctx, base, id, "")
	if err != nil {
		s.Fatal(err)
	}
	defer c.body.Close()
	r := newReader()
	for n := 0; ; n++ {
		f, err := c.next()
		if errors.Is(err, io.EOF) && r.final != nil {
			break
		}
		if err != nil {
			s.Fatalf("the stream of %s broke: %v", id, err)
		}
		if err := r.take(f); err != nil {
			s.Errorf("the stream of %s: %v", id, err)
		}
		if n == 0 && f.event != "connected" || n == 1 && len(r.snapshots) == 0 {
			s.Errorf("frame %d is %s %s, want connected, and then a snapshot", n, f.event, f.data)
		}
	}
	if c.retry != "2000" {
		s.Errorf("retry: %q, want 2000", c.retry)
	}
	return r
}

// checkEnd compares what a stream brought with what is stored.
func (s *story) checkEnd(r *reader, x execution) {
	s.Helper()
	var want, got any
	if err := errors.Join(json.Unmarshal(r.final, &got), json.Unmarshal(s.do(http.MethodGet, "/api/v1/executions/"+x.ID, nil).body, &want)); err != nil {
		s.Fatal(err)
	}
	if jsonOf(got) != jsonOf(want) {
		s.Errorf("result_stored differs from GET:\n%.1500s\n%.1500s", jsonOf(got), jsonOf(want))
	}
	for _, stream := range []string{"stdout", "stderr", "compile"} {
		if stored := s.output(x.ID, stream); r.printed[stream] != stored {
			s.Errorf("%s over the stream has %d bytes, stored are %d: %s", stream, len(r.printed[stream]), len(stored), difference(r.printed[stream], stored))
		}
	}
}

// difference shows where two texts part.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-20)
	return fmt.Sprintf("they part at %d: %.80q, %.80q", i, a[from:], b[from:])
}
