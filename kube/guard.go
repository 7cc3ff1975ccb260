package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
)

const (
	// fresh is how long a report counts, and recheck, if it is a bad one: somebody
	// is about to mend that.
	fresh   = time.Hour
	recheck = time.Minute
	// unknownFor is how long a worker that starts makes no pods because nobody
	// has told it yet whether the cluster isolates them. That nothing can be
	// found out is no reason not to work.
	unknownFor = time.Minute

	annotationReport = "codesaga/report" // on the lease of the guard: the last report
)

// guard keeps what is known of the isolation of pods up to date until ctx ends.
// The leader probes, at its start and then hourly, and writes what it found on a
// lease, from where the others have it, and it itself after a new start.
func (w *Worker) guard(ctx context.Context) {
	for probed := false; ; {
		pause := w.lookAtReport(ctx, &probed)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// lookAtReport takes over what was found last, probes if it is time to, and
// returns when to look again. Probed is whether this worker ever did.
func (w *Worker) lookAtReport(ctx context.Context, probed *bool) time.Duration {
	lease, report, err := w.lastReport(ctx)
	if err != nil {
		w.log().WarnContext(ctx, "isolation of pods is not known", "err", err)
		return 10 * time.Second
	}
	left := time.Duration(0) // of the time for which the report counts
	if report != nil {
		if left = fresh - time.Since(report.At); !report.Isolated {
			left = recheck - time.Since(report.At)
		}
		w.found(ctx, report)
	}
	switch {
	case !w.leads():
		return time.Second
	case left > 0 && *probed:
		return min(left, 30*time.Second)
	}
	found, err := w.Probe(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.log().WarnContext(ctx, "isolation of pods cannot be found out", "err", err)
		}
		return time.Minute
	}
	*probed = true
	w.found(ctx, &found)
	if err := w.saveReport(ctx, lease, found); err != nil {
		w.log().WarnContext(ctx, "report not saved", "err", err)
	}
	return time.Second
}

// found takes over a report.
func (w *Worker) found(ctx context.Context, r *Report) {
	before := w.isolation.Swap(r)
	if before != nil && before.Sentence == r.Sentence {
		return
	}
	if r.Isolated {
		w.metrics().open.Set(0)
		w.log().InfoContext(ctx, "pods are isolated", "report", r.Sentence)
		return
	}
	w.metrics().open.Set(1)
	w.log().ErrorContext(ctx, "pods are not isolated: none are made", "report", r.Sentence)
}

func (w *Worker) guardName() string { return w.leaseName() + "-isolation" }

// lastReport is what was found last, by whomever; nil if nothing was.
func (w *Worker) lastReport(ctx context.Context) (*coordinationv1.Lease, *Report, error) {
	lease, err := w.Client.CoordinationV1().Leases(w.Namespace).Get(ctx, w.guardName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	report := new(Report)
	if json.Unmarshal([]byte(lease.Annotations[annotationReport]), report) != nil {
		return lease, nil, nil // of another version
	}
	return lease, report, nil
}

func (w *Worker) saveReport(ctx context.Context, lease *coordinationv1.Lease, r Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	leases := w.Client.CoordinationV1().Leases(w.Namespace)
	if lease == nil {
		lease = &coordinationv1.Lease{ObjectMeta: meta(w.guardName())}
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, annotationReport, string(text))
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, annotationReport, string(text))
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// closed returns why no pods are made for now, as a reason to wait and as an
// error; nil: they are.
func (w *Worker) closed() (reason string, err error) {
	if !w.Guard {
		return "", nil
	}
	r := w.isolation.Load()
	switch {
	case r != nil && !r.Isolated:
		return notIsolated, execution.Errorf(execution.Unavailable, "the cluster does not isolate pods: %s", r.Sentence)
	case r == nil && w.age() < unknownFor:
		return unavailable, execution.Errorf(execution.Unavailable, "whether the cluster isolates pods is not known yet")
	}
	return "", nil
}

// age is how long Run runs.
func (w *Worker) age() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began.IsZero() {
		return 0
	}
	return time.Since(w.began)
}

// Ready returns why this worker makes no pods, or nil. It is a check of
// readiness; see Detail.
func (w *Worker) Ready(context.Context) error {
	if _, err := w.closed(); err != nil {
		return fmt.Errorf("no pods are made: %w", err)
	}
	return nil
}

// Detail is what is known of the isolation of pods.
func (w *Worker) Detail() string {
	if r := w.isolation.Load(); r != nil {
		return r.Sentence
	}
	return "not known yet"
}
