package bridge

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/semaphore"
)

// backlog is how many messages may be done behind one that is not. It bounds
// what a crash repeats while one key waits for a part of the platform.
const backlog = 10_000

// lanes holds the messages that wait for an earlier one with their key.
type lanes struct {
	unordered bool // each message has a lane of its own

	mu      sync.Mutex
	waiting map[string][]kafka.Message // a key is here as long as someone works on it
}

// join reports whether nobody works on m's key: then the caller does, with m
// and whatever next returns. Otherwise m waits for whoever does.
func (l *lanes) join(m kafka.Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = make(map[string][]kafka.Message)
	}
	if l.unordered {
		return true
	}
	queue, taken := l.waiting[string(m.Key)]
	if taken {
		queue = append(queue, m)
	}
	l.waiting[string(m.Key)] = queue
	return !taken
}

// next returns what comes after m in its lane. Without one, the lane is free.
func (l *lanes) next(m kafka.Message) (kafka.Message, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waiting[string(m.Key)]
	if len(queue) == 0 {
		delete(l.waiting, string(m.Key))
		return kafka.Message{}, false
	}
	l.waiting[string(m.Key)] = queue[1:]
	return queue[0], true
}

// progress commits what is done without a gap. A commit says "all before this
// too", so what is done behind a slow message stays uncommitted until the slow
// one is done.
type progress struct {
	commit func(context.Context, ...kafka.Message) error
	behind func(partition int, lag int64) // how many messages of the partition are not done
	room   *semaphore.Weighted            // for steps

	mu   sync.Mutex
	open map[int]*partition
}

// partition is what was fetched of one and is not committed.
type partition struct {
	steps []step // in the order of fetching, which is that of offsets
	end   int64  // the highest high water mark seen: the offset of the message to be written next
}

type step struct {
	offset int64
	done   bool
}

func newProgress(commit func(context.Context, ...kafka.Message) error, behind func(int, int64)) *progress {
	return &progress{commit: commit, behind: behind, room: semaphore.NewWeighted(backlog), open: make(map[int]*partition)}
}

// expect notes that m was fetched. After a rebalance the partition may start
// anew at an earlier offset; what was noted of it then no longer counts. It
// waits while too much is done behind something that is not.
func (p *progress) expect(ctx context.Context, m kafka.Message) error {
	if err := p.room.Acquire(ctx, 1); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.open[m.Partition]
	if of == nil {
		of = new(partition)
		p.open[m.Partition] = of
	}
	if n := len(of.steps); n > 0 && m.Offset <= of.steps[n-1].offset {
		p.room.Release(int64(n))
		of.steps = nil
	}
	of.steps = append(of.steps, step{offset: m.Offset})
	of.end = max(of.end, m.HighWaterMark)
	p.behind(m.Partition, max(of.end-of.steps[0].offset, 0))
	return nil
}

// with notes that m was handled, and commits as far as there is no gap. It
// commits under the lock, so that commits never run backwards.
func (p *progress) with(ctx context.Context, m kafka.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.open[m.Partition]
	at, found := slices.BinarySearchFunc(of.steps, m.Offset, func(s step, offset int64) int { return cmp.Compare(s.offset, offset) })
	if found { // not if the partition began anew
		of.steps[at].done = true
	}
	n := 0
	for n < len(of.steps) && of.steps[n].done {
		n++
	}
	if n == 0 {
		return nil
	}
	last := kafka.Message{Topic: m.Topic, Partition: m.Partition, Offset: of.steps[n-1].offset}
	of.steps = of.steps[n:]
	p.room.Release(int64(n))
	p.behind(m.Partition, max(of.end-last.Offset-1, 0))
	return p.commit(ctx, last)
}
