package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/codesaga/codesaga/execution"
)

// sameGaps is how often the same bytes may be missing before it is clear that
// the server has not got them.
const sameGaps = 3

// follower reads the stream of one execution to its end, and hands on each byte
// of output once.
type follower struct {
	stream
	id    string
	print func(s execution.Stream, b []byte) error // its error ends the following
	note  func(string)
	begun func() // the script runs; nil: nobody waits for that
	mute  bool   // count output, but do not print it

	have    map[execution.Stream]int64 // position behind the last byte
	holes   bool                       // some bytes never came
	final   *view                      // the execution as it ended
	missing gapError                   // the last gap
	gaps    int                        // how often in a row it was met
	once    sync.Once                  // of begun
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

// follower shows the run id on s.
func (c *call) follower(id string, s *screen) *follower {
	f := &follower{id: id, print: s.print, note: s.note, have: map[execution.Stream]int64{}}
	f.stream = stream{
		api: c.api, path: executionPath(id, "/stream"), again: "logs -f " + id,
		stage: s.stage, take: f.take, over: func() bool { return f.final != nil },
	}
	return f
}

// follow reads on until the result is stored, and returns the execution.
func (f *follower) follow(ctx context.Context) (x view, err error) {
	switch err = f.read(ctx); {
	case errors.Is(err, errOver): // it has nothing left to say; the API has
		err = retry(ctx, nil, func(error) {}, func() error { return f.api.get(ctx, executionPath(f.id, ""), &x) })
		return x, err
	case err != nil:
		return x, err
	}
	return *f.final, nil
}

// take does what one frame says. Of a type that it does not know, that is
// nothing.
func (f *follower) take(fr frame) error {
	switch fr.event {
	case "output":
		return f.output(fr.data)
	case "status":
		var s statusFrame
		if json.Unmarshal(fr.data, &s) != nil {
			return nil
		}
		if s.Status == execution.Running {
			f.runs()
		}
		if s.stage() != "" {
			f.stage(s.stage())
		}
	case "result_stored":
		var x view
		if err := json.Unmarshal(fr.data, &x); err != nil {
			return fatalError{err}
		}
		f.final = &x
	}
	return nil
}

// runs tells once that the script does.
func (f *follower) runs() {
	if f.begun != nil {
		f.once.Do(f.begun)
	}
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
	if o.Stream != execution.Compile {
		f.runs()
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
