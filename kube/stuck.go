package kube

import (
	"cmp"
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
	// Reasons that say no more than that it takes its time.
	usual = []string{"", "ContainerCreating", "PodInitializing"}
)

// trouble is why a pod does not start, in the words of Kubernetes, and since
// when.
type trouble struct {
	reason, message string
	at              time.Time
}

// troubled is what is wrong with pod, whose script is not started at now; its
// reason is empty as long as nothing is.
func troubled(pod *corev1.Pod, now time.Time) trouble {
	waiting, scheduled := waits(pod), condition(pod, corev1.PodScheduled)
	since := scheduledAt(pod)
	switch {
	case !slices.Contains(usual, waiting.Reason):
		return trouble{waiting.Reason, short(waiting.Message), since}
	case now.Sub(since) < soon: // mostly that passes by itself
		return trouble{}
	case pod.Spec.NodeName == "" && scheduled.Status == corev1.ConditionFalse:
		return trouble{scheduled.Reason, short(scheduled.Message), since}
	case pod.Spec.NodeName == "":
		return trouble{"Pending", "nobody has looked for a node yet", since.Add(soon)}
	case pod.Status.StartTime == nil && waiting.Reason == "":
		return trouble{"NodeNotReady", "its node does not answer", since.Add(soon)}
	default:
		return trouble{cmp.Or(waiting.Reason, "ContainerCreating"), "it takes long to start", since.Add(soon)}
	}
}

// worry notes what is wrong with a pod that does not start, each reason once.
func (k *keeper) worry(now time.Time) {
	if k.settled || k.ran || k.started != nil || k.asked() {
		return
	}
	t := troubled(k.view.pod, now)
	if t.reason == "" || slices.ContainsFunc(k.troubles, func(known trouble) bool { return known.reason == t.reason }) {
		return
	}
	k.troubles = append(k.troubles, t)
	k.w.metrics().stuck.WithLabelValues(t.reason).Inc()
	k.log.Warn("pod does not start", "reason", t.reason, "message", t.message)
}

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
	case pod.Status.StartTime == nil && waiting.Reason == "":
		return broken("node_lost", "the node did not take the pod"), due
	default:
		return broken("internal", "the script did not start in time: "+join(waiting.Reason, waiting.Message)), due
	}
}

// lost is how a run ends whose node says nothing any more, and when that became
// certain; nil while there is hope.
func lost(pod *corev1.Pod, now time.Time, patience time.Duration) (*execution.Outcome, time.Time) {
	since := silent(pod)
	if since.IsZero() || now.Before(since.Add(patience)) {
		return nil, time.Time{}
	}
	return broken("node_lost", "its node does not answer any more"), since.Add(patience)
}

// endStuck ends a run whose container does not start, or whose node is gone. Its
// pod goes at once, lest a script run whose end is told already; there is
// nothing of it to lose.
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
	case k.asked():
		return
	}
	if o, _ := k.hopeless(k.view.pod, now); o == nil {
		return
	}
	k.checkAt = now.Add(time.Second)
	pod, err := k.w.pods().Get(ctx, k.view.pod.Name, metav1.GetOptions{})
	if err != nil { // the watch will tell, or the next look
		return
	}
	k.set(pod, false) // the watch may be behind
	if pod.DeletionTimestamp != nil {
		return
	}
	if o, at := k.hopeless(pod, now); o != nil {
		k.closeLog()
		k.settled, k.drained, k.outcome, k.stuckAt, k.checkAt = true, true, o, at, now
	}
}

// hopeless is how the run in pod ends because it never started, or because of
// its node; nil while there is hope.
func (k *keeper) hopeless(pod *corev1.Pod, now time.Time) (*execution.Outcome, time.Time) {
	if k.ran || ran(pod) {
		return lost(pod, now, time.Duration(k.w.Settings.withDefaults().NodeSeconds)*time.Second)
	}
	return stuck(pod, now, k.w.Settings.start())
}

// due is when endStuck has something to look at.
func (k *keeper) due() time.Time {
	if since := silent(k.view.pod); !since.IsZero() {
		return since.Add(time.Duration(k.w.Settings.withDefaults().NodeSeconds) * time.Second)
	}
	return createdAt(k.view.pod).Add(k.w.Settings.start())
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

// overdue is how long after its grace a pod may still be there.
const overdue = time.Minute

// force has a pod forgotten that should be gone: its node does not say so, and
// may never again. Whatever else is left of it, the node ends when it is back.
func (k *keeper) force(ctx context.Context) {
	now := time.Now()
	d := k.view.pod.DeletionTimestamp
	if d == nil || !k.goneAt.IsZero() || now.Before(d.Add(overdue)) || now.Before(k.forceAt) {
		return
	}
	k.forceAt = now.Add(overdue)
	k.log.WarnContext(ctx, "pod does not go, and is forgotten", "since", d.Time)
	k.w.mended(ctx, idOf(k.view.pod), "pod forgotten", k.w.pods().Delete(ctx, k.view.pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &k.view.pod.UID},
	}))
}
