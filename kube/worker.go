// Package kube is the hands of the platform: it makes pods of tasks, and events
// and output of what becomes of them. It needs Kafka and a cluster, nothing
// else.
//
// Of several workers of a pool all do tasks, and all watch the pods; one of
// them, the leader, tells. Of each pod one keeper tells, in order; see keeper.
// All that it tells follows from the pod and from the frames in its log, so that
// a worker that starts anew, or another one, tells the same again.
package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"
	"k8s.io/client-go/rest"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// Publisher tells the rest of the platform. What it has sent when it returns
// without an error is not lost.
type Publisher interface {
	Publish(context.Context, ...execution.Event) error
	Output(context.Context, ...execution.Chunk) error
}

// Worker does tasks of one pool in one namespace of one cluster.
type Worker struct {
	Client    kubernetes.Interface
	Config    *rest.Config // of Client: attaching to pods needs more than a Client
	Namespace string
	Pool      string // empty: default
	Bus       Publisher
	Settings  Settings
	Guard     bool         // make no pods while Run has not found that the cluster isolates them
	Log       *slog.Logger // nil: the default one
	Metrics   *Metrics     // nil: nobody reads them

	// How the log of a pod's script is followed from its first byte, and how its
	// stdin and stdout are had; nil: as the cluster has it. Tests have others.
	openLog    func(ctx context.Context, pod string) (io.ReadCloser, error)
	openAttach func(ctx context.Context, pod string) io.ReadWriteCloser

	deleted   tombstones
	held      holds
	brake     brake
	feeds     feeders
	isolation atomic.Pointer[Report] // nil: not known yet
	counting  sync.Once              // of Metrics

	mu      sync.Mutex
	began   time.Time     // of Run
	term    *term         // nil unless this one leads
	ended   []*corev1.Pod // that went away of late, the last one last
	retells atomic.Int64  // makes each request of another worker differ from the one before
}

func (w *Worker) pods() corev1client.PodInterface { return w.Client.CoreV1().Pods(w.Namespace) }
func (w *Worker) jobs() corev1client.ConfigMapInterface {
	return w.Client.CoreV1().ConfigMaps(w.Namespace)
}
func (w *Worker) policies() networkingv1client.NetworkPolicyInterface {
	return w.Client.NetworkingV1().NetworkPolicies(w.Namespace)
}

func (w *Worker) pool() string { return cmp.Or(w.Pool, "default") }

func (w *Worker) log() *slog.Logger {
	if w.Log == nil {
		return slog.Default()
	}
	return w.Log
}

// afterwards is how long what is under way may go on when a worker is asked to
// stop.
const afterwards = 3 * time.Second

// Do does t. Doing it again changes nothing, and the present state is told
// again: that is how an answer that was lost is recovered. Tasks of one
// execution come in their order, those of different ones at the same time. What
// was begun when ctx ends is finished, within seconds.
//
// Answers about a pod come from its keeper, so from whoever leads; Do itself
// tells only what no pod can tell. An error is Invalid if the task makes no
// sense, and else Unavailable: the same will work later.
func (w *Worker) Do(ctx context.Context, t execution.Task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, stop := lingering(ctx, afterwards)
	defer stop()
	switch t.Action {
	case execution.Create:
		return w.create(ctx, t)
	case execution.Delete:
		return w.delete(ctx, t)
	case execution.Pass:
		return w.pass(ctx, t)
	default:
		return execution.Errorf(execution.Invalid, "unknown action %q", t.Action)
	}
}

// lingering is ctx, but ends only d after it.
func lingering(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(d):
			end()
		case <-late.Done():
		}
	})
	return late, func() { stop(); end() }
}

// create makes a pod, but none for who has been told that it is gone: a task
// may come late, after its delete or after its saga has given up.
func (w *Worker) create(ctx context.Context, t execution.Task) error {
	if t.ExecutionID == "" || t.Program == nil || t.Input == nil || t.Limits == nil {
		return execution.Errorf(execution.Invalid, "task without an execution, a program, an input or limits")
	}
	if w.deleted.has(t.ExecutionID) || t.NotAfter != nil && time.Now().After(*t.NotAfter) {
		w.held.forget(t.ExecutionID)
		return w.answer(ctx, t)
	}
	if reason, err := w.closed(); err != nil {
		return w.hold(ctx, t, reason, err)
	}
	if err := w.brake.wait(ctx); err != nil {
		return err
	}
	pod, err := w.make(ctx, t)
	w.brake.note(err)
	if apierrors.IsForbidden(err) {
		err = w.taken(ctx, t.ExecutionID, err)
	}
	switch {
	case apierrors.IsAlreadyExists(err):
		w.held.forget(t.ExecutionID)
		return w.answer(ctx, t)
	case err != nil:
		return w.failed(ctx, t, err)
	}
	w.held.forget(t.ExecutionID)
	w.metrics().created.Inc()
	if err := w.own(ctx, pod); err != nil { // reconcile does it later
		w.log().WarnContext(ctx, "job without an owner", "execution", t.ExecutionID, "err", err)
	}
	return nil
}

// taken is the error of a pod that was forbidden. A full quota is told before a
// name that is taken: another worker may have made the pod in the meantime, and
// then it is there, and must not be refused, let alone removed.
func (w *Worker) taken(ctx context.Context, id execution.ID, forbidden error) error {
	_, err := w.pods().Get(ctx, podName(id), metav1.GetOptions{})
	switch {
	case err == nil:
		return apierrors.NewAlreadyExists(corev1.Resource("pods"), podName(id))
	case apierrors.IsNotFound(err):
		return forbidden
	default:
		return err
	}
}

// make makes what a run has in the cluster: first what its pod must find.
func (w *Worker) make(ctx context.Context, t execution.Task) (*corev1.Pod, error) {
	job, err := configMapFor(t)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	made, err := w.jobs().Create(ctx, job, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		made, err = w.jobs().Get(ctx, job.Name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, err
	}
	if len(t.Egress) > 0 {
		_, err := w.policies().Create(ctx, policyFor(t, made), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
	}
	pod := podFor(t, w.Settings)
	pod.Annotations[annotationCreated] = time.Now().UTC().Format(milliseconds)
	if span := tracing.Parent(ctx); span != "" {
		pod.Annotations[annotationTrace] = span
	}
	return w.pods().Create(ctx, pod, metav1.CreateOptions{})
}

// delete removes all of an execution, for good. The answer is that it is gone:
// its keeper says so in its time, and has not said it while there is one.
func (w *Worker) delete(ctx context.Context, t execution.Task) error {
	w.deleted.add(t.ExecutionID)
	w.held.forget(t.ExecutionID)
	w.feeds.drop(t.ExecutionID)
	if err := w.brake.wait(ctx); err != nil {
		return err
	}
	err := w.remove(ctx, t.ExecutionID)
	w.brake.note(err)
	if err != nil {
		return kinded(err)
	}
	if w.keeper(t.ExecutionID) != nil {
		return nil
	}
	return w.answer(ctx, t)
}

// remove deletes the pod of id, with the grace that it has, and its job. A
// policy belongs to the job, and goes with it.
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
// whose pod is gone. A pod without one is about to get one, if this one leads;
// else whoever does is asked, by a word on the pod.
func (w *Worker) answer(ctx context.Context, t execution.Task) error {
	if k := w.keeper(t.ExecutionID); k != nil {
		k.retell()
		return nil
	}
	_, err := w.pods().Get(ctx, podName(t.ExecutionID), metav1.GetOptions{})
	if err == nil && t.Action == execution.Create && !w.leads() {
		err = w.askLeader(ctx, t.ExecutionID)
	}
	if !apierrors.IsNotFound(err) {
		return kinded(err)
	}
	w.deleted.add(t.ExecutionID) // "gone" is for good
	gone := execution.NewEvent(t.ExecutionID, t.UserID, execution.SourceKube, execution.PodDeleted, time.Now())
	gone.CorrelationID = t.CorrelationID
	gone.Pod = &execution.Pod{Name: podName(t.ExecutionID), Namespace: w.Namespace}
	return w.Bus.Publish(ctx, gone)
}

// askLeader has whoever leads tell all of the story of id again.
func (w *Worker) askLeader(ctx context.Context, id execution.ID) error {
	word := strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.FormatInt(w.retells.Add(1), 10)
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotationRetell: word}}})
	if err != nil {
		return err
	}
	w.metrics().asked.Inc()
	_, err = w.pods().Patch(ctx, podName(id), types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
