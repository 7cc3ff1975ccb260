package kube

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/pager"

	"github.com/codesaga/codesaga/execution"
)

const (
	// young is how long what was made may be without its counterpart.
	young = time.Minute
	// kept is how long the pod of a run whose end is told is kept for who asked
	// for it: what it said is in Kafka.
	kept = 10 * time.Minute
	// forgotten is how long after its deadline a pod is nobody's any more.
	forgotten = 5 * time.Minute
)

// reconcile mends, as far as it can be known without a database, what a crash
// between two calls left behind, and what a watch did not tell: pods that should
// be gone, stories that are not as the cluster has them, and jobs and policies
// that have no pod. What fails is left to the next round.
func (w *Worker) reconcile(ctx context.Context) {
	now := time.Now()
	there := make(map[execution.ID]bool)
	err := each(ctx, lister(w.pods().List), w.selector(), func(pod *corev1.Pod) {
		there[idOf(pod)] = true
		w.missed(ctx, pod)
		if w.unwanted(pod, now) {
			w.mended(ctx, idOf(pod), "pod deleted", w.remove(ctx, idOf(pod)))
		}
	})
	if err == nil {
		w.vanished(ctx, there)
		err = each(ctx, lister(w.jobs().List), ours+",!"+labelOwned, func(job *corev1.ConfigMap) {
			if now.Sub(job.CreationTimestamp.Time) > young {
				w.adopt(ctx, job)
			}
		})
	}
	if err == nil {
		err = each(ctx, lister(w.policies().List), ours+","+labelExecution, func(policy *networkingv1.NetworkPolicy) {
			if now.Sub(policy.CreationTimestamp.Time) > young {
				w.orphaned(ctx, policy)
			}
		})
	}
	if err != nil {
		w.mended(ctx, "", "", err)
	}
}

// lister makes of a typed list what each takes.
func lister[L runtime.Object](list func(context.Context, metav1.ListOptions) (L, error)) pager.ListPageFunc {
	return func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return list(ctx, o) }
}

// each calls do for each object that selector selects, page by page.
func each[T any](ctx context.Context, list pager.ListPageFunc, selector string, do func(T)) error {
	return pager.New(list).EachListItem(ctx, metav1.ListOptions{LabelSelector: selector}, func(o runtime.Object) error {
		do(o.(any).(T))
		return nil
	})
}

// missed has the keeper of pod know what the watch did not say.
func (w *Worker) missed(ctx context.Context, pod *corev1.Pod) {
	k := w.keeper(idOf(pod))
	if k == nil {
		if !w.deleted.has(idOf(pod)) {
			w.keep(pod.DeepCopy(), false)
		}
		return
	}
	known, gone := k.known()
	if gone || !newer(pod, known) {
		return
	}
	if over(pod) && !over(known) || pod.DeletionTimestamp != nil && known.DeletionTimestamp == nil {
		w.mended(ctx, idOf(pod), "keeper told of the pod", nil)
	}
	k.set(pod.DeepCopy(), false)
}

// newer reports whether a is a later state of the same pod than b.
func newer(a, b *corev1.Pod) bool {
	if order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion); err == nil {
		return order > 0
	}
	return !equality.Semantic.DeepEqual(a.Status, b.Status) || !a.DeletionTimestamp.Equal(b.DeletionTimestamp)
}

// vanished has keepers know that their pods, which are not among those that are
// there, went away unseen.
func (w *Worker) vanished(ctx context.Context, there map[execution.ID]bool) {
	for _, k := range w.keeping() {
		pod, gone := k.known()
		if gone || there[idOf(pod)] {
			continue
		}
		_, err := w.pods().Get(ctx, pod.Name, metav1.GetOptions{}) // it may be younger than the list
		if !apierrors.IsNotFound(err) {
			continue
		}
		w.mended(ctx, idOf(pod), "keeper told that the pod is gone", nil)
		w.heard(pod, true)
	}
}

// unwanted reports whether pod should have been deleted before now, and was not.
func (w *Worker) unwanted(pod *corev1.Pod, now time.Time) bool {
	if idOf(pod) == "" || pod.DeletionTimestamp != nil {
		return false
	}
	if w.deleted.overdue(idOf(pod)) {
		return true
	}
	due := createdAt(pod).Add(w.Settings.start()) // for the deadline counts from when a node took it
	if d := pod.Spec.ActiveDeadlineSeconds; d != nil {
		due = due.Add(time.Duration(*d) * time.Second)
	}
	if !over(pod) {
		return now.Sub(due) > forgotten
	}
	if k := w.keeper(idOf(pod)); k != nil && !k.rests() {
		return false
	}
	if t := terminated(pod); t != nil {
		due = t.FinishedAt.Time
	}
	return now.Sub(due) > kept
}

// adopt gives job to its pod, or removes it if there is none, and none is about
// to be made.
func (w *Worker) adopt(ctx context.Context, job *corev1.ConfigMap) {
	id := execution.ID(job.Labels[labelExecution])
	pod, err := w.pods().Get(ctx, job.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		w.mended(ctx, id, "job given to its pod", w.own(ctx, pod))
	case apierrors.IsNotFound(err) && w.held.has(id):
	case apierrors.IsNotFound(err):
		w.mended(ctx, id, "job deleted", w.jobs().Delete(ctx, job.Name, metav1.DeleteOptions{}))
	default:
		w.mended(ctx, id, "", err)
	}
}

// orphaned removes policy if it has no pod. The cluster does that itself, unless
// its collector is not there.
func (w *Worker) orphaned(ctx context.Context, policy *networkingv1.NetworkPolicy) {
	id := execution.ID(policy.Labels[labelExecution])
	_, err := w.pods().Get(ctx, policy.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		w.mended(ctx, id, "network policy deleted", w.policies().Delete(ctx, policy.Name, metav1.DeleteOptions{}))
	case err != nil:
		w.mended(ctx, id, "", err)
	}
}

func (w *Worker) mended(ctx context.Context, id execution.ID, what string, err error) {
	switch {
	case apierrors.IsNotFound(err) || ctx.Err() != nil:
	case err != nil:
		w.log().WarnContext(ctx, "reconcile", "execution", id, "what", what, "err", err)
	default:
		w.metrics().reconciled.Inc()
		w.log().InfoContext(ctx, "reconciled", "execution", id, "what", what)
	}
}

// own makes pod the owner of its job, so that the cluster removes the one with
// the other.
func (w *Worker) own(ctx context.Context, pod *corev1.Pod) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": map[string]string{labelOwned: "true"},
		"ownerReferences": []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
		},
	}})
	if err != nil {
		return err
	}
	_, err = w.jobs().Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
