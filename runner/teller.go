//go:build linux

package runner

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// teller numbers the output of a job and writes its frames, one after the other. When
// the other side does not read, the writers wait, and so does the script.
type teller struct {
	w io.Writer

	mu     sync.Mutex
	number int64 // of the last frame of output
	line   []byte
	err    error         // the first: nothing is written after it
	failed chan struct{} // closed then
}

func (f *teller) send(kind Kind, position int64, payload []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	frame := Frame{Kind: kind, Position: position, Bytes: payload}
	if frame.output() {
		f.number++
		frame.Number = f.number
	}
	f.line = frame.append(f.line[:0])
	if _, f.err = f.w.Write(f.line); f.err != nil {
		close(f.failed)
	}
}

func (f *teller) started(phase Phase, at time.Time) {
	text, _ := json.Marshal(Started{At: at.UTC(), Phase: phase}) // of these types it does not fail
	f.send(Start, 0, text)
}

// acknowledge tells that a feed was taken.
func (f *teller) acknowledge(id string) { f.send(Ack, 0, []byte(id)) }

// final writes the last frame, when nobody else writes any more, and returns
// the first error there was.
func (f *teller) final(end End) error {
	end.Frames = f.number
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // of names it would make six times as much
	_ = e.Encode(end)      // as above: no number of it is infinite
	f.send(Final, 0, bytes.TrimSpace(text.Bytes()))
	return f.err
}

// ceiling is what all streams may carry together.
type ceiling struct {
	limit   int64 // bytes
	written atomic.Int64
	reached chan struct{} // closed by the first byte beyond
}

func (c *ceiling) add(n int) {
	if now := c.written.Add(int64(n)); now > c.limit && now-int64(n) <= c.limit {
		close(c.reached)
	}
}
