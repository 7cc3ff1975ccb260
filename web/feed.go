package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

// A feed writes one stream of frames.
type feed struct {
	ctx    context.Context
	asked  asked
	id     execution.ID
	out    outlet
	pool   string
	view   func(context.Context, execution.ID) (View, error)
	place  func(ctx context.Context, id execution.ID, pool string) (*execution.Queue, error)
	frames *prometheus.CounterVec
	pulse  time.Duration   // how long it may be silent
	beat   *time.Timer     // rings when it has been
	told   <-chan struct{} // closed when the client is to hear of a shutdown; nil: it has
	leave  *time.Timer     // rings when the feed is to end after that; nil: nobody said so

	answers <-chan answer // to what the client says; nil: it cannot say anything

	at     execution.Position // what the browser has
	status execution.Status   // after the last event that was sent
	queue  *execution.Queue   // as the browser knows it; nil: it does not wait, as far as is known
	over   bool               // nothing more to send, or nobody to send it to
	lost   bool               // nobody to send it to
	slow   bool               // because the client did not read
	err    error              // why the end could not be sent
}

// An outlet carries the frames of a feed.
type outlet interface {
	send(id, event string, data []byte) error // at once; the id may be empty
	done(why string)                          // the feed ended
}

// sse is a response of Server-Sent Events.
type sse struct{ w paced }

func (o sse) send(id, event string, data []byte) error { return o.write(sseFrame(id, event, data)) }

// sseFrame is a frame as Server-Sent Events have it; the id may be empty.
func sseFrame(id, event string, data []byte) string {
	if id != "" {
		id = "id: " + id + "\n"
	}
	return fmt.Sprintf("%sevent: %s\ndata: %s\n\n", id, event, data)
}

func (o sse) write(text string) error {
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.w.ctl.Flush()
}

// done gives the connection back as it was.
func (o sse) done(string) { _ = o.w.ctl.SetWriteDeadline(time.Time{}) }

// openFeed begins a response that is a stream.
func (s *Server) openFeed(c *gin.Context) *feed {
	c.Header("Content-Type", "text/event-stream")
	c.Header("X-Accel-Buffering", "no")
	c.Status(http.StatusOK)
	ctl := http.NewResponseController(c.Writer)
	_ = ctl.SetReadDeadline(time.Time{}) // one for the request would end its context
	out := sse{paced{c.Writer, ctl}}
	f := s.newFeed(c.Request.Context(), askedOf(c), out)
	f.lose(out.write("retry: 2000\n\n"))
	f.connected()
	return f
}

func (s *Server) newFeed(ctx context.Context, a asked, out outlet) *feed {
	pulse := s.heartbeat()
	return &feed{ctx: ctx, asked: a, out: out, frames: s.metrics.frames, pulse: pulse, beat: time.NewTimer(pulse), told: s.Closing}
}

// ended says why a feed that is over ended.
func (f *feed) ended() (why string, err error) {
	switch {
	case f.slow:
		return "cut", nil
	case f.lost || f.ctx.Err() != nil:
		return "left", nil
	case f.err != nil:
		return "error", f.err
	default:
		return "result", nil
	}
}

// begin tells how x stands to a client whose last frame was last, and what of
// the updates that it missed is not to be had.
func (s *Server) begin(f *feed, x execution.Execution, last string, missed []execution.Update) {
	f.id, f.pool, f.view, f.place = x.ID, x.Pool, s.endNow, s.placeNow
	var resumed bool
	if f.at, resumed = execution.ParsePosition(last); last != "" && !resumed {
		f.control("gap", GapFrame{Reason: "unknown_id", After: last, Before: f.at.String()})
	}
	for _, u := range missed {
		if u.Chunk != nil {
			f.gap(u)
			break
		}
	}
	if !x.Status.Terminal() {
		f.queue = x.Queue
	}
	f.status = x.Status
	f.present(x.Outcome)
	if !resumed {
		f.status = execution.Queued // as it was at the beginning
	}
}

// present tells how the execution stands.
func (f *feed) present(o *execution.Outcome) {
	f.control("status", StatusFrame{ExecutionID: f.id, Status: f.status, Type: "snapshot", At: now(), Outcome: o, Queue: f.queue})
}

// gap says that there is something missing before u, which is output, if that is
// so.
func (f *feed) gap(u execution.Update) (any bool) {
	if u.Follows(f.at) {
		return false
	}
	before := execution.Position{Event: f.at.Event, Output: u.At.Output - 1}
	f.control("gap", GapFrame{Reason: "missing", After: f.at.String(), Before: before.String()})
	f.at = before
	return true
}

// now is the time as frames have it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// serveFeed has follow write to f, which is about that kind of thing, and notes
// why that ended.
func (s *Server) serveFeed(f *feed, of string, follow func() (why string, err error)) {
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	why := "error" // also after a panic
	defer func() { f.done(why) }()
	how, err := follow()
	if err != nil {
		s.Log.ErrorContext(f.ctx, "stream failed", of, f.asked.id, "correlation_id", f.asked.correlation, "err", err)
		f.control("error", f.asked.problem(err))
	}
	why = how
	s.metrics.ended.WithLabelValues(why).Inc()
}

// poll has look send what has changed, the first time after a pause and then
// after those that it returns, until f is over. It says why that was.
func (s *Server) poll(f *feed, first time.Duration, look func() (pause time.Duration, err error)) (why string, err error) {
	return s.pollOr(f, first, nil, func(bool) (time.Duration, error) { return look() })
}

// pollOr is poll where an update of live lets look be woken before its time.
func (s *Server) pollOr(f *feed, first time.Duration, live <-chan *execution.Update, look func(woken bool) (pause time.Duration, err error)) (why string, err error) {
	woken := false
	next := time.NewTimer(first)
	defer next.Stop()
	for !f.over {
		select {
		case <-f.ctx.Done():
			return "left", nil
		case <-f.told:
			f.farewell(s.Phases)
		case <-f.left(): // the browser comes back, to another process
			return "shutdown", nil
		case <-f.beat.C:
			f.alive()
		case _, ok := <-live:
			if !ok { // too slow; the browser comes back with its Last-Event-ID
				return "cut", nil
			}
			woken = true
			next.Reset(0)
		case <-next.C:
			pause, err := look(woken)
			woken = false
			if err != nil && f.ctx.Err() == nil {
				return "error", err
			}
			next.Reset(pause)
		}
	}
	return f.ended()
}

// done ends it; why says why it ended.
func (f *feed) done(why string) {
	f.beat.Stop()
	if f.leave != nil {
		f.leave.Stop()
	}
	f.out.done(why)
}

// send writes those of updates that the browser does not have.
func (f *feed) send(updates ...execution.Update) {
	for _, u := range updates {
		if u.Chunk != nil && !f.over && f.gap(u) {
			f.present(nil)
		}
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
	f.control("status", StatusFrame{ExecutionID: f.id, Status: f.status, Type: "queue", At: now(), Queue: q})
}

// end sends the result, which is stored, and is the last of the feed.
func (f *feed) end() {
	v, err := f.view(f.ctx, f.id)
	if err == nil {
		f.frame(theEnd, "result_stored", v)
	}
	f.over, f.err = true, err
}

// control sends a frame without an id: a browser that comes back does not
// count it.
func (f *feed) control(event string, data any) { f.frame("", event, data) }

// connected is the first frame of every stream.
func (f *feed) connected() {
	f.control("connected", gin.H{"connection_id": execution.NewID(), "server_time": now()})
}

// alive is sent so that a silent stream can be told from a dead one, on both
// sides.
func (f *feed) alive() { f.control("heartbeat", gin.H{"server_time": now()}) }

// frame sends one at once.
func (f *feed) frame(id, event string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		f.over, f.err = true, err
		return
	}
	if f.lost {
		return
	}
	f.lose(f.out.send(id, event, b))
	f.frames.WithLabelValues(event).Inc()
	f.beat.Reset(f.pulse)
}

// lose notes that there is nobody to write to, if err says so.
func (f *feed) lose(err error) {
	if err == nil {
		return
	}
	f.over, f.lost = true, true
	f.slow = errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}
