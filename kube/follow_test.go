package kube

import (
	"errors"
	"io"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// A kubelet that starts anew ends follows with a plain EOF, or in the middle of
// a line. Each frame is published once all the same.
func TestEndOfAFollowIsNotTheEndOfARun(t *testing.T) {
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, errors.New("connection reset")} {
		t.Run(cut.Error(), func(t *testing.T) {
			play(t, func(s *stage) {
				s.do(execution.Create)
				s.node(running)
				s.print(started(), printed(1, 0, "a"), printed(2, 1, "b"))
				_, log := s.follows()
				_, _ = log.Write([]byte("o 3 2 1"))
				s.cut(cut)
				time.Sleep(lastRetry)
				if n, _ := s.follows(); n != 2 {
					t.Fatalf("%d follows, want 2", n)
				}
				s.print(started(), printed(1, 0, "a"), printed(2, 1, "b"), printed(3, 2, "c"), ended(runner.End{Frames: 3}))
				s.tells("pod_created", "pod_scheduled", "pod_running", "1:a", "2:b", "3:c", "execution_completed")
			})
		})
	}
}

// The kubelet says for a moment that the container is still being created.
func TestLogThatCannotBeOpenedYetIsTriedAgainSoon(t *testing.T) {
	play(t, func(s *stage) {
		s.noLogs(apierrors.NewBadRequest("container is waiting to start: ContainerCreating"))
		s.do(execution.Create)
		s.node(running)
		s.noLogs(nil)
		time.Sleep(firstRetry)
		s.print(started())
		s.tells("pod_created", "pod_scheduled", "pod_running")
	})
}

func TestWithoutAFinalFrameTheContainerTells(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), printed(1, 0, "a"))
		s.node(exited(137, "OOMKilled"))
		s.print(printed(2, 1, "b")) // the log is not at its end
		s.tells("pod_created", "pod_scheduled", "pod_running", "1:a", "2:b")
		s.cut(io.EOF) // it may have been a kubelet's: once more
		time.Sleep(lastRetry)
		s.print(printed(1, 0, "a"), printed(2, 1, "b"), printed(3, 2, "c"))
		s.tells("3:c")
		s.cut(io.EOF)
		s.tells("execution_failed", "pod_terminated")
		e := s.bus.events[len(s.bus.events)-2]
		if e.Outcome.Limit != "memory" || *e.Outcome.ExitCode != 137 || !e.Usage.OOMKilled || e.Usage.WallSeconds != 2 ||
			e.Output.Chunks != 3 || e.Output.StdoutBytes != 3 {
			t.Errorf("%+v\n%+v\n%+v", e.Outcome, e.Usage, e.Output)
		}
	})
}

func TestLogThatIsNotToBeHadIsGivenUp(t *testing.T) {
	play(t, func(s *stage) {
		s.noLogs(apierrors.NewInternalError(errors.New("no kubelet")))
		s.do(execution.Create)
		s.node(exited(0, "Completed"))
		s.tells("pod_created", "pod_scheduled")
		time.Sleep(patience)
		s.tells("execution_error", "pod_terminated")
	})
}

// A log that hangs after the end is opened once more, and then given up.
func TestLogThatHangsIsGivenUp(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.node(exited(2, "Error"))
		s.forget()
		time.Sleep(patience)
		if n, _ := s.follows(); n != 2 {
			t.Errorf("%d follows, want 2", n)
		}
		s.print(printed(1, 0, "a"))
		time.Sleep(patience)
		s.tells("1:a", "execution_error", "pod_terminated")
	})
}

// A long log that is read again says nothing new for a while.
func TestLogThatComesSlowlyIsNotGivenUp(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), printed(1, 0, "a"), printed(2, 1, "b"))
		s.cut(io.EOF)
		s.node(exited(0, "Completed"))
		time.Sleep(firstRetry)
		s.forget()
		for _, f := range []runner.Frame{started(), printed(1, 0, "a"), printed(2, 1, "b"), printed(3, 2, "c"), ended(runner.End{})} {
			time.Sleep(patience - time.Second)
			s.print(f)
		}
		s.tells("3:c", "execution_completed", "pod_terminated")
	})
}

// That Kafka was away is not the log's fault.
func TestLogIsNotGivenUpWhileNobodyTakesIt(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(exited(0, "Completed"))
		s.forget()
		s.bus.fail = 8
		s.print(printed(1, 0, "a"), printed(2, 1, "b"), ended(runner.End{}))
		time.Sleep(time.Minute)
		s.tells("1:a", "2:b", "execution_completed", "pod_terminated")
	})
}

func TestLogIsTriedAgainForAsLongAsThePodRuns(t *testing.T) {
	play(t, func(s *stage) {
		s.noLogs(errors.New("no kubelet"))
		s.do(execution.Create)
		s.node(running)
		time.Sleep(5 * time.Minute)
		s.noLogs(nil)
		time.Sleep(lastRetry)
		s.print(started())
		s.tells("pod_created", "pod_scheduled", "pod_running")
	})
}
