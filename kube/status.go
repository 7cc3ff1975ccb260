package kube

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// What the status of a pod says.

// terminated is how the script's container ended, or nil.
func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	return state(pod).Terminated
}

// state is that of the script's container.
func state(pod *corev1.Pod) corev1.ContainerState {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == container {
			return c.State
		}
	}
	return corev1.ContainerState{}
}

// waits is why the first container of pod that waits does so.
func waits(pod *corev1.Pod) corev1.ContainerStateWaiting {
	for _, all := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, c := range all {
			// PodInitializing is no reason: another container has it.
			if w := c.State.Waiting; w != nil && w.Reason != "PodInitializing" {
				return *w
			}
		}
	}
	return corev1.ContainerStateWaiting{}
}

// ran reports whether the script's container has started, be it long ago. Of
// one that it cannot find the kubelet says that it terminated: so of one that
// never was, too.
func ran(pod *corev1.Pod) bool {
	s := state(pod)
	return s.Running != nil || s.Terminated != nil && s.Terminated.Reason != statusUnknown
}

// over reports whether nothing runs in pod any more, or soon will not.
func over(pod *corev1.Pod) bool {
	return terminated(pod) != nil || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

func condition(pod *corev1.Pod, typ corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == typ {
			return c
		}
	}
	return corev1.PodCondition{}
}

// scheduledAt is when pod got its node, and not before it was created:
// Kubernetes counts seconds.
func scheduledAt(pod *corev1.Pod) time.Time {
	at, created := condition(pod, corev1.PodScheduled).LastTransitionTime.Time, createdAt(pod)
	if at.Before(created) {
		return created
	}
	return at
}

// silent is since when the node of a pod that runs says nothing; zero: it does.
// A container without probes is ready as long as it runs, so it is the cluster
// that has taken that back: no worker may look at nodes.
func silent(pod *corev1.Pod) time.Time {
	ready := condition(pod, corev1.PodReady)
	if state(pod).Running == nil || pod.DeletionTimestamp != nil || ready.Status != corev1.ConditionFalse {
		return time.Time{}
	}
	return ready.LastTransitionTime.Time
}

// disrupted is why the cluster itself took pod away, for want of its node, or to
// have that for others; empty: it did not, or only after somebody had deleted
// the pod.
func disrupted(pod *corev1.Pod) string {
	switch pod.Status.Reason {
	case "NodeLost", "NodeShutdown", "Terminated", "Shutdown": // kubelet, nodeshutdown; older controllers
		return join(pod.Status.Reason, pod.Status.Message)
	}
	c := condition(pod, corev1.DisruptionTarget)
	if c.Status != corev1.ConditionTrue {
		return ""
	}
	if d := pod.DeletionTimestamp; d != nil {
		grace := time.Duration(0)
		if s := pod.DeletionGracePeriodSeconds; s != nil {
			grace = time.Duration(*s) * time.Second
		}
		if asked := d.Add(-grace); c.LastTransitionTime.After(asked.Add(time.Second)) {
			return ""
		}
	}
	return join(c.Reason, c.Message)
}
