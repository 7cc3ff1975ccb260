package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/codesaga/codesaga/execution"
)

// memory is how long a worker that does not lead remembers a pod that went
// away: whoever led may have died before it told so.
const memory = 3 * leaseSeconds * time.Second

// Run watches the pods of the pool, so that none is made a second time, and, as
// the leader, has each one's story told, until ctx ends; then it returns nil.
// What was told before, here or by another leader, it tells again, with the
// same IDs and times.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	w.began = time.Now()
	w.mu.Unlock()
	defer w.feeds.close()
	pods, err := w.informer()
	if err != nil {
		return err
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // until nobody here tells any more
	defer stop()
	parts.Go(func() { pods.RunWithContext(watching) })
	if w.Guard {
		parts.Go(func() { w.guard(ctx) })
	}
	select {
	case <-ctx.Done():
		return nil
	case <-pods.HasSyncedChecker().Done():
	}
	return w.campaign(ctx, func(ctx context.Context) { w.lead(ctx, pods.GetStore()) })
}

// term is the time for which a worker leads.
type term struct {
	ctx     context.Context // ends with it
	keepers map[execution.ID]*keeper
	all     sync.WaitGroup
}

// lead has the story of each pod told until ctx ends, and what was read until
// then.
func (w *Worker) lead(ctx context.Context, pods cache.Store) {
	t := &term{ctx: ctx, keepers: make(map[execution.ID]*keeper)}
	w.mu.Lock()
	w.term = t
	ended := w.ended
	w.mu.Unlock()
	w.metrics().leads.Set(1)
	defer func() {
		w.mu.Lock()
		w.term = nil
		w.mu.Unlock()
		t.all.Wait()
		w.metrics().leads.Set(0)
	}()
	for _, pod := range ended {
		if time.Since(goneAt(pod)) < memory {
			w.keep(pod, true)
		}
	}
	for _, object := range pods.List() {
		w.heard(object, false)
	}
	for every := time.NewTicker(time.Minute); ; {
		w.reconcile(ctx)
		select {
		case <-ctx.Done():
			every.Stop()
			return
		case <-every.C:
		}
	}
}

// leads reports whether this worker is the one that tells.
func (w *Worker) leads() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.term != nil
}

// selector selects the pods of the pool.
func (w *Worker) selector() string { return ours + "," + labelPool + "=" + labelValue(w.pool()) }

// informer hears of all pods of the pool; it begins anew when a watch expires,
// and backs off while there is none to be had.
func (w *Worker) informer() (cache.SharedIndexInformer, error) {
	pods := informers.NewFilteredPodInformer(w.Client, w.Namespace, 0, cache.Indexers{}, func(o *metav1.ListOptions) { o.LabelSelector = w.selector() })
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.heard(object, false) },
		UpdateFunc: func(_, object any) { w.heard(object, false) },
		DeleteFunc: func(object any) { w.heard(object, true) },
	})
	if err != nil {
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	if err := pods.SetTransform(light); err != nil {
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	err = pods.SetWatchErrorHandlerWithContext(func(ctx context.Context, _ *cache.Reflector, err error) {
		w.metrics().relists.Inc()
		w.log().WarnContext(ctx, "watch of pods ended", "err", err)
	})
	if err != nil {
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	return pods, nil
}

// light drops what nobody reads and is half of a pod.
func light(object any) (any, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		pod.ManagedFields = nil
	}
	return object, nil
}

// heard takes note of a pod as it is now, or as it was when it went away.
func (w *Worker) heard(object any, gone bool) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok || idOf(pod) == "" {
		return
	}
	if gone { // for good: nobody makes it again
		w.deleted.add(idOf(pod))
		w.feeds.drop(idOf(pod))
		w.remember(pod)
	}
	w.keep(pod, gone)
}

// remember notes that pod went away, for as long as it may be untold.
func (w *Worker) remember(pod *corev1.Pod) {
	pod = pod.DeepCopy()
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, annotationGone, time.Now().UTC().Format(milliseconds))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, pod)
	for len(w.ended) > 0 && time.Since(goneAt(w.ended[0])) > memory {
		w.ended = w.ended[1:]
	}
}

// keep has the keeper of pod know of it, if this worker leads; there is one from
// the first time that it is heard of until all is told.
func (w *Worker) keep(pod *corev1.Pod, gone bool) {
	id := idOf(pod)
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.term
	if t == nil {
		return
	}
	k := t.keepers[id]
	if k == nil {
		k = newKeeper(w, pod)
		t.keepers[id] = k
		w.metrics().keepers.Inc()
		t.all.Go(func() {
			defer w.metrics().keepers.Dec()
			defer w.dismiss(t, id)
			k.run(t.ctx)
		})
	}
	k.set(pod, gone)
}

func (w *Worker) dismiss(t *term, id execution.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(t.keepers, id)
}

// keeping are all keepers.
func (w *Worker) keeping() []*keeper {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.term == nil {
		return nil
	}
	return slices.Collect(maps.Values(w.term.keepers))
}

// keeper is the one of id, or nil.
func (w *Worker) keeper(id execution.ID) *keeper {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.term == nil {
		return nil
	}
	return w.term.keepers[id]
}
