package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/codesaga/codesaga/execution"
)

// Run watches the pods and has each one's story told, until ctx ends; then it
// returns nil. What it told before it was started anew it tells again, with
// the same IDs and times.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	w.keepers = make(map[execution.ID]*keeper)
	w.mu.Unlock()
	var keepers, watch sync.WaitGroup
	defer func() {
		watch.Wait() // it starts keepers
		keepers.Wait()
		w.mu.Lock()
		w.keepers = nil
		w.mu.Unlock()
	}()
	pods, err := w.informer(ctx, &keepers)
	if err != nil {
		return err
	}
	watch.Go(func() { pods.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced) {
		return nil
	}
	for every := time.NewTicker(time.Minute); ; {
		w.reconcile(ctx, pods.GetStore())
		select {
		case <-ctx.Done():
			every.Stop()
			return nil
		case <-every.C:
		}
	}
}

// informer hears of all our pods; it begins anew when a watch expires, and
// backs off while there is none to be had.
func (w *Worker) informer(ctx context.Context, keepers *sync.WaitGroup) (cache.SharedIndexInformer, error) {
	pods := informers.NewFilteredPodInformer(w.Client, w.Namespace, 0, cache.Indexers{}, func(o *metav1.ListOptions) { o.LabelSelector = ours })
	heard := func(object any, gone bool) {
		if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		if pod, ok := object.(*corev1.Pod); ok && idOf(pod) != "" {
			w.keep(ctx, keepers, pod, gone)
		}
	}
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { heard(object, false) },
		UpdateFunc: func(_, object any) { heard(object, false) },
		DeleteFunc: func(object any) { heard(object, true) },
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

// keep has the keeper of pod know of it; there is one from the first time that
// it is heard of until all is told.
func (w *Worker) keep(ctx context.Context, keepers *sync.WaitGroup, pod *corev1.Pod, gone bool) {
	id := idOf(pod)
	if gone { // for good: nobody makes it again
		w.deleted.add(id)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.keepers[id]
	if k == nil {
		k = newKeeper(w, pod)
		w.keepers[id] = k
		w.metrics().keepers.Inc()
		keepers.Go(func() {
			defer w.metrics().keepers.Dec()
			defer w.dismiss(id)
			k.run(ctx)
		})
	}
	k.set(pod, gone)
}

func (w *Worker) dismiss(id execution.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keepers, id)
}

// keeper is the one of id, or nil.
func (w *Worker) keeper(id execution.ID) *keeper {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keepers[id]
}
