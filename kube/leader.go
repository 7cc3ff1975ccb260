package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const (
	// leaseSeconds is how long a leader that says nothing counts as alive. With
	// the time between two looks of the others, the next one leads within 10 s.
	leaseSeconds = 7
	renewWithin  = 5 * time.Second // else it leads no more
	renewEvery   = time.Second
)

// leaseName is the lease that the leader of the pool has.
func (w *Worker) leaseName() string { return "codesaga-kube-" + labelValue(w.pool()) }

// campaign has lead called for as long as this worker leads its pool, each time
// that it does, until ctx ends. Its error says that it cannot be a candidate.
func (w *Worker) campaign(ctx context.Context, lead func(context.Context)) error {
	for ctx.Err() == nil {
		if err := w.stand(ctx, lead); err != nil {
			return err
		}
	}
	return nil
}

// stand is one candidacy: it waits, leads and gives the lease back. The lease is
// held until lead has returned, so that nobody tells at the same time.
func (w *Worker) stand(ctx context.Context, lead func(context.Context)) error {
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	elected := make(chan context.Context, 1)
	host, _ := os.Hostname()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: w.Namespace, Name: w.leaseName()},
			Client:     w.Client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: host + "-" + rand.Text()[:8]},
		},
		LeaseDuration: leaseSeconds * time.Second, RenewDeadline: renewWithin, RetryPeriod: renewEvery,
		ReleaseOnCancel: true,
		Name:            w.leaseName(),
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) { elected <- held },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		elector.Run(holding)
	}()
	select {
	case <-ctx.Done():
	case held := <-elected:
		w.log().InfoContext(ctx, "leads", "lease", w.leaseName())
		leading, stop := context.WithCancel(held)
		defer context.AfterFunc(ctx, stop)()
		lead(leading)
		stop()
		w.log().InfoContext(ctx, "leads no more", "lease", w.leaseName())
	}
	release()
	<-over
	return nil
}
