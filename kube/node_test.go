package kube

import (
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/runner"
)

// What a node makes of a pod, and a runner of a script.

func scheduled(pod *corev1.Pod) {
	pod.Spec.NodeName = "node1"
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}}
}

func running(pod *corev1.Pod) {
	scheduled(pod)
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: container, ContainerID: "containerd://1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}}
}

func exited(code int32, reason string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		running(pod)
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, StartedAt: metav1.NewTime(time.Now().Add(-2 * time.Second)), FinishedAt: metav1.Now(),
		}}
	}
}

// started, printed and ended are the frames of a script.
func started() runner.Frame {
	return frame(runner.Start, runner.Started{At: time.Now(), Phase: runner.Run})
}

func printed(number, position int64, text string) runner.Frame {
	return runner.Frame{Kind: runner.Stdout, Number: number, Position: position, Bytes: []byte(text)}
}

func ended(e runner.End) runner.Frame {
	e.StartedAt, e.FinishedAt = time.Now().Add(-time.Second), time.Now()
	if e.Phase == "" {
		e.Phase = runner.Run
	}
	return frame(runner.Final, e)
}

func frame(k runner.Kind, v any) runner.Frame {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return runner.Frame{Kind: k, Bytes: text}
}
