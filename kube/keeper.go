package kube

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// patience is how long the log of a pod that has ended may say nothing before
// it is given up.
const patience = 3 * time.Second

// keeper tells the story of one pod, from its creation until it is gone. Only
// its own goroutine publishes, so that all is told in order: the output before
// the ending, and nothing after "gone".
type keeper struct {
	w   *Worker
	log *slog.Logger

	mu    sync.Mutex // guards what others note, and ask for
	pod   *corev1.Pod
	gone  bool
	again bool
	rest  bool          // all is told but that the pod is gone
	wake  chan struct{} // of capacity 1: look

	// The rest is the goroutine's own.
	view
	told map[string]bool // by ID: the event is durable, and need not be told again

	follow  *follow // nil: none is open
	drained bool    // nothing more is to be read
	ran     bool    // the container has started, so there is a log
	last    int64   // number of the last chunk that was published
	backoff time.Duration
	retryAt time.Time // the log is not opened before it
	quitAt  time.Time // then the log is given up; zero: the pod has not ended
	checkAt time.Time // the cluster is not asked about a stuck pod before it
	forceAt time.Time // nor is the pod deleted without grace
	removed bool      // the pod was stuck, and is deleted
}

// set notes the pod as it is now, or as it was when it went away.
func (k *keeper) set(pod *corev1.Pod, gone bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.again = k.again || pod.Annotations[annotationRetell] != k.pod.Annotations[annotationRetell]
	k.pod, k.gone = pod, k.gone || gone
	k.nudge()
}

// retell has all of the story told once more.
func (k *keeper) retell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.again = true
	k.nudge()
}

// known is the pod as it was last heard of, and whether it is gone.
func (k *keeper) known() (pod *corev1.Pod, gone bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pod, k.gone
}

// rests reports whether nothing is left to tell but that the pod is gone.
func (k *keeper) rests() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rest
}

func (k *keeper) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run returns when all is told, or when ctx ends and what was read until then is
// told.
func (k *keeper) run(ctx context.Context) {
	defer k.closeLog()
	telling, stop := lingering(ctx, afterwards)
	defer stop()
	for {
		k.look()
		k.judge()
		if k.tell(telling) != nil || k.done() {
			return
		}
		k.mu.Lock()
		k.rest = k.settled && k.drained
		k.mu.Unlock()
		k.endStuck(ctx)
		k.force(ctx)
		k.readLog(ctx)
		select {
		case <-ctx.Done():
			k.leave(telling)
			return
		case <-k.wake:
		case l, ok := <-k.lines():
			if !k.take(telling, l, ok) {
				return
			}
		case <-time.After(time.Until(k.next())):
		}
	}
}

// leave tells what was read already.
func (k *keeper) leave(ctx context.Context) {
	for k.follow != nil {
		select {
		case l, ok := <-k.lines():
			if !ok || !k.take(ctx, l, ok) {
				return
			}
		default:
			return
		}
		k.judge()
		if k.tell(ctx) != nil {
			return
		}
	}
}

// look takes over what others have noted.
func (k *keeper) look() {
	k.mu.Lock()
	k.view.pod = k.pod
	gone, again := k.gone, k.again
	k.again = false
	k.mu.Unlock()

	if again {
		for id := range k.told {
			k.told[id] = false
		}
	}
	now := time.Now()
	if gone && k.goneAt.IsZero() {
		if k.goneAt = goneAt(k.view.pod); k.goneAt.IsZero() {
			k.goneAt = now
		}
	}
	k.ran = k.ran || ran(k.view.pod)
	k.worry(now)
	if !gone && !over(k.view.pod) {
		return
	}
	if !k.ran {
		k.drained = true
	}
	if k.quitAt.IsZero() || gone && k.quitAt.After(now.Add(patience)) {
		k.quitAt = now.Add(patience)
		if !gone && terminated(k.view.pod) == nil { // it is being stopped
			k.quitAt = k.quitAt.Add(time.Duration(k.w.Settings.withDefaults().GraceSeconds) * time.Second)
		}
	}
}

// asked reports whether somebody wants the pod away, and has said so before it
// was stopped: the cluster stops nothing that has no DeletionTimestamp. That the
// cluster itself took it away is nobody's wish.
func (k *keeper) asked() bool {
	if disrupted(k.view.pod) != "" {
		return false
	}
	return k.w.deleted.has(idOf(k.view.pod)) || k.view.pod.DeletionTimestamp != nil || !k.goneAt.IsZero()
}

// judge decides, once, how the run ended: from the final frame as soon as it is
// there. Only who stopped a script, if it was not one of us, has to become
// known first; and where there is no final frame the log has to be at its end.
func (k *keeper) judge() {
	pod, gone := k.view.pod, !k.goneAt.IsZero()
	switch {
	case k.settled:
		return
	case k.end != nil:
		if k.end.Stopped && !k.asked() && !over(pod) {
			return
		}
	case !k.drained || !over(pod) && !gone:
		return
	}
	k.settled = true
	k.outcome = verdict(pod, k.end, k.asked())
}

// tell publishes what is not told yet. Its error is that of ctx.
func (k *keeper) tell(ctx context.Context) error {
	var events []execution.Event
	for _, e := range k.story() {
		if !k.told[e.ID] {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		return nil
	}
	if err := k.surely(ctx, func() error { return k.w.Bus.Publish(k.traced(ctx), events...) }); err != nil {
		return err
	}
	for _, e := range events {
		if _, before := k.told[e.ID]; !before {
			k.w.metrics().told(e, createdAt(k.view.pod))
		}
		k.told[e.ID] = true
	}
	return nil
}

// traced is ctx as a part of the trace in which the pod was made. It is on the
// pod, so that a worker that starts anew goes on with it.
func (k *keeper) traced(ctx context.Context) context.Context {
	return tracing.Within(ctx, k.view.pod.Annotations[annotationTrace])
}

// surely does send until it succeeds: nothing is skipped. Its error is that of
// ctx.
func (k *keeper) surely(ctx context.Context, send func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := send()
		if err == nil {
			k.hope() // that was not the log's fault
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k.log.WarnContext(ctx, "publish failed", "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// done reports whether nothing is left to tell.
func (k *keeper) done() bool { return k.settled && !k.goneAt.IsZero() && (k.drained || !k.ran) }

// next is when something has to be done although nothing comes.
func (k *keeper) next() time.Time {
	next := time.Now().Add(time.Hour)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	switch {
	case k.settled && !k.stuckAt.IsZero() && !k.removed:
		sooner(k.checkAt)
	case !k.settled && !k.asked() && (!k.ran || !silent(k.view.pod).IsZero()):
		sooner(later(k.due(), k.checkAt))
	}
	if worries := scheduledAt(k.view.pod).Add(soon); !k.ran && worries.After(time.Now()) {
		sooner(worries)
	}
	if d := k.view.pod.DeletionTimestamp; d != nil && k.goneAt.IsZero() {
		sooner(later(d.Add(overdue), k.forceAt))
	}
	if k.ran && !k.drained {
		if k.follow == nil {
			sooner(k.retryAt)
		}
		if !k.quitAt.IsZero() {
			sooner(k.quitAt)
		}
	}
	return next
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// newKeeper returns a keeper of pod that has told nothing.
func newKeeper(w *Worker, pod *corev1.Pod) *keeper {
	return &keeper{
		w: w, log: w.log().With("execution", idOf(pod)), pod: pod,
		wake: make(chan struct{}, 1), told: make(map[string]bool), backoff: firstRetry,
	}
}
