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
					s.bus.all = nil
					synctest.Wait()
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
