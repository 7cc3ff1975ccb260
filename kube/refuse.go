package kube

import (
	"context"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
)

// Why a task waits for its pod to be made, as execution.NewWaiting has it.
const (
	quotaExceeded = "QuotaExceeded"
	throttled     = "TooManyRequests"
	unavailable   = "ServiceUnavailable"
	notIsolated   = "NotIsolated"
)

// soon is how long what mostly passes by itself may last before it is told.
const soon = 5 * time.Second

// failed sorts an error of the cluster: what it refuses, it refuses for good,
// and the run ends; everything else is worth another try. A full quota is, for
// as long as a pod may take to start.
func (w *Worker) failed(ctx context.Context, t execution.Task, err error) error {
	full := apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
	switch {
	case refused(err):
		return w.refuse(ctx, t, "pod_refused", err)
	case full && w.held.since(t.ExecutionID) >= w.Settings.start():
		return w.refuse(ctx, t, "unschedulable", err)
	case full:
		return w.hold(ctx, t, quotaExceeded, kinded(err))
	case apierrors.IsTooManyRequests(err):
		return w.hold(ctx, t, throttled, kinded(err))
	default:
		return w.hold(ctx, t, unavailable, kinded(err))
	}
}

// hold tells why t waits, and returns err, which says that it does.
func (w *Worker) hold(ctx context.Context, t execution.Task, reason string, err error) error {
	message := ""
	switch reason {
	case quotaExceeded:
		message = short(err.Error())
	case throttled:
		message = "the cluster asks for patience"
	case unavailable: // the error may tell of what is none of users' business
		message = "the cluster does not take the pod"
	case notIsolated:
		message = "the cluster does not isolate pods"
	}
	w.metrics().held.WithLabelValues(reason).Inc()
	if !w.held.tells(t.ExecutionID, reason, reason == quotaExceeded || reason == notIsolated) {
		return err
	}
	e := execution.NewWaiting(t.ExecutionID, t.UserID, execution.SourceKube, reason, message, time.Now())
	e.CorrelationID = t.CorrelationID
	w.log().WarnContext(ctx, "task waits", "execution", t.ExecutionID, "reason", reason, "err", err)
	if untold := w.Bus.Publish(ctx, e); untold != nil { // the next try is soon
		w.held.untold(t.ExecutionID, reason)
		w.log().WarnContext(ctx, "publish failed", "execution", t.ExecutionID, "err", untold)
	}
	return err
}

// refuse ends a run that will have no pod.
func (w *Worker) refuse(ctx context.Context, t execution.Task, reason string, cause error) error {
	e := execution.NewEnding(t.ExecutionID, t.UserID, execution.SourceKube, *broken(reason, cause.Error()), time.Now())
	e.CorrelationID = t.CorrelationID
	if err := w.Bus.Publish(ctx, e); err != nil {
		return err
	}
	w.deleted.add(t.ExecutionID) // it has ended
	w.held.forget(t.ExecutionID)
	w.metrics().refused.Inc()
	w.metrics().ending(e)
	w.log().ErrorContext(ctx, "pod refused", "execution", t.ExecutionID, "err", cause)
	if err := w.remove(ctx, t.ExecutionID); err != nil { // reconcile does it later
		w.log().WarnContext(ctx, "job left behind", "execution", t.ExecutionID, "err", err)
	}
	return nil
}

// passing are refusals that somebody, or time, mends, and then the runs go on:
// a full quota, one that was not counted yet, a right that the worker lacks (for
// an API server that has just started, all of them, whatever it is asked), a
// namespace that was made a moment ago, or that is being made anew.
var passing = regexp.MustCompile(`exceeded quota|status unknown for quota|cannot [a-z]+ resource|error looking up service account|being terminated`)

// refused reports whether err is the cluster's last word.
func refused(err error) bool {
	if apierrors.IsForbidden(err) {
		return !passing.MatchString(err.Error())
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

// holds remembers of tasks that wait since when they do, and what of that was
// told.
type holds struct {
	mu  sync.Mutex
	all map[execution.ID]*heldTask
}

type heldTask struct {
	since time.Time
	told  []string
}

// of is what is known of id, which waits. The caller holds mu.
func (w *holds) of(id execution.ID) *heldTask {
	if w.all == nil {
		w.all = make(map[execution.ID]*heldTask)
	}
	if w.all[id] == nil {
		w.all[id] = &heldTask{since: time.Now()}
	}
	return w.all[id]
}

// has reports whether id waits.
func (w *holds) has(id execution.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[id] != nil
}

// since is how long id waits: from the first time that it is asked.
func (w *holds) since(id execution.ID) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.of(id).since)
}

// tells reports whether it is time to tell that id waits for reason, and notes
// that it was done.
func (w *holds) tells(id execution.ID, reason string, atOnce bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.of(id)
	if slices.Contains(of.told, reason) || !atOnce && time.Since(of.since) < soon {
		return false
	}
	of.told = append(of.told, reason)
	return true
}

func (w *holds) untold(id execution.ID, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.of(id)
	of.told = slices.DeleteFunc(of.told, func(r string) bool { return r == reason })
}

func (w *holds) forget(id execution.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, id)
}

// brake holds writes back for a while after the cluster could not take one:
// for as long as it says (Retry-After), else longer each time, 10 s at most.
type brake struct {
	mu    sync.Mutex
	until time.Time
	step  time.Duration
}

// wait returns when it is time; its error is that of ctx.
func (b *brake) wait(ctx context.Context) error {
	b.mu.Lock()
	d := time.Until(b.until)
	b.mu.Unlock()
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d + rand.N(d/4+1)): //nolint:gosec // not all at once; nobody gains by guessing
		return nil
	}
}

// note takes the answer to a write into account.
func (b *brake) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !busy(err) {
		b.step = 0
		return
	}
	b.step = min(max(2*b.step, 250*time.Millisecond), 10*time.Second)
	pause := b.step
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		pause = max(pause, min(time.Duration(seconds)*time.Second, time.Minute))
	}
	if until := time.Now().Add(pause); until.After(b.until) {
		b.until = until
	}
}

// busy reports whether err says that the cluster has too much to do, or is not
// there.
func busy(err error) bool {
	if err == nil {
		return false
	}
	return apierrors.ReasonForError(err) == metav1.StatusReasonUnknown || apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err)
}
