package bridge

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/codesaga/codesaga/execution"
)

// How far a subscriber may be behind: it is dropped when it has more than one
// of them waiting.
const (
	maxUpdates = 100
	maxBytes   = 1 << 20
)

// Router hands updates to the subscribers in this process. It never waits for
// one: who lags is dropped, and comes back with the position it has reached.
// Its zero value serves subscribers; Run feeds it from Kafka.
type Router struct {
	Cluster Cluster
	Codecs  *Codecs
	Metrics *Metrics // may be nil

	readers atomic.Int64 // of partitions

	mu    sync.Mutex
	subs  map[execution.ID]map[*subscriber]bool
	ready chan struct{}
}

// subscriber is one stream that waits for updates.
type subscriber struct {
	updates chan *execution.Update // all of one execution have the same
	sizes   []int                  // of the updates that may still be in the channel, in order
	bytes   int                    // their sum
}

// Ready is closed once every update from then on comes to whoever subscribed.
func (r *Router) Ready() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ready == nil {
		r.ready = make(chan struct{})
	}
	return r.ready
}

// Subscribe returns the updates of id from now on, until stop is called or the
// subscriber lags; then the channel is closed.
func (r *Router) Subscribe(id execution.ID) (updates <-chan *execution.Update, stop func()) {
	s := &subscriber{updates: make(chan *execution.Update, maxUpdates)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subs == nil {
		r.subs = make(map[execution.ID]map[*subscriber]bool)
	}
	if r.subs[id] == nil {
		r.subs[id] = make(map[*subscriber]bool)
	}
	r.subs[id][s] = true
	r.Metrics.subscribed(1)
	return s.updates, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.drop(id, s)
	}
}

// SubscribeNotices is Subscribe for the notices to user. Its updates are empty:
// that there is something to be read.
func (r *Router) SubscribeNotices(user string) (updates <-chan *execution.Update, stop func()) {
	return r.Subscribe(noticesOf(user))
}

// noticesOf is where those who follow the notices to user are found, which no
// execution is called.
func noticesOf(user string) execution.ID { return execution.ID(inboxes + user) }

const inboxes = "notices/"

// Deliver hands u to all who subscribed to id. It never blocks.
func (r *Router) Deliver(id execution.ID, u execution.Update) {
	if u.Chunk != nil && u.Chunk.Stream == execution.Artifacts { // they only count, and must not crowd out what is to be seen
		light := *u.Chunk
		light.Bytes = nil
		u.Chunk = &light
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.subs[id]) == 0 {
		return
	}
	same := new(u)
	for s := range r.subs[id] {
		if !s.take(same) {
			r.drop(id, s)
			r.Metrics.drop()
		}
	}
}

// wanted reports whether anybody subscribed to id.
func (r *Router) wanted(id execution.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.subs[id]) > 0
}

// cut drops all who subscribed to id: an update is lost to them, and they have
// to read it from the store.
func (r *Router) cut(id execution.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.subs[id] {
		r.drop(id, s)
		r.Metrics.drop()
	}
}

// Figures tells how r stands.
func (r *Router) Figures() execution.LiveFigures {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := execution.LiveFigures{Readers: int(r.readers.Load()), MaxUpdates: maxUpdates, MaxBytes: maxBytes}
	for id, of := range r.subs {
		if !strings.HasPrefix(string(id), inboxes) {
			f.Executions++
		}
		f.Subscribers += len(of)
		for s := range of {
			s.settle()
			f.Updates, f.Bytes = f.Updates+len(s.updates), f.Bytes+s.bytes
			f.FullestUpdates, f.FullestBytes = max(f.FullestUpdates, len(s.updates)), max(f.FullestBytes, s.bytes)
		}
	}
	return f
}

// drop closes the channel once, however often it is called. The caller holds mu.
func (r *Router) drop(id execution.ID, s *subscriber) {
	if !r.subs[id][s] {
		return
	}
	close(s.updates)
	delete(r.subs[id], s)
	if len(r.subs[id]) == 0 {
		delete(r.subs, id)
	}
	r.Metrics.subscribed(-1)
}

// take hands u on if there is room for it. The caller holds the router's lock,
// so that nobody else adds to the channel; what was taken out of it is found by
// its length.
func (s *subscriber) take(u *execution.Update) bool {
	s.settle()
	size := 1 << 8 // an event, about
	if u.Chunk != nil {
		size += len(u.Chunk.Bytes)
	}
	if s.bytes+size > maxBytes || len(s.updates) == cap(s.updates) {
		return false
	}
	s.updates <- u // has room
	s.sizes, s.bytes = append(s.sizes, size), s.bytes+size
	return true
}

// settle takes note of what was taken out of the channel. The caller holds the
// router's lock.
func (s *subscriber) settle() {
	for len(s.sizes) > len(s.updates) {
		s.bytes -= s.sizes[0]
		s.sizes = s.sizes[1:]
	}
}
