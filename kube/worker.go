// Package kube is the hands of the platform: it makes pods of tasks, and events
// and output of what becomes of them. It needs Kafka and a cluster, nothing
// else.
//
// Of each pod one keeper tells, in order; see keeper. All that it tells follows
// from the pod and from the frames in its log, so that a worker that starts
// anew tells the same again.
package kube

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/codesaga/codesaga/execution"
)

// Publisher tells the rest of the platform. What it has sent when it returns
// without an error is not lost.
type Publisher interface {
	Publish(context.Context, ...execution.Event) error
	Output(context.Context, ...execution.Chunk) error
}

// Worker does tasks in one namespace of one cluster.
type Worker struct {
	Client    kubernetes.Interface
	Namespace string
	Bus       Publisher
	Settings  Settings
	Log       *slog.Logger // nil: the default one
	Metrics   *Metrics     // nil: nobody reads them

	// openLog follows the log of a pod's script from its first byte; nil: as
	// the cluster has it. Tests have logs of their own.
	openLog func(ctx context.Context, pod string) (io.ReadCloser, error)

	deleted  tombstones
	counting sync.Once // of Metrics

	mu      sync.Mutex
	keepers map[execution.ID]*keeper // nil unless Run runs
}

func (w *Worker) pods() corev1client.PodInterface { return w.Client.CoreV1().Pods(w.Namespace) }
func (w *Worker) jobs() corev1client.ConfigMapInterface {
	return w.Client.CoreV1().ConfigMaps(w.Namespace)
}

func (w *Worker) log() *slog.Logger {
	if w.Log == nil {
		return slog.Default()
	}
	return w.Log
}

// Do does t. Doing it again changes nothing, and the present state is told
// again: that is how an answer that was lost is recovered. Tasks of one
// execution come in their order, those of different ones at the same time.
//
// Answers about a pod come from its keeper, so from Run, here or in another
// process; Do itself tells only what no pod can tell. An error is Invalid if
// the task makes no sense, and else Unavailable: the same will work later.
func (w *Worker) Do(ctx context.Context, t execution.Task) error {
	switch t.Action {
	case execution.Create:
		return w.create(ctx, t)
	case execution.Delete:
		return w.delete(ctx, t)
	default:
		return execution.Errorf(execution.Invalid, "unknown action %q", t.Action)
	}
}

// create makes a pod, but none for who has been told that it is gone: a task
// may come late, after its delete or after its saga has given up.
func (w *Worker) create(ctx context.Context, t execution.Task) error {
	if t.ExecutionID == "" || t.Program == nil || t.Input == nil || t.Limits == nil {
		return execution.Errorf(execution.Invalid, "task without an execution, a program, an input or limits")
	}
	if w.deleted.has(t.ExecutionID) || t.NotAfter != nil && time.Now().After(*t.NotAfter) {
		return w.answer(ctx, t)
	}
	job, err := configMapFor(t)
	if err != nil {
		return w.refuse(ctx, t, err)
	}
	if _, err := w.jobs().Create(ctx, job, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return w.failed(ctx, t, err)
	}
	pod := podFor(t, w.Settings)
	pod.Annotations[annotationCreated] = time.Now().UTC().Format(milliseconds)
	pod, err = w.pods().Create(ctx, pod, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err):
		return w.answer(ctx, t)
	case err != nil:
		return w.failed(ctx, t, err)
	}
	w.metrics().created.Inc()
	if err := w.own(ctx, pod); err != nil { // reconcile does it later
		w.log().WarnContext(ctx, "job without an owner", "execution", t.ExecutionID, "err", err)
	}
	return nil
}

// delete removes all of an execution, for good. The answer is that it is gone:
// its keeper says so in its time, and has not said it while there is one.
func (w *Worker) delete(ctx context.Context, t execution.Task) error {
	w.deleted.add(t.ExecutionID)
	if err := w.remove(ctx, t.ExecutionID); err != nil {
		return kinded(err)
	}
	if w.keeper(t.ExecutionID) != nil {
		return nil
	}
	return w.answer(ctx, t)
}

// remove deletes the pod of id, with the grace that it has, and its job.
func (w *Worker) remove(ctx context.Context, id execution.ID) error {
	name := podName(id)
	if err := w.pods().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err := w.jobs().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}

// answer has it told how the pod of t stands. Where there is a keeper it tells
// all of its story again, and only it: it may be reading the last of a log
// whose pod is gone. A pod without one is about to get one.
func (w *Worker) answer(ctx context.Context, t execution.Task) error {
	if k := w.keeper(t.ExecutionID); k != nil {
		k.retell()
		return nil
	}
	_, err := w.pods().Get(ctx, podName(t.ExecutionID), metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return kinded(err)
	}
	w.deleted.add(t.ExecutionID) // "gone" is for good
	gone := execution.NewEvent(t.ExecutionID, t.UserID, execution.SourceKube, execution.PodDeleted, time.Now())
	gone.CorrelationID = t.CorrelationID
	gone.Pod = &execution.Pod{Name: podName(t.ExecutionID), Namespace: w.Namespace}
	return w.Bus.Publish(ctx, gone)
}

// failed sorts an error of the cluster: what it refuses, it refuses for good,
// and the run ends; everything else is worth another try.
func (w *Worker) failed(ctx context.Context, t execution.Task, err error) error {
	if refused(err) {
		return w.refuse(ctx, t, err)
	}
	return kinded(err)
}

// refuse ends a run that will have no pod.
func (w *Worker) refuse(ctx context.Context, t execution.Task, cause error) error {
	e := execution.NewEnding(t.ExecutionID, t.UserID, execution.SourceKube, *broken("pod_refused", cause.Error()), time.Now())
	e.CorrelationID = t.CorrelationID
	if err := w.Bus.Publish(ctx, e); err != nil {
		return err
	}
	w.deleted.add(t.ExecutionID) // it has ended
	w.metrics().refused.Inc()
	w.metrics().ending(e)
	w.log().ErrorContext(ctx, "pod refused", "execution", t.ExecutionID, "err", cause)
	if err := w.remove(ctx, t.ExecutionID); err != nil { // reconcile does it later
		w.log().WarnContext(ctx, "job left behind", "execution", t.ExecutionID, "err", err)
	}
	return nil
}

// passing are refusals that somebody, or time, mends, and then the runs go on:
// a full quota, one that was not counted yet, a right that the worker lacks, a
// namespace that was made a moment ago, or that is being made anew.
var passing = []string{"exceeded quota", "status unknown for quota", "cannot create resource", "error looking up service account", "being terminated"}

// refused reports whether err is the cluster's last word.
func refused(err error) bool {
	if apierrors.IsForbidden(err) {
		return !slices.ContainsFunc(passing, func(text string) bool { return strings.Contains(err.Error(), text) })
	}
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// kinded gives an error of the cluster, or none, its kind.
func kinded(err error) error {
	if err == nil {
		return nil
	}
	return execution.Errorf(execution.Unavailable, "kubernetes: %w", err)
}
