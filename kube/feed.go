package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

const (
	// passWithin is how long a feed is tried, before it is given up: no longer,
	// because a delete may wait behind it. Each try has answerWithin.
	passWithin   = 10 * time.Second
	answerWithin = 3 * time.Second
	// idle is how long an attach is kept open for the next feed.
	idle = time.Minute
)

// feeders are the open attaches.
type feeders struct {
	mu  sync.Mutex
	all map[execution.ID]*feeder
}

// feeder is an open attach to the script of a run.
type feeder struct {
	conn io.ReadWriteCloser
	acks chan string // IDs of feeds that the runner has; closed at the end
	rest *time.Timer // closes it
}

// pass gives t.Feed to the script, which hears it once: the runner knows those
// that it has. Where no script listens the feed is dropped, and after a while of
// trying, too.
func (w *Worker) pass(ctx context.Context, t execution.Task) error {
	if t.ExecutionID == "" || t.Feed == nil || t.Feed.ID == "" || len(t.Feed.Data) > execution.MaxFeedBytes {
		return execution.Errorf(execution.Invalid, "task without an execution or a feed, or with too large a one")
	}
	worker := ctx
	ctx, stop := context.WithTimeout(ctx, passWithin)
	defer stop()
	line := runner.EncodeFeed(t.Feed.ID, t.Feed.Data, t.Feed.Close, t.Feed.Signal)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		listens, err := w.listens(ctx, t.ExecutionID)
		if err == nil && !listens {
			w.feeds.drop(t.ExecutionID)
			w.metrics().feeds.WithLabelValues("dropped").Inc()
			w.log().InfoContext(ctx, "feed dropped: nobody listens", "execution", t.ExecutionID)
			return nil
		}
		if err == nil {
			err = w.feed(ctx, t.ExecutionID, t.Feed.ID, line)
		}
		if err == nil {
			w.metrics().feeds.WithLabelValues("passed").Inc()
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if worker.Err() != nil { // somebody else has to
				return worker.Err()
			}
			w.metrics().feeds.WithLabelValues("failed").Inc()
			w.log().WarnContext(ctx, "feed given up", "execution", t.ExecutionID, "err", err)
			return nil
		}
	}
}

// listens reports whether there is a script that runs and takes feeds.
func (w *Worker) listens(ctx context.Context, id execution.ID) (bool, error) {
	if w.deleted.has(id) {
		return false, nil
	}
	pod, err := w.pods().Get(ctx, podName(id), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	}
	takes := false
	for _, c := range pod.Spec.Containers {
		takes = takes || c.Name == container && c.Stdin
	}
	return takes && state(pod).Running != nil && pod.DeletionTimestamp == nil, nil
}

// feed sends a line to the runner of id, once, and waits for its word that it
// has the feed. Tasks of one execution come one after the other.
func (w *Worker) feed(ctx context.Context, id execution.ID, feedID string, line []byte) error {
	f := w.feeds.take(id)
	if f == nil {
		f = w.attach(id)
	}
	ctx, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	end := context.AfterFunc(ctx, func() { _ = f.conn.Close() }) // a write does not hear ctx
	if _, err := f.conn.Write(line); err != nil {
		_ = f.conn.Close()
		return fmt.Errorf("write to stdin: %w", err)
	}
	for {
		select {
		case acked, ok := <-f.acks:
			switch {
			case !ok:
				_ = f.conn.Close()
				return errors.New("the attach ended")
			case acked == feedID && end():
				w.feeds.put(id, f)
				return nil
			case acked == feedID: // and just too late to go on with this attach
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("the runner does not answer: %w", ctx.Err())
		}
	}
}

// attach opens an attach to the script of id. Errors of the cluster come with
// the first use. What comes out of it is read to the end, for a script waits for
// each of those who listen.
func (w *Worker) attach(id execution.ID) *feeder {
	open := w.openAttach
	if open == nil {
		open = w.podAttach
	}
	f := &feeder{conn: open(context.Background(), podName(id)), acks: make(chan string, 16)}
	go func() {
		defer close(f.acks)
		for frames := runner.NewReader(f.conn); ; {
			frame, err := frames.Read()
			switch {
			case errors.Is(err, runner.ErrFrame): // the first line may be half of one
				continue
			case err != nil:
				return
			case frame.Kind != runner.Ack:
				continue
			}
			select {
			case f.acks <- string(frame.Bytes):
			default: // of somebody else's feeds
			}
		}
	}()
	return f
}

// take is the open attach of id, or nil; it is the caller's until it is put back.
func (s *feeders) take(id execution.ID) *feeder {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.all[id]
	if f == nil {
		return nil
	}
	delete(s.all, id)
	f.rest.Stop()
	for { // what came meanwhile was no answer to what comes now
		select {
		case _, ok := <-f.acks:
			if !ok {
				return nil
			}
		default:
			return f
		}
	}
}

// put keeps f open for a while.
func (s *feeders) put(id execution.ID, f *feeder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[execution.ID]*feeder)
	}
	f.rest = time.AfterFunc(idle, func() { s.drop(id) })
	s.all[id] = f
}

// drop ends the attach of id, if there is one.
func (s *feeders) drop(id execution.ID) {
	s.mu.Lock()
	f := s.all[id]
	delete(s.all, id)
	s.mu.Unlock()
	if f != nil {
		f.rest.Stop()
		_ = f.conn.Close()
	}
}

// close ends all attaches.
func (s *feeders) close() {
	s.mu.Lock()
	ids := make([]execution.ID, 0, len(s.all))
	for id := range s.all {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		s.drop(id)
	}
}
