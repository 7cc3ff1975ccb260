package web

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// slowly is a store that takes its time, and counts what it is asked.
type slowly struct {
	*memory
	since, gets atomic.Int64
}

func (s *slowly) Since(ctx context.Context, id execution.ID, at execution.Position) ([]execution.Update, bool, error) {
	s.since.Add(1)
	found, more, err := s.memory.Since(ctx, id, at) // what there is when it begins
	time.Sleep(20 * time.Millisecond)
	return found, more, err
}

func (s *slowly) Get(ctx context.Context, id execution.ID) (execution.Execution, error) {
	s.gets.Add(1)
	x, err := s.memory.Get(ctx, id)
	time.Sleep(20 * time.Millisecond)
	return x, err
}

// SS-09: very many streams of one execution ask the store little more often than
// one does, and each is told all, also what came while another's read was under
// way.
func TestStreamsOfOneExecutionReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams = 500
		s, m, _ := serve(nil)
		store := &slowly{memory: m}
		s.Executions, s.History = store, store
		m.add(status(4))
		time.AfterFunc(30*time.Millisecond, func() { m.add(output(1)) }) // while the first read is under way
		time.AfterFunc(100*time.Millisecond, func() { m.add(stored(9)) })
		told := make(chan string, streams)
		for range streams {
			go func() { told <- ids(ask(s, "GET", streamOf, "")) }()
		}
		for range streams {
			if got := <-told; got != "4.0 4.1 end" {
				t.Fatalf("told %s", got)
			}
		}
		if n, gets := store.since.Load(), store.gets.Load(); n > 12 || gets > 6 {
			t.Errorf("the store was asked %d times what there is, and %d times for the row", n, gets)
		}
	})
}

// Who leaves takes nothing from those who wait for the same.
func TestWhoLeavesASharedReadIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := serve(nil)
		s.Executions = &slowly{memory: m}
		leaving, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { _, err := s.rowNow(leaving, "x1"); gone <- err }()
		time.Sleep(time.Millisecond)
		time.AfterFunc(time.Millisecond, leave)
		x, err := s.rowNow(t.Context(), "x1")
		if err != nil || x.UserID != "ann" {
			t.Errorf("%+v %v", x, err)
		}
		if err := <-gone; err == nil {
			t.Error("who left was answered")
		}
	})
}
