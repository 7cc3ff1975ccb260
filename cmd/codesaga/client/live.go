package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/codesaga/codesaga/execution"
)

// feed is something for a script that runs: input, its end, or a signal. It is
// the body of a request.
type feed struct {
	Data   string `json:"data,omitempty"`
	Bytes  []byte `json:"data_base64,omitempty"` // what is not UTF-8
	Close  bool   `json:"close,omitempty"`
	Signal string `json:"signal,omitempty"`
}

// feedOf is a feed of data.
func feedOf(data []byte) feed {
	if utf8.Valid(data) {
		return feed{Data: string(data)}
	}
	return feed{Bytes: data}
}

// send sends one feed under one key, as often as try finds that worth it. More
// than the server takes at a time waits.
func (a *api) send(ctx context.Context, id string, f feed, try func(context.Context, func() error) error) error {
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	key := string(execution.NewID())
	return try(ctx, func() error {
		for {
			err := a.ask(ctx, http.MethodPost, executionPath(id, "/input"), body, nil, "Idempotency-Key", key)
			p := (*problem)(nil)
			if !errors.As(err, &p) || !p.is(http.StatusTooManyRequests) {
				return err
			}
			select {
			case <-time.After(max(firstPause, p.after)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// soon tries for as long as the patience of a client lasts.
func soon(ctx context.Context, send func() error) error {
	return retry(ctx, nil, func(error) {}, send)
}

// stubborn tries until ctx ends. A run may hear of its own start later than who
// watches it: then there is a conflict for a while.
func stubborn(ctx context.Context, send func() error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := send()
		after, ok := again(err)
		if p := (*problem)(nil); errors.As(err, &p) && p.is(http.StatusConflict) {
			after, ok = p.after, true
		}
		if !ok {
			return err
		}
		select {
		case <-time.After(max(pause, after)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// feeder sends what is typed to a script that runs, each piece when the one
// before it has been taken.
type feeder struct {
	call  *call
	id    string
	note  func(string)
	ready chan struct{} // closed when the script can hear
}

func (c *call) feeder(id string, note func(string)) *feeder {
	return &feeder{call: c, id: id, note: note, ready: make(chan struct{})}
}

// live sends what in gives, its end, and signals, until ctx ends. Until it
// begins, and after it has failed, an interrupt is for the client.
func (f *feeder) live(ctx context.Context, in io.Reader) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		return
	}
	f.call.hears.Store(true)
	defer f.call.hears.Store(false)
	typed := pieces(ctx, in)
	for {
		var next feed
		select {
		case p, ok := <-typed:
			switch {
			case !ok:
				typed, next.Close = nil, true
			case p.err != nil:
				f.note("stdin: " + p.err.Error())
				continue // its end comes next
			default:
				next = feedOf(p.data)
			}
		case next.Signal = <-f.call.signals:
			f.note("sending " + next.Signal + "; interrupt again within " + twice.String() + " to cancel the run")
		case <-ctx.Done():
			return
		}
		if err := f.call.api.send(ctx, f.id, next, stubborn); err != nil {
			if ctx.Err() == nil {
				f.note("no more input is sent: " + err.Error())
			}
			return
		}
	}
}

// piece is what one read gave.
type piece struct {
	data []byte
	err  error
}

// pieces reads in, of which each read becomes a piece at once. The end of in
// closes the channel; any other error comes as a piece before that. A read that
// hangs outlives ctx.
func pieces(ctx context.Context, in io.Reader) <-chan piece {
	all := make(chan piece)
	go func() {
		defer close(all)
		buffer := make([]byte, execution.MaxFeedBytes)
		for {
			n, err := in.Read(buffer)
			if n > 0 && !give(ctx, all, piece{data: append([]byte(nil), buffer[:n]...)}) {
				return
			}
			if err != nil && !errors.Is(err, io.EOF) {
				give(ctx, all, piece{err: err})
			}
			if err != nil {
				return
			}
		}
	}()
	return all
}

func give(ctx context.Context, to chan<- piece, p piece) bool {
	select {
	case to <- p:
		return true
	case <-ctx.Done():
		return false
	}
}
