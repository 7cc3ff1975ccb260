//go:build linux

package runner

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// What waits for a script that does not read.
	mostQueued = 1 << 20
	// So many IDs of feeds are remembered.
	mostSeen = 4096
	// From one look at a stdin that has ended to the next: somebody may open
	// its other end again.
	firstReopen, lastReopen = 50 * time.Millisecond, time.Second
)

// input takes feeds to a script that runs: data to its stdin, signals to its
// process group. A feed is acknowledged when it is queued; one for which there
// is no room waits, unacknowledged, and all that follow it.
type input struct {
	file   *os.File // where feeds come from
	script *tree
	taken  func(id string) // acknowledges

	mu     sync.Mutex
	moved  sync.Cond
	queue  [][]byte
	queued int  // bytes
	shut   bool // nothing more will be queued
	broken bool // the script reads no more
	over   bool // it has ended

	seen map[string]bool
	ids  []string // the keys of seen, in the order of coming, in a ring
	next int
}

func newInput(file *os.File, script *tree, first []byte, taken func(string)) *input {
	in := &input{file: file, script: script, taken: taken, seen: make(map[string]bool)}
	in.moved.L = &in.mu
	in.queue, in.queued = [][]byte{first}, len(first)
	return in
}

// hear takes feeds until the step is over. The end of the file is not the end
// of the script's stdin: whoever was attached went away, and may come back.
func (in *input) hear(done <-chan struct{}) {
	feeds, pause := newFeedReader(in.file), firstReopen
	for {
		f, err := feeds.read()
		switch {
		case err == nil && !in.take(f):
			return
		case err == nil:
			in.taken(f.id)
			pause = firstReopen
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		}
		select {
		case <-done:
			return
		case <-time.After(pause):
			pause = min(2*pause, lastReopen)
		}
	}
}

// take queues f, when there is room, and reports false if it is too late.
func (in *input) take(f feed) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.seen[f.id] {
		return !in.over
	}
	for !in.over && !in.shut && !in.broken && in.queued > 0 && in.queued+len(f.data) > mostQueued {
		in.moved.Wait()
	}
	if in.over {
		return false
	}
	in.remember(f.id)
	if !in.shut && !in.broken && len(f.data) > 0 {
		in.queue, in.queued = append(in.queue, f.data), in.queued+len(f.data)
	}
	in.shut = in.shut || f.close
	in.moved.Broadcast()
	if f.signal != "" {
		_ = unix.Kill(-in.script.pid, unix.SignalNum(f.signal)) // its session, and so its group, is its own
	}
	return true
}

func (in *input) remember(id string) {
	in.seen[id] = true
	if len(in.ids) < mostSeen {
		in.ids = append(in.ids, id)
		return
	}
	delete(in.seen, in.ids[in.next])
	in.ids[in.next] = id
	in.next = (in.next + 1) % mostSeen
}

// pour writes what is queued to the script's stdin, and closes it at the end.
func (in *input) pour() {
	defer in.script.stdin.Close() //nolint:errcheck // it need not be read
	for {
		b, ok := in.wait()
		if !ok {
			return
		}
		_, err := in.script.stdin.Write(b)
		in.mu.Lock()
		in.queued -= len(b)
		if err != nil {
			in.queue, in.queued, in.broken = nil, 0, true
		}
		in.moved.Broadcast()
		in.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait is the next piece, when there is one; false: none will come.
func (in *input) wait() ([]byte, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.queue) == 0 {
		if in.shut || in.over {
			return nil, false
		}
		in.moved.Wait()
	}
	b := in.queue[0]
	in.queue = in.queue[1:]
	return b, true
}

// stop ends hear and pour.
func (in *input) stop() {
	in.mu.Lock()
	in.over = true
	in.moved.Broadcast()
	in.mu.Unlock()
	_ = in.file.SetReadDeadline(time.Now())
	_ = in.script.stdin.Close()
}
