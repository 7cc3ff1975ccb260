package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const (
	firstRetry = time.Second      // until the server says another
	maxRetry   = 5 * time.Second  // between attempts to come back
	givingUp   = time.Minute      // after the end of the last connection that brought anything
	silence    = 90 * time.Second // is longer than any heartbeat: the connection is dead
	sameGaps   = 3                // this often the same bytes were missing: the server has not got them
)

// follower reads the stream of one execution to its end, over as many
// connections as that takes, and hands on each byte of output once.
type follower struct {
	api   *api
	id    string
	print func(s execution.Stream, b []byte) error // its error ends the following
	stage func(string)
	note  func(string)
	mute  bool // count output, but do not print it

	last    string                     // id of the last good frame
	have    map[execution.Stream]int64 // position behind the last byte
	holes   bool                       // some bytes never came
	final   json.RawMessage            // the execution as it ended
	moved   bool                       // this connection brought something new
	heard   bool                       // this connection brought anything at all
	retry   time.Duration
	missing gapError // the last gap
	gaps    int      // how often in a row it was met
	jump    bool     // the server said that what is older is gone
}

// gapError says that bytes are missing from a stream.
type gapError struct {
	stream     execution.Stream
	have, next int64
}

// Error says which.
func (e gapError) Error() string {
	return fmt.Sprintf("%d bytes of %s are missing at %d", e.next-e.have, e.stream, e.have)
}

// fatalError ends a following that no other connection would do better.
type fatalError struct{ error }

// Unwrap is the cause.
func (e fatalError) Unwrap() error { return e.error }

var (
	errShutdown = errors.New("the server is stopping")
	errOver     = errors.New("the stream is over")
	errCut      = errors.New("the connection was cut")
)

// follow reads on until the result is stored, and returns the execution.
func (f *follower) follow(ctx context.Context) (view, error) {
	f.have, f.retry = map[execution.Stream]int64{}, firstRetry
	lost := time.Now()
	for tries := 0; ; tries++ {
		f.heard, f.moved = false, false
		err := f.connect(ctx)
		switch {
		case f.final != nil:
			return viewOf(f.final)
		case ctx.Err() != nil:
			return view{}, ctx.Err()
		case errors.Is(err, errOver):
			return f.ask(ctx)
		case !hopeful(err):
			return view{}, err
		}
		if f.moved {
			tries = 0
		}
		if f.heard {
			lost = time.Now()
		}
		wait := f.pause(tries, err)
		if time.Since(lost)+wait > givingUp {
			return view{}, fmt.Errorf("lost the stream (%w); the run goes on, follow it with: codesaga logs -f %s", err, f.id)
		}
		f.stage("reconnecting: " + err.Error())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return view{}, ctx.Err()
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
func (f *follower) pause(tries int, err error) time.Duration {
	if tries == 0 && errors.Is(err, errShutdown) {
		return 0
	}
	after, _ := again(err)
	return max(after, min(f.retry<<min(tries, 10), maxRetry))
}

// ask gets the execution from the API: the stream has nothing left to say.
func (f *follower) ask(ctx context.Context) (x view, err error) {
	err = retry(ctx, nil, func(error) {}, func() error {
		return f.api.get(ctx, executionPath(f.id, ""), &f.final)
	})
	if err != nil {
		return x, err
	}
	return viewOf(f.final)
}

// connect reads one connection to its end. It returns nil if that was the end
// of the stream, too, and why it ended otherwise.
func (f *follower) connect(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	idle := time.AfterFunc(silence, stop)
	defer idle.Stop()
	header := []string{"Accept", "text/event-stream", "Cache-Control", "no-cache"}
	if f.last != "" {
		header = append(header, "Last-Event-ID", f.last)
	}
	resp, err := f.api.open(ctx, http.MethodGet, executionPath(f.id, "/stream"), nil, header...) //nolint:bodyclose // it is closed below
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return errOver
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "text/event-stream" {
		return fatalError{fmt.Errorf("%s answers with no stream but %q", f.api.base, resp.Header.Get("Content-Type"))}
	}
	f.jump = false
	in := newFrames(readFunc(func(b []byte) (int, error) {
		n, err := resp.Body.Read(b)
		if n > 0 {
			f.heard = true
			idle.Reset(silence)
		}
		return n, err
	}))
	return f.read(in)
}

// read takes frames until there are no more, or none are needed.
func (f *follower) read(in *frames) error {
	for f.final == nil {
		fr, err := in.next()
		if in.retry > 0 {
			f.retry = in.retry
		}
		switch {
		case errors.Is(err, errTooLong):
			return fatalError{err}
		case err != nil:
			return errCut
		}
		if err := f.take(fr); err != nil {
			return err
		}
		if fr.id != "" && fr.id != f.last {
			f.last, f.moved = fr.id, true
		}
	}
	return nil
}

// take does what one frame says. Of a type that it does not know, that is
// nothing.
func (f *follower) take(fr frame) error {
	switch fr.event {
	case "output":
		return f.output(fr.data)
	case "status":
		var s statusFrame
		if json.Unmarshal(fr.data, &s) == nil && s.stage() != "" {
			f.stage(s.stage())
		}
	case "result_stored":
		if _, err := viewOf(fr.data); err != nil {
			return fatalError{err}
		}
		f.final = fr.data
	case "gap":
		f.jump = true
	case "shutdown":
		return errShutdown
	case "error":
		p := &problem{Title: "the stream failed", Status: http.StatusInternalServerError}
		_ = json.Unmarshal(fr.data, p) // what is not in it stays as it is
		return p
	}
	return nil
}

// output hands on what is new of one frame of output.
func (f *follower) output(data []byte) error {
	var o struct {
		Stream   execution.Stream `json:"stream"`
		Position int64            `json:"position"`
		Text     string           `json:"text"`
		Bytes    []byte           `json:"data_base64"`
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return fatalError{fmt.Errorf("a frame of output: %w", err)}
	}
	b := append(o.Bytes, o.Text...)
	have := f.have[o.Stream]
	if o.Position > have {
		if err := f.gap(gapError{o.Stream, have, o.Position}); err != nil {
			return err
		}
		have = o.Position
	}
	if known := have - o.Position; known < int64(len(b)) {
		b = b[known:]
	} else {
		b = nil
	}
	f.have[o.Stream] = have + int64(len(b))
	if len(b) == 0 || f.mute {
		return nil
	}
	if err := f.print(o.Stream, b); err != nil {
		return fatalError{err}
	}
	return nil
}

// gap returns nil if there is nothing to do about g but to say so: another
// connection, from the last good frame on, has just the same.
func (f *follower) gap(g gapError) error {
	if f.missing != g {
		f.missing, f.gaps = g, 0
	}
	if f.gaps++; f.gaps <= sameGaps && !f.jump {
		return g
	}
	f.holes = true
	f.note(g.Error())
	return nil
}

// readFunc is a reader.
type readFunc func([]byte) (int, error)

// Read calls r.
func (r readFunc) Read(b []byte) (int, error) { return r(b) }
