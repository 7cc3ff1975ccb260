package kube

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// waiting is a pod whose container does not start.
func waiting(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		scheduled(pod)
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{
			{Name: container, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}},
		}
	}
}

func TestStuckPodsEndAtTheStartDeadline(t *testing.T) {
	unschedulable := func(pod *corev1.Pod) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes"}}
	}
	inInit := func(pod *corev1.Pod) {
		waiting("PodInitializing", "")(pod)
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}
	}
	tests := []struct {
		name   string
		state  func(*corev1.Pod)
		reason string
		text   string
		atOnce bool
	}{
		{"image", waiting("ImagePullBackOff", "no such tag"), "image_pull", "ImagePullBackOff: no such tag", false},
		{"runner's image", inInit, "image_pull", "ErrImagePull", false},
		{"no image name", waiting("InvalidImageName", "x:"), "image_pull", "InvalidImageName: x:", true},
		{"bad configuration", waiting("CreateContainerConfigError", "no configmap"), "internal", "no configmap", true},
		{"no container", waiting("CreateContainerError", "no space"), "internal", "no space", false},
		{"no node", unschedulable, "unschedulable", "Unschedulable: 0/1 nodes", false},
		{"slow", waiting("ContainerCreating", ""), "internal", "ContainerCreating", false},
		{"silent node", scheduled, "node_lost", "did not take", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(s *stage) {
				s.do(execution.Create)
				at := time.Now()
				s.node(tt.state)
				if !tt.atOnce {
					at = at.Add(time.Minute)
					time.Sleep(59 * time.Second)
					synctest.Wait()
					s.bus.all = nil
					s.tells()
					time.Sleep(2 * time.Second)
				}
				synctest.Wait()
				var e execution.Event
				for _, e = range s.bus.events {
					if e.Outcome != nil {
						break
					}
				}
				if e.Outcome == nil || e.Type != execution.ExecutionError || e.Outcome.Reason != tt.reason || !strings.Contains(e.Outcome.Message, tt.text) {
					t.Fatalf("told %v, %+v", s.bus.all, e.Outcome)
				}
				if e.Usage != nil || e.Output != nil || e.Outcome.ExitCode != nil || e.At.Sub(at).Abs() > time.Second {
					t.Errorf("%+v at %s, want %s", e, e.At, at)
				}
				// It does not run after its end.
				if pod, err := s.pods().Get(t.Context(), "execution-x1", metav1.GetOptions{}); err == nil {
					if pod.DeletionTimestamp == nil {
						t.Error("the pod is left to start")
					}
					s.gone()
				}
				s.nothingLeft()
				if s.last().Type != execution.PodDeleted {
					t.Errorf("told %s last", s.last().Type)
				}
			})
		})
	}
}

// The watch may be behind: a pod is not ended as stuck before it was asked for.
func TestPodThatStartedUnseenIsNotStuck(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.on("get", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
			o, err := s.cluster.Tracker().Get(a.GetResource(), "scripts", "execution-x1")
			if err != nil {
				return true, nil, err
			}
			pod := o.(*corev1.Pod).DeepCopy()
			running(pod)
			return true, pod, nil
		})
		time.Sleep(time.Minute)
		s.print(started())
		if e := s.last(); e.Type != execution.PodRunning {
			t.Errorf("told %s: %+v", e.Type, e.Outcome)
		}
	})
}

// Users see within ten seconds what is wrong, each reason once.
func TestWhyAPodDoesNotStartIsTold(t *testing.T) {
	unschedulable := func(pod *corev1.Pod) {
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes", LastTransitionTime: metav1.Now(),
		}}
	}
	accepted := func(reason string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			waiting(reason, "")(pod)
			pod.Status.StartTime = new(metav1.Now())
		}
	}
	tests := []struct {
		name    string
		state   func(*corev1.Pod)
		reason  string
		message string
		after   time.Duration
	}{
		{"image", waiting("ErrImagePull", "no such tag"), "ErrImagePull", "no such tag", 0},
		{"no container", waiting("CreateContainerError", "no space"), "CreateContainerError", "no space", 0},
		{"no node", unschedulable, "Unschedulable", "0/1 nodes", soon},
		{"no scheduler", func(*corev1.Pod) {}, "Pending", "nobody", soon},
		{"silent node", scheduled, "NodeNotReady", "node", soon},
		{"slow", accepted("ContainerCreating"), "ContainerCreating", "takes long", soon},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(s *stage) {
				s.do(execution.Create)
				s.node(tt.state)
				if tt.after > 0 {
					if e := s.last(); e.Type == execution.PodWaiting {
						t.Errorf("told at once: %+v", e.Pod)
					}
				}
				time.Sleep(tt.after + time.Second)
				synctest.Wait()
				e := s.last()
				if e.Type != execution.PodWaiting || e.Pod.Reason != tt.reason || !strings.Contains(e.Pod.Message, tt.message) || e.ID != "x1/kube/pod_waiting/"+tt.reason || e.UserID != "ann" {
					t.Fatalf("told %s: %+v", e.ID, e.Pod)
				}
				s.bus.all = nil
				s.node(tt.state) // again: it is known
				s.tells()
				s.node(waiting("ImagePullBackOff", "")) // something else
				s.tells(append(map[bool][]string{true: {"pod_scheduled"}}[tt.reason == "Unschedulable" || tt.reason == "Pending"], "pod_waiting")...)
				s.node(running)
				s.print(started())
				s.tells("pod_running")
			})
		})
	}
}

// silence is a pod on a node that says nothing any more: the cluster takes back
// that it is ready.
func silence(pod *corev1.Pod) {
	running(pod)
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now()})
}

func TestRunOnANodeThatIsGoneIsLost(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), printed(1, 0, "a"))
		s.bus.all = nil
		s.node(silence)
		time.Sleep(50 * time.Second)
		s.node(running) // it is back
		time.Sleep(50 * time.Second)
		s.tells()
		s.node(silence)
		time.Sleep(time.Minute)
		s.tells("execution_error")
		if e := s.last(); e.Outcome.Reason != "node_lost" || e.Output.Chunks != 1 {
			t.Errorf("%+v %+v", e.Outcome, e.Output)
		}
		if s.pod().DeletionTimestamp == nil {
			t.Error("the pod is left to go on")
		}
		time.Sleep(2 * overdue) // the node says nothing: the pod is forgotten
		s.tells("pod_deleted")
		s.nothingLeft()
	})
}

// The cluster itself took the pod away; nobody had asked for it.
func TestDisruptionIsNobodysWish(t *testing.T) {
	disrupt := func(pod *corev1.Pod) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager", LastTransitionTime: metav1.Now(),
		})
	}
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.bus.all = nil
		s.node(func(pod *corev1.Pod) { disrupt(pod); pod.DeletionTimestamp = new(metav1.Now()) })
		s.print(ended(runner.End{Stopped: true, ExitCode: 143, Signal: "SIGTERM"}))
		s.node(func(pod *corev1.Pod) { exited(143, "Error")(pod); disrupt(pod) })
		s.tells("execution_error", "pod_terminated")
		if o := s.bus.events[len(s.bus.events)-2].Outcome; o.Reason != "node_lost" || !strings.Contains(o.Message, "TaintManager") {
			t.Errorf("%+v", o)
		}
	})
	play(t, func(s *stage) { // somebody had asked before: the run was cancelled
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.bus.all = nil
		s.do(execution.Delete)
		time.Sleep(10 * time.Second)
		s.node(disrupt)
		s.gone()
		time.Sleep(3 * patience) // for the log
		s.tells("pod_terminated", "pod_deleted")
	})
}
