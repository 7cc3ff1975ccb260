package kube

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// console is the other side of attaches: a runner that hears feeds.
type console struct {
	mu     sync.Mutex
	opened int
	heard  []string // lines
	deaf   int      // so many attaches are, from now on
	broken bool     // the next attach ends before it is used
}

type pipes struct {
	io.Reader
	io.Writer
	close func()
}

func (p pipes) Close() error { p.close(); return nil }

func (c *console) open(context.Context, string) io.ReadWriteCloser {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	end := func(err error) { _ = stdin.CloseWithError(err); _ = stdout.CloseWithError(err) }
	deaf := false
	switch {
	case c.broken:
		c.broken = false
		end(errors.New("no such container"))
	case c.deaf > 0:
		c.deaf--
		deaf = true
	}
	go func() {
		_, _ = io.WriteString(stdout, "half of a frame\n")
		for lines := bufio.NewReader(stdin); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if deaf {
				continue
			}
			c.mu.Lock()
			c.heard = append(c.heard, line)
			c.mu.Unlock()
			_, _ = printed(1, 0, "hello").WriteTo(stdout)
			_, _ = runner.Frame{Kind: runner.Ack, Bytes: []byte(strings.Fields(line)[1])}.WriteTo(stdout)
		}
	}()
	return pipes{out, in, func() { end(io.ErrClosedPipe) }}
}

// feeding is a worker with an interactive run, and its console.
func feeding(t *testing.T, story func(s *stage, c *console)) {
	play(t, func(s *stage) {
		c := new(console)
		s.openAttach = c.open
		x := task()
		x.Interactive = true
		if err := s.Do(s.Context(), x); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.node(running)
		story(s, c)
	})
}

func (s *stage) feed(id, data string) {
	s.Helper()
	err := s.Do(s.Context(), execution.Task{
		Action: execution.Pass, ExecutionID: "x1", Feed: &execution.Feed{ID: id, Data: []byte(data), Close: data == "", Signal: ""},
	})
	if err != nil {
		s.Error(err)
	}
}

func (c *console) check(t *testing.T, opened int, heard ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened != opened || strings.Join(c.heard, "") != strings.Join(heard, "") {
		t.Errorf("opened %d times, heard %q; want %d, %q", c.opened, c.heard, opened, heard)
	}
}

func TestFeedsGoToTheRunnerThroughOneAttach(t *testing.T) {
	feeding(t, func(s *stage, c *console) {
		s.feed("f1", "a\n")
		s.feed("f2", "b")
		s.feed("f3", "")
		c.check(t, 1, "i f1 - 2 a\\n\n", "i f2 - 1 b\n", "i f3 c 0 \n")
		time.Sleep(2 * idle) // it is closed by then, and opened anew
		s.feed("f4", "c")
		c.check(t, 2, "i f1 - 2 a\\n\n", "i f2 - 1 b\n", "i f3 c 0 \n", "i f4 - 1 c\n")
	})
}

// The connection breaks, or nobody answers: the same feed is sent again.
func TestFeedThatIsNotAcknowledgedIsSentAgain(t *testing.T) {
	feeding(t, func(s *stage, c *console) {
		c.deaf, c.broken = 1, true
		began := time.Now()
		s.feed("f1", "a")
		c.check(t, 3, "i f1 - 1 a\n")
		if took := time.Since(began); took < answerWithin || took > passWithin {
			t.Errorf("took %s", took)
		}
	})
}

func TestFeedIsGivenUpSoon(t *testing.T) {
	feeding(t, func(s *stage, c *console) {
		c.deaf = 100
		began := time.Now()
		s.feed("f1", "a")
		if took := time.Since(began); took > passWithin+time.Second || c.opened < 3 {
			t.Errorf("took %s for %d tries", took, c.opened)
		}
	})
}

func TestFeedsThatNobodyHearsAreDropped(t *testing.T) {
	tests := []struct {
		name string
		do   func(s *stage)
	}{
		{"ended", func(s *stage) { s.node(exited(0, "Completed")) }},
		{"being deleted", func(s *stage) { s.do(execution.Delete) }},
		{"gone", func(s *stage) { s.gone() }},
		{"not started", func(s *stage) { s.node(waiting("ContainerCreating", "")) }},
		{"not interactive", func(s *stage) { s.node(func(pod *corev1.Pod) { pod.Spec.Containers[0].Stdin = false }) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			feeding(t, func(s *stage, c *console) {
				tt.do(s)
				began := time.Now()
				s.feed("f1", "a")
				if c.opened != 0 || time.Since(began) > time.Second {
					t.Errorf("%d attaches, %s", c.opened, time.Since(began))
				}
			})
		})
	}
}

// A worker that ends leaves the feed to another: it is not done.
func TestFeedOfAWorkerThatEndsIsNotLost(t *testing.T) {
	feeding(t, func(s *stage, c *console) {
		c.deaf = 100
		ctx, stop := context.WithCancel(s.Context())
		time.AfterFunc(time.Second, stop)
		err := s.Do(ctx, execution.Task{Action: execution.Pass, ExecutionID: "x1", Feed: &execution.Feed{ID: "f1"}})
		if err == nil {
			t.Error("the feed counts as passed")
		}
	})
}

// While the API server is away a feed waits, and is not lost at once.
func TestFeedOutlastsAShortOutage(t *testing.T) {
	feeding(t, func(s *stage, c *console) {
		var away atomic.Bool
		away.Store(true)
		time.AfterFunc(4*time.Second, func() { s.fails("get", "pods", nil); away.Store(false) })
		s.on("get", "pods", func(ktesting.Action) (bool, runtime.Object, error) {
			return away.Load(), nil, errors.New("connection refused")
		})
		s.feed("f1", "a")
		c.check(t, 1, "i f1 - 1 a\n")
	})
}

func TestFeedWithoutSense(t *testing.T) {
	s := newStage(t)
	for _, f := range []*execution.Feed{nil, {}, {ID: "f1", Data: make([]byte, execution.MaxFeedBytes+1)}} {
		err := s.Do(t.Context(), execution.Task{Action: execution.Pass, ExecutionID: "x1", Feed: f})
		if execution.KindOf(err) != execution.Invalid {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
