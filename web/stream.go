package web

import (
	"cmp"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

const (
	theEnd   = "end"            // the id of a stream's last frame
	quiet    = 15 * time.Second // between two looks at the store while nothing happens
	queueing = 5 * time.Second  // between two looks at the place in the queue (parity AD-10)
	patience = time.Minute      // between a result that is stored and its event; after it the stream does without
)

// stream sends what becomes of one execution, until its result is stored: each
// update once and in order. The live feed makes it fast, the store makes it
// complete.
func (s *Server) stream(c *gin.Context) error {
	closesAfter(c)
	return s.tell(c, func() (*feed, error) { return s.openFeed(c), nil })
}

// tell is stream over the feed that open opens.
func (s *Server) tell(c *gin.Context, open func() (*feed, error)) error {
	x, err := s.mineBy(c, s.rowNow)
	if err != nil {
		return err
	}
	concerns(c.Request.Context(), x)
	last, leave, err := s.enter(c)
	if err != nil || last == theEnd {
		return err
	}
	live, stop := s.Live.Subscribe(x.ID) // before the store is read, so that nothing falls between
	over, detached := func() { stop(); leave() }, false
	defer func() {
		if !detached { // then it is the stream's
			over()
		}
	}()
	at, _ := execution.ParsePosition(last)
	missed, more, joined, err := s.sinceNow(c.Request.Context(), x.ID, at)
	if err != nil {
		return err
	}
	if x.Status == execution.Queued {
		if x.Queue, err = s.placeNow(c.Request.Context(), x.ID, x.Pool); err != nil {
			return err
		}
	}
	f, err := open()
	if err != nil {
		return err
	}
	serve := func() {
		s.serveFeed(f, "execution", func() (string, error) {
			s.begin(f, x, last, missed)
			f.send(missed...)
			return s.follow(f, live, more || joined)
		})
	}
	if detached = s.detach(c, f, serve, over); !detached {
		serve()
	}
	return nil
}

// enter lets a client in, whose last frame was last, and gives its seat back with
// leave. With theEnd it has been told to stay away, and has no seat.
func (s *Server) enter(c *gin.Context) (last string, leave func(), err error) {
	if last = cmp.Or(c.GetHeader("Last-Event-ID"), c.Query("last_event_id")); last == theEnd {
		c.Status(http.StatusNoContent) // which an EventSource heeds
		return last, nil, nil
	}
	if s.closing() {
		return last, nil, errClosing
	}
	leave, err = s.seats.take(c.GetString("user"), s.MaxStreams)
	return last, leave, err
}

// follow sends what comes until the end, and says why it ended. Output is sent
// as it comes, if it follows what was sent. Everything else that is live is a
// wake-up: an earlier event may have passed before we subscribed, and only the
// store, which has the events of one execution in order, can tell that none is
// missing. If more, there is some in the store already.
func (s *Server) follow(f *feed, live <-chan *execution.Update, more bool) (why string, err error) {
	want, look := f.at, newLook(quiet)
	defer look.timer.Stop()
	queue := time.NewTicker(queueing)
	defer queue.Stop()
	if more {
		look.soon()
	}
	for !f.over {
		select {
		case <-f.ctx.Done():
			return "left", nil
		case <-f.told:
			f.farewell(s.Phases)
		case <-f.left(): // the browser comes back, to another process
			return "shutdown", nil
		case u, ok := <-live:
			switch {
			case !ok: // too slow; the browser comes back with its Last-Event-ID
				return "cut", nil
			case u.Follows(f.at):
				f.send(*u)
			case !f.at.Reached(u.At):
				want = furthest(want, u.At)
				look.soon()
			}
		case <-queue.C:
			if f.status != execution.Queued {
				queue.Stop()
			} else {
				f.refresh()
			}
		case <-f.beat.C:
			f.alive()
		case answer := <-f.answers:
			if f.control(answer.event, answer.data); answer.last {
				return "refused", nil
			}
		case <-look.timer.C:
			if err := s.catchUp(f, look.pause >= time.Second); err != nil && f.ctx.Err() == nil {
				return "error", err
			}
			if f.at.Reached(want) {
				look.calm()
			}
			look.later()
		}
	}
	return f.ended()
}

// furthest is how far who has a and b is.
func furthest(a, b execution.Position) execution.Position {
	return execution.Position{Event: max(a.Event, b.Event), Output: max(a.Output, b.Output)}
}

// catchUp sends all that the store has and the browser has not. If, in a calm
// moment, that is nothing although the result has long been stored, then the
// event that says so is gone, or the browser's position is beyond it: it gets
// the result without.
func (s *Server) catchUp(f *feed, calm bool) error {
	before := f.at
	for more := true; more && !f.over; {
		var missed []execution.Update
		var err error
		if missed, more, _, err = s.sinceNow(f.ctx, f.id, f.at); err != nil {
			return err
		}
		f.send(missed...)
		more = more && len(missed) > 0
	}
	if !calm || f.over || f.at != before {
		return nil
	}
	x, err := s.rowNow(f.ctx, f.id)
	if err == nil && !x.StoredAt.IsZero() && time.Since(x.StoredAt) > patience {
		f.end()
	}
	return err
}
