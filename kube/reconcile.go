package kube

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/codesaga/codesaga/execution"
)

const (
	// young is how long what was made may be without its counterpart.
	young = time.Minute
	// forgotten is how long after its deadline a pod is nobody's any more.
	forgotten = time.Hour
)

// reconcile mends, as far as it can be known without a database, what a crash
// between two calls left behind: pods that should be gone, and jobs that have
// no pod, or are not owned by it. What fails is left to the next round.
func (w *Worker) reconcile(ctx context.Context, pods cache.Store) {
	now := time.Now()
	for _, object := range pods.List() {
		if pod, ok := object.(*corev1.Pod); ok && w.unwanted(pod, now) {
			w.mended(ctx, idOf(pod), "pod deleted", w.remove(ctx, idOf(pod)))
		}
	}
	options := metav1.ListOptions{LabelSelector: ours + ",!" + labelOwned, Limit: 50}
	for {
		jobs, err := w.jobs().List(ctx, options)
		if err != nil {
			w.mended(ctx, "", "", err)
			return
		}
		for _, job := range jobs.Items {
			if now.Sub(job.CreationTimestamp.Time) > young {
				w.adopt(ctx, job)
			}
		}
		if options.Continue = jobs.Continue; options.Continue == "" {
			return
		}
	}
}

// unwanted reports whether pod should have been deleted before now, and was not.
func (w *Worker) unwanted(pod *corev1.Pod, now time.Time) bool {
	if idOf(pod) == "" || pod.DeletionTimestamp != nil {
		return false
	}
	age := forgotten
	if d := pod.Spec.ActiveDeadlineSeconds; d != nil {
		age += time.Duration(*d) * time.Second
	}
	return w.deleted.has(idOf(pod)) || now.Sub(createdAt(pod)) > age
}

// adopt gives job to its pod, or removes it if there is none.
func (w *Worker) adopt(ctx context.Context, job corev1.ConfigMap) {
	id := execution.ID(job.Labels[labelExecution])
	pod, err := w.pods().Get(ctx, job.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		w.mended(ctx, id, "job given to its pod", w.own(ctx, pod))
	case apierrors.IsNotFound(err):
		w.mended(ctx, id, "job deleted", w.jobs().Delete(ctx, job.Name, metav1.DeleteOptions{}))
	default:
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
