package e2e

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// follower is a browser that comes back: it reads a stream to its end over as
// many connections as that takes, each to another web process.
type follower struct {
	story *story
	id    string
	lives func() time.Duration // of the next connection; nil: as long as it lasts

	mu          sync.Mutex
	got         *reader
	err         error
	connections int
	done        chan struct{}
}

// pursue follows id in the background.
func (s *story) pursue(id string, lives func() time.Duration) *follower {
	f := &follower{story: s, id: id, lives: lives, got: newReader(), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for f.connections = 0; f.once(the.urls[f.connections%len(the.urls)]); f.connections++ {
		}
	}()
	return f
}

// once reads one connection, and reports whether another is needed.
func (f *follower) once(base string) (again bool) {
	ctx, stop := context.WithCancel(f.story.ctx)
	defer stop()
	if f.lives != nil {
		defer time.AfterFunc(f.lives(), stop).Stop()
	}
	c, err := f.story.connect(ctx, base, f.id, f.got.last)
	if errors.Is(err, errNothingLeft) {
		f.fail(errors.New("204 although the end did not come"))
		return false
	}
	if err != nil { // a process is away: the other one may not be
		pause(f.story.ctx, 100*time.Millisecond)
		return f.story.ctx.Err() == nil
	}
	defer c.body.Close()
	for {
		fr, err := c.next()
		if err != nil {
			return f.story.ctx.Err() == nil && !f.ended()
		}
		if fr.event == "error" || fr.event == "shutdown" { // come back with the last ID
			pause(f.story.ctx, 100*time.Millisecond)
			return f.story.ctx.Err() == nil
		}
		f.mu.Lock()
		err = f.got.take(fr)
		f.mu.Unlock()
		if err != nil {
			f.fail(err)
			return false
		}
		if f.ended() {
			return false
		}
	}
}

func (f *follower) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *follower) ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.final != nil
}

// stdout is what came so far.
func (f *follower) stdout() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.printed["stdout"]
}

// places are those in the queue, as it was told, so far.
func (f *follower) places() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got.places)
}

// wait returns what came, when all has come.
func (f *follower) wait() *reader {
	f.story.Helper()
	select {
	case <-f.done:
	case <-f.story.ctx.Done():
		<-f.done
	}
	if f.err != nil {
		f.story.Fatalf("the stream of %s, connection %d: %v", f.id, f.connections+1, f.err)
	}
	if !f.ended() {
		f.story.Fatalf("the stream of %s did not end, after %d connections", f.id, f.connections+1)
	}
	return f.got
}
