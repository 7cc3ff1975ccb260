package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"
)

const (
	firstRetry = time.Second      // until the server says another
	maxRetry   = 5 * time.Second  // between attempts to come back
	givingUp   = time.Minute      // after the end of the last connection that brought anything
	silence    = 90 * time.Second // is longer than any heartbeat: the connection is dead
)

// stream is one stream of Server-Sent Events, read over as many connections as
// that takes.
type stream struct {
	api   *api
	path  string
	again string               // the command that would follow it again
	stage func(string)         // is told why it waits
	take  func(fr frame) error // does what a frame says; a fatalError ends the stream, another the connection
	over  func() bool          // reports whether no more frames are needed

	last  string // id of the last good frame
	moved bool   // this connection brought something new
	heard bool   // this connection brought anything at all
	jump  bool   // and said that what is older is gone
	retry time.Duration
}

// fatalError ends a stream that no other connection would do better.
type fatalError struct{ error }

// Unwrap is the cause.
func (e fatalError) Unwrap() error { return e.error }

var (
	errOver = errors.New("the stream is over")
	errCut  = errors.New("the connection was cut")
)

// shutdownError says that the server is stopping, and after how long another
// one goes on.
type shutdownError struct{ after time.Duration }

// Error says so.
func (shutdownError) Error() string { return "the server is stopping" }

// shutdownIn reads one. What it does not say is nothing.
func shutdownIn(data []byte) shutdownError {
	var s struct {
		After float64 `json:"reconnect_after"` // seconds
	}
	_ = json.Unmarshal(data, &s)
	return shutdownError{time.Duration(min(max(s.After, 0), maxRetry.Seconds()) * float64(time.Second))}
}

// read reads on until it is over. It returns errOver if the server has nothing
// to say any more.
func (s *stream) read(ctx context.Context) error {
	s.retry = firstRetry
	lost := time.Now()
	for tries := 0; ; tries++ {
		s.heard, s.moved = false, false
		err := s.connect(ctx)
		switch {
		case s.over():
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errOver) || !hopeful(err):
			return err
		}
		if s.moved {
			tries = 0
		}
		if s.heard {
			lost = time.Now()
		}
		wait := s.pause(tries, err)
		if time.Since(lost)+wait > givingUp {
			return fmt.Errorf("lost the stream (%w); it goes on, follow it with: codesaga %s", err, s.again)
		}
		s.stage("reconnecting: " + err.Error())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hopeful reports whether another connection may do better than one that ended
// with err.
func hopeful(err error) bool {
	var p *problem
	var fatal fatalError
	switch {
	case errors.As(err, &fatal):
		return false
	case errors.As(err, &p):
		return p.Status >= 500 || p.is(http.StatusRequestTimeout, http.StatusTooManyRequests)
	default:
		return true
	}
}

// pause is how long to wait before the next connection, after so many that
// brought nothing.
func (s *stream) pause(tries int, err error) time.Duration {
	if stops := (shutdownError{}); tries == 0 && errors.As(err, &stops) {
		return stops.after
	}
	after, _ := again(err)
	return max(after, min(s.retry<<min(tries, 10), maxRetry))
}

// connect reads one connection to its end. It returns nil if that was the end
// of the stream, too, and why it ended otherwise.
func (s *stream) connect(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	idle := time.AfterFunc(silence, stop)
	defer idle.Stop()
	header := []string{"Accept", "text/event-stream", "Cache-Control", "no-cache"}
	if s.last != "" {
		header = append(header, "Last-Event-ID", s.last)
	}
	resp, err := s.api.open(ctx, http.MethodGet, s.path, nil, header...) //nolint:bodyclose // it is closed below
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return errOver
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "text/event-stream" {
		return fatalError{fmt.Errorf("%s answers with no stream but %q", s.api.base, resp.Header.Get("Content-Type"))}
	}
	s.jump = false
	return s.frames(newFrames(readFunc(func(b []byte) (int, error) {
		n, err := resp.Body.Read(b)
		if n > 0 {
			s.heard = true
			idle.Reset(silence)
		}
		return n, err
	})))
}

// frames takes frames until there are no more, or none are needed. What any
// stream may say is dealt with here.
func (s *stream) frames(in *frames) error {
	for !s.over() {
		fr, err := in.next()
		if in.retry > 0 {
			s.retry = in.retry
		}
		switch {
		case errors.Is(err, errTooLong):
			return fatalError{err}
		case err != nil:
			return errCut
		}
		switch fr.event {
		case "shutdown":
			return shutdownIn(fr.data)
		case "gap":
			s.jump = true
		case "error":
			return problemIn(fr.data)
		}
		if err := s.take(fr); err != nil {
			return err
		}
		if fr.id != "" && fr.id != s.last {
			s.last, s.moved = fr.id, true
		}
	}
	return nil
}

// readFunc is a reader.
type readFunc func([]byte) (int, error)

// Read calls r.
func (r readFunc) Read(b []byte) (int, error) { return r(b) }
