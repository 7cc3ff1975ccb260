package kube

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

func TestStoryOfSuccess(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.tells("pod_created")
		s.node(scheduled)
		s.tells("pod_scheduled")
		s.node(running)
		s.print(started())
		s.tells("pod_running")
		s.print(printed(1, 0, "a"), printed(2, 1, "b"))
		s.tells("1:a", "2:b")
		s.print(ended(runner.End{Frames: 2, StdoutBytes: 2, CPUSeconds: .5, PeakMemoryBytes: 7}))
		s.tells("execution_completed") // before the cluster knows that anything ended
		e := s.last()
		if e.UserID != "ann" || e.CorrelationID != "c1" || e.ID != "x1/kube/execution_completed" || *e.Outcome.ExitCode != 0 ||
			e.Usage.CPUSeconds != .5 || e.Usage.PeakMemoryBytes != 7 || e.Output.Chunks != 2 || e.Output.StdoutBytes != 2 {
			t.Errorf("%+v\n%+v\n%+v", e, e.Usage, e.Output)
		}
		s.node(exited(0, "Completed"))
		s.tells("pod_terminated")
		if r, ok := s.last().Report(); ok {
			t.Errorf("after an ending, the end of the pod is no news to a saga: %+v", r)
		}
		s.do(execution.Create)
		s.tells("pod_created", "pod_scheduled", "pod_running", "execution_completed", "pod_terminated") // how it stands
		s.do(execution.Delete)
		s.do(execution.Delete)
		s.tells()
		s.gone()
		s.tells("pod_deleted")
		s.nothingLeft()
		s.do(execution.Delete)
		s.tells("pod_deleted")
	})
}

// What is told again has happened once.
func TestTimeToStartIsMeasuredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newStage(t), prometheus.NewRegistry()
		s.Metrics = NewMetrics(r)
		s.run()
		defer s.stop()
		s.do(execution.Create)
		time.Sleep(700 * time.Millisecond)
		s.node(running)
		s.print(started())
		synctest.Wait()
		s.do(execution.Create)
		synctest.Wait()
		all, err := r.Gather()
		seen := 0
		for _, f := range all {
			if f.GetName() == "codesaga_kube_start_seconds" {
				h := f.GetMetric()[0].GetHistogram()
				if seen++; h.GetSampleCount() != 1 || h.GetSampleSum() != .7 {
					t.Errorf("%v", h)
				}
			}
		}
		if err != nil || seen != 1 {
			t.Errorf("%d such metrics, %v", seen, err)
		}
	})
}

// What the compiler says, and the files that a script leaves, come with what it
// prints, in one order.
func TestStoryOfACompiledRunWithArtifacts(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		as := func(k runner.Kind, f runner.Frame) runner.Frame { f.Kind = k; return f }
		s.print(started(), as(runner.CompileOut, printed(1, 0, "warning")), started(), printed(2, 0, "out"), as(runner.Ack, runner.Frame{Bytes: []byte("f1")}),
			as(runner.Stderr, printed(3, 0, "err")), as(runner.ArtifactData, printed(4, 0, "bytes")),
			ended(runner.End{
				Frames: 4, StdoutBytes: 3, StderrBytes: 3, CompileBytes: 7, CompileTruncated: true, CompileWallSeconds: 2, CompileCPUSeconds: 1.5,
				Artifacts: []runner.Artifact{{Path: "a/b", Bytes: 5, SHA256: "00"}}, ArtifactsSkipped: 2,
			}))
		s.tells("pod_created", "pod_scheduled", "pod_running", "1:warning", "2:out", "3:err", "4:bytes", "execution_completed")
		var streams []execution.Stream
		for _, c := range s.bus.chunks {
			streams = append(streams, c.Stream)
		}
		if want := []execution.Stream{execution.Compile, execution.Stdout, execution.Stderr, execution.Artifacts}; !slices.Equal(streams, want) {
			t.Errorf("%v", streams)
		}
		e := s.last()
		want := &execution.Output{
			Chunks: 4, StdoutBytes: 3, StderrBytes: 3, CompileBytes: 7, CompileTruncated: true,
			Artifacts: []execution.Artifact{{Path: "a/b", Bytes: 5, SHA256: "00"}}, ArtifactsSkipped: 2,
		}
		if diff := cmp.Diff(want, e.Output); diff != "" || e.Usage.CompileWall != 2 || e.Usage.CompileCPU != 1.5 {
			t.Errorf("%s\n%+v", diff, e.Usage)
		}
	})
}

// A script that was stopped by a delete has no ending: who asked for it says
// how the run ended.
func TestStoryOfCancel(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), printed(1, 0, "a"))
		s.tells("pod_created", "pod_scheduled", "pod_running", "1:a")
		s.do(execution.Delete)
		s.print(printed(2, 1, "bye"), ended(runner.End{ExitCode: 143, Signal: "SIGTERM", Stopped: true, CPUSeconds: 2, Frames: 2}))
		s.tells("2:bye", "pod_terminated")
		if e := s.last(); e.Outcome != nil || e.Usage.CPUSeconds != 2 || e.Output.Chunks != 2 {
			t.Errorf("%+v", e)
		}
		s.node(exited(143, "Error"))
		s.tells()
		s.gone()
		s.tells("pod_deleted")
		s.nothingLeft()
	})
}

// That a pod is gone is the last word: what is left of its log comes before.
func TestPodIsGoneWhenItsLogIsRead(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.do(execution.Delete)
		s.gone()
		s.do(execution.Delete) // a task is no reason to say it early
		s.forget()
		s.print(printed(1, 0, "late"), ended(runner.End{Stopped: true, ExitCode: 143}))
		s.tells("1:late", "pod_terminated", "pod_deleted")
	})
}

// A kubelet that finds no container says that one terminated.
func TestPodThatIsDeletedWhileItStartsIsJustGone(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(waiting("ContainerCreating", ""))
		s.do(execution.Delete)
		s.node(exited(137, statusUnknown))
		s.gone()
		s.tells("pod_created", "pod_scheduled", "pod_deleted")
	})
}

func TestPodThatIsDeletedBeforeItRanIsJustGone(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.forget()
		s.do(execution.Delete)
		if e := s.last(); e.Type != execution.PodDeleted || e.Outcome != nil {
			t.Errorf("told %s last", e.Type)
		}
		s.nothingLeft()
	})
}

// The script was first, although the delete was heard before its final frame.
func TestScriptThatEndedBeforeItsDeleteHasItsEnding(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.tells("pod_created", "pod_scheduled", "pod_running")
		s.do(execution.Delete)
		s.forget()
		s.print(ended(runner.End{ExitCode: 3}))
		s.tells("execution_failed")
		s.gone()
		s.tells("pod_deleted")
	})
}

// A script that sends SIGTERM to PID 1 only ends itself; that it was nobody
// else is known when the container has ended and still nobody wants it away.
func TestScriptThatStopsItsRunner(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), ended(runner.End{Stopped: true, ExitCode: 0}))
		s.tells("pod_created", "pod_scheduled", "pod_running")
		s.node(exited(0, "Completed"))
		s.tells("execution_failed", "pod_terminated")
		if o := s.bus.events[len(s.bus.events)-2].Outcome; o.Signal != "SIGTERM" || *o.ExitCode != 143 {
			t.Errorf("%+v", o)
		}
	})
}

// With the pod's own deadline the kubelet sends SIGTERM, too.
func TestDeadlineOfThePodIsATimeout(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), ended(runner.End{Stopped: true, ExitCode: 143, Signal: "SIGTERM"}))
		s.forget()
		s.node(func(pod *corev1.Pod) {
			exited(143, "Error")(pod)
			pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "DeadlineExceeded"
		})
		s.tells("execution_timeout", "pod_terminated")
	})
}

// Kafka is away for a while, wherever in the story.
func TestNothingIsSkippedWhenPublishingFails(t *testing.T) {
	want := []string{"pod_created", "pod_scheduled", "pod_running", "1:a", "2:b", "execution_completed", "pod_terminated", "pod_deleted"}
	for step := range 6 {
		play(t, func(s *stage) {
			away := func(at int) {
				if at == step {
					s.bus.fail = 7
				}
			}
			away(0)
			s.do(execution.Create)
			away(1)
			s.node(running)
			time.Sleep(10 * time.Second) // else there is no log yet
			away(2)
			s.print(started(), printed(1, 0, "a"))
			away(3)
			s.print(printed(2, 1, "b"), ended(runner.End{Frames: 2}))
			away(4)
			s.node(exited(0, "Completed"))
			away(5)
			s.gone()
			time.Sleep(time.Minute)
			s.tells(want...)
		})
	}
}

// A worker that starts anew tells all again, in the same words.
func TestRestartTellsTheSame(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		time.Sleep(1234 * time.Millisecond)
		s.node(running)
		frames := []runner.Frame{started(), printed(1, 0, "a"), ended(runner.End{Frames: 1})}
		s.print(frames...)
		s.node(exited(0, "Completed"))
		s.stop()
		before := s.bus.events
		s.bus.events, s.bus.all = nil, nil
		time.Sleep(time.Hour / 2)

		s.Worker = s.worker()
		s.run()
		s.print(frames...)
		s.tells("pod_created", "pod_scheduled", "pod_running", "1:a", "execution_completed", "pod_terminated")
		slices.SortFunc(before, func(a, b execution.Event) int { return a.At.Compare(b.At) })
		for i, e := range s.bus.events {
			if b := before[i]; e.ID != b.ID || !e.At.Equal(b.At) || e.UserID != b.UserID || e.CorrelationID != b.CorrelationID {
				t.Errorf("told %s at %s by %s, before it was %s at %s by %s", e.ID, e.At, e.UserID, b.ID, b.At, b.UserID)
			}
		}
		if at := before[0].At; at.Nanosecond()%1e6 != 0 {
			t.Errorf("created at %s", at)
		}
	})
}

// The delete is known before the cluster shows it.
func TestDeleteIsKnownAtOnce(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.on("delete", "pods", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, nil })
		s.do(execution.Delete)
		s.forget()
		s.print(ended(runner.End{Stopped: true, ExitCode: 143}))
		s.tells("pod_terminated")
	})
}
