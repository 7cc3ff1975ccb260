package kube

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
)

// statusUnknown is said of a container that the kubelet cannot find any more.
const statusUnknown = "ContainerStatusUnknown"

var (
	// Reasons for which a container waits for its image
	// (kubelet, images/types.go).
	imageTrouble = []string{"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}
	// Reasons that no waiting mends.
	hopeless = []string{"InvalidImageName", "CreateContainerConfigError"}
)

// stuck is how a run ends whose script is not started at now, and when that
// became certain; nil while there is hope. Its time follows from the pod, so
// that it is told with the same one every time.
func stuck(pod *corev1.Pod, now time.Time, start time.Duration) (*execution.Outcome, time.Time) {
	waiting := waits(pod)
	due := createdAt(pod).Add(start)
	switch {
	case slices.Contains(hopeless, waiting.Reason):
		due = scheduledAt(pod)
	case now.Before(due):
		return nil, time.Time{}
	}
	scheduled := condition(pod, corev1.PodScheduled)
	switch {
	case slices.Contains(imageTrouble, waiting.Reason):
		return broken("image_pull", join(waiting.Reason, waiting.Message)), due
	case pod.Spec.NodeName == "":
		return broken("unschedulable", join(scheduled.Reason, scheduled.Message)), due
	default:
		return broken("internal", "the script did not start in time: "+join(waiting.Reason, waiting.Message)), due
	}
}

// waits is why the first container of pod that waits does so.
func waits(pod *corev1.Pod) corev1.ContainerStateWaiting {
	for _, c := range append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...) {
		// PodInitializing is no reason: another container has it.
		if w := c.State.Waiting; w != nil && w.Reason != "PodInitializing" {
			return *w
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

// endStuck ends a run whose container does not start. Its pod goes at once,
// lest a script run whose end is told already; there is nothing of it to lose.
func (k *keeper) endStuck(ctx context.Context) {
	now := time.Now()
	if now.Before(k.checkAt) {
		return
	}
	switch {
	case k.settled:
		if !k.stuckAt.IsZero() && !k.removed {
			k.removeStuck(ctx, now)
		}
		return
	case k.ran || k.asked():
		return
	}
	if o, _ := stuck(k.view.pod, now, k.start()); o == nil {
		return
	}
	k.checkAt = now.Add(time.Second)
	pod, err := k.w.pods().Get(ctx, k.view.pod.Name, metav1.GetOptions{})
	if err != nil { // the watch will tell, or the next look
		return
	}
	k.set(pod, false) // the watch may be behind
	if ran(pod) || pod.DeletionTimestamp != nil {
		return
	}
	if o, at := stuck(pod, now, k.start()); o != nil {
		k.settled, k.drained, k.outcome, k.stuckAt, k.checkAt = true, true, o, at, now
	}
}

func (k *keeper) removeStuck(ctx context.Context, now time.Time) {
	id := idOf(k.view.pod)
	k.w.deleted.add(id)
	if err := k.w.remove(ctx, id); err != nil {
		k.log.WarnContext(ctx, "stuck pod not deleted", "err", err)
		k.checkAt = now.Add(time.Second)
		return
	}
	k.removed = true
}

// start is how long a pod may take to start its container.
func (k *keeper) start() time.Duration {
	return time.Duration(k.w.Settings.withDefaults().StartSeconds) * time.Second
}
