package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

// A feed writes one response of Server-Sent Events.
type feed struct {
	ctx    context.Context
	id     execution.ID
	w      paced
	pool   string
	view   func(context.Context, execution.ID) (View, error)
	place  func(ctx context.Context, id execution.ID, pool string) (*execution.Queue, error)
	frames *prometheus.CounterVec
	beat   *time.Timer // rings when the feed has been silent too long

	at     execution.Position // what the browser has
	status execution.Status   // after the last event that was sent
	queue  *execution.Queue   // as the browser knows it; nil: it does not wait, as far as is known
	over   bool               // nothing more to send, or nobody to send it to
	lost   bool               // nobody to send it to
	err    error              // why the end could not be sent
}

// StatusFrame is the data of a frame of the event "status". The parts are
// those of the event that it tells of.
type StatusFrame struct {
	ExecutionID execution.ID        `json:"execution_id"`
	Status      execution.Status    `json:"status"` // after the event
	Type        execution.EventType `json:"type"`   // snapshot: none happened, so it stands; queue: likewise, the place is another
	At          time.Time           `json:"occurred_at"`
	Queue       *execution.Queue    `json:"queue,omitempty"`
	Pod         *execution.Pod      `json:"pod,omitempty"`
	Outcome     *execution.Outcome  `json:"outcome,omitempty"`
	Usage       *execution.Usage    `json:"usage,omitempty"`
}

// OutputFrame is the data of a frame of the event "output": one of text and
// bytes.
type OutputFrame struct {
	Stream   execution.Stream `json:"stream"`
	Position int64            `json:"position"` // of the first byte, in its stream
	Text     *string          `json:"text,omitempty"`
	Bytes    []byte           `json:"data_base64,omitempty"` // what is not UTF-8, perhaps for a character that is cut in two
}

// openFeed begins a response that is a stream.
func (s *Server) openFeed(c *gin.Context) *feed {
	c.Header("Content-Type", "text/event-stream")
	c.Header("X-Accel-Buffering", "no")
	c.Status(http.StatusOK)
	ctl := http.NewResponseController(c.Writer)
	_ = ctl.SetReadDeadline(time.Time{}) // one for the request would end its context
	f := &feed{ctx: c.Request.Context(), w: paced{c.Writer, ctl}, frames: s.metrics.frames, beat: time.NewTimer(heartbeat)}
	f.write("retry: 2000\n\n")
	return f
}

// ended says why a feed that is over ended.
func (f *feed) ended() (why string, err error) {
	switch {
	case f.lost || f.ctx.Err() != nil:
		return "left", nil
	case f.err != nil:
		return "error", f.err
	default:
		return "result", nil
	}
}

// startFeed begins the response with how x stands.
func (s *Server) startFeed(c *gin.Context, x execution.Execution, at execution.Position) *feed {
	now := time.Now().UTC().Truncate(time.Millisecond)
	f := s.openFeed(c)
	f.id, f.pool, f.at, f.view, f.place = x.ID, x.Pool, at, s.viewNow, s.Queue.Place
	present := StatusFrame{ExecutionID: x.ID, Status: x.Status, Type: "snapshot", At: now, Outcome: x.Outcome}
	if !x.Status.Terminal() {
		present.Queue, f.queue = x.Queue, x.Queue
	}
	f.control("status", present)
	f.control("connected", gin.H{"connection_id": correlation(c), "server_time": now})
	return f
}

// serveFeed has follow write to f, which is of the kind of thing that c is about,
// and notes why that ended.
func (s *Server) serveFeed(c *gin.Context, f *feed, of string, follow func() (why string, err error)) {
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	defer f.done()
	why, err := follow()
	if err != nil {
		s.Log.Error("stream failed", of, c.Param("id"), "correlation_id", correlation(c), "err", err)
		f.control("error", problemOf(c, err))
	}
	s.metrics.ended.WithLabelValues(why).Inc()
}

// poll has look send what has changed, the first time after a pause and then
// after those that it returns, until f is over. It says why that was.
func (s *Server) poll(f *feed, first time.Duration, look func() (pause time.Duration, err error)) (why string, err error) {
	next := time.NewTimer(first)
	defer next.Stop()
	for !f.over {
		select {
		case <-f.ctx.Done():
			return "left", nil
		case <-s.Closing: // the browser comes back, to another process
			f.control("shutdown", gin.H{"grace_seconds": 0, "reconnect_after": 2})
			return "shutdown", nil
		case <-f.beat.C:
			f.write(": still here\n\n")
		case <-next.C:
			pause, err := look()
			if err != nil && f.ctx.Err() == nil {
				return "error", err
			}
			next.Reset(pause)
		}
	}
	return f.ended()
}

// done gives the connection back as it was.
func (f *feed) done() {
	f.beat.Stop()
	_ = f.w.ctl.SetWriteDeadline(time.Time{})
}

// send writes those of updates that the browser does not have.
func (f *feed) send(updates ...execution.Update) {
	for _, u := range updates {
		switch {
		case f.over || !f.at.Advance(u):
		case u.Last():
			f.end()
		case u.Chunk != nil && u.Chunk.Stream == execution.Artifacts: // moves the position, and is not to be seen
		case u.Chunk != nil:
			f.frame(f.at.String(), "output", outputFrame(*u.Chunk))
		case u.Event != nil:
			e := u.Event
			f.status = statusAfter(f.status, *e)
			if e.Queue != nil {
				f.queue = e.Queue
			}
			f.frame(f.at.String(), "status", StatusFrame{
				ExecutionID: f.id, Status: f.status, Type: e.Type, At: e.At,
				Queue: e.Queue, Pod: e.Pod, Outcome: e.Outcome, Usage: e.Usage,
			})
		}
	}
}

// refresh tells where the execution waits now, if that is elsewhere than the
// browser thinks. It is no event, so nobody comes back behind it.
func (f *feed) refresh() {
	q, err := f.place(f.ctx, f.id, f.pool)
	if err != nil || q == nil || f.queue != nil && *q == *f.queue { // the next time is soon
		return
	}
	f.queue = q
	f.control("status", StatusFrame{ExecutionID: f.id, Status: f.status, Type: "queue", At: time.Now().UTC().Truncate(time.Millisecond), Queue: q})
}

// end sends the result, which is stored, and is the last of the feed.
func (f *feed) end() {
	v, err := f.view(f.ctx, f.id)
	if err == nil {
		f.frame(theEnd, "result_stored", v)
	}
	f.over, f.err = true, err
}

func outputFrame(c execution.Chunk) OutputFrame {
	if utf8.Valid(c.Bytes) {
		return OutputFrame{Stream: c.Stream, Position: c.Position, Text: new(string(c.Bytes))}
	}
	return OutputFrame{Stream: c.Stream, Position: c.Position, Bytes: c.Bytes}
}

// floor is the least that is true after an event that is no ending.
var floor = map[execution.EventType]execution.Status{
	execution.ExecutionScheduled: execution.Scheduled,
	execution.PodCreated:         execution.Scheduled,
	execution.PodScheduled:       execution.Scheduled,
	execution.PodRunning:         execution.Running,
}

// statusAfter is the status of an execution after e, which was was.
func statusAfter(was execution.Status, e execution.Event) execution.Status {
	next := floor[e.Type]
	if e.Outcome != nil {
		next = e.Outcome.Status
	}
	if next != "" && was.CanBecome(next) {
		return next
	}
	return was
}

// control sends a frame without an id: a browser that comes back does not
// count it.
func (f *feed) control(event string, data any) { f.frame("", event, data) }

func (f *feed) frame(id, event string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		f.over, f.err = true, err
		return
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	f.write(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", id, event, b))
	f.frames.WithLabelValues(event).Inc()
}

// write sends text at once.
func (f *feed) write(text string) {
	if f.lost {
		return
	}
	if _, err := f.w.Write([]byte(text)); err != nil {
		f.lost = true
	} else if err := f.w.ctl.Flush(); err != nil {
		f.lost = true
	}
	f.over = f.over || f.lost
	f.beat.Reset(heartbeat)
}
