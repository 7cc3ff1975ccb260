package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/codesaga/codesaga/execution"
)

// await returns when f is known. An answer that does not come may be lost, so
// the task is sent again: whoever has done it tells how things stand. When an
// operator asks it is sent at once, and the patience begins anew. Where no kube
// worker is at all, it asks ever more rarely, for as long as absence.
func (r *run) await(ctx workflow.Context, f execution.Fact, patience time.Duration) error {
	since := workflow.Now(ctx)
	for sent := 1; ; sent++ {
		answers := r.answers
		r.record.enter("await_"+string(f), workflow.Now(ctx))
		r.asked = false
		err := until(ctx, patience, func() bool { return r.knows(f) || r.knows(execution.Gone) || r.asked })
		switch {
		case err != nil || r.knows(f):
			return err
		case r.knows(execution.Gone):
			return temporal.NewApplicationError("the pod is gone, and not by us", nodeLost)
		case r.again():
			sent--
		case sent >= sends && (r.answers > answers || workflow.Now(ctx).Sub(since) >= absence(ctx)):
			return temporal.NewApplicationError("the cluster does not answer", noAnswer)
		case sent >= sends:
			patience = max(patience, min(2*patience, rarely))
			if err := r.publishUnanswered(ctx, f); err != nil {
				return err
			}
		}
		if err := r.createPod(ctx); err != nil {
			return err
		}
	}
}

// publishUnanswered tells, once, why a script does not start.
func (r *run) publishUnanswered(ctx workflow.Context, f execution.Fact) error {
	if r.unanswered || f != execution.Started {
		return nil
	}
	r.unanswered = true
	e := execution.NewWaiting(r.Capacity.ID, r.Capacity.UserID, execution.SourceSaga, "NoKubernetesWorker", "no Kubernetes worker answers", workflow.Now(ctx))
	e.CorrelationID = r.CorrelationID
	return r.publish(ctx, e)
}

// absence is how long no kube worker may answer until a run ends because of
// that: as long as a run waits for capacity, if nothing else is set. A worker
// tells what it cannot do, so if nobody answers nobody is there, and the pods
// that there are go on meanwhile (parity AD-17).
func absence(ctx workflow.Context) time.Duration {
	if workflow.GetVersion(ctx, longAbsence, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return 0
	}
	return time.Hour
}

// removePod returns when the pod is gone, so that who gets its capacity finds
// it. It asks again soon, because an answer takes seconds at most, and then
// rarely; if nobody answers, it outlasts the pod's own deadline.
func (r *run) removePod(ctx workflow.Context) error {
	patience := []time.Duration{15 * time.Second, time.Minute, r.runPatience() + r.starting, time.Minute}
	for i := 0; i < len(patience); i++ {
		if err := r.deletePod(ctx); err != nil {
			return err
		}
		r.asked = false
		err := until(ctx, patience[i], func() bool { return r.knows(execution.Gone) || r.asked })
		switch {
		case err != nil || r.knows(execution.Gone):
			return err
		case r.again():
			i--
		}
	}
	return temporal.NewApplicationError("the cluster does not say that the pod is gone", noAnswer)
}

// awaitStored waits a day for the result to be stored. It sends nothing by
// itself: that the script has ended is in Kafka, and whoever stores it comes to
// it. When an operator asks, the kube worker tells of the end again.
func (r *run) awaitStored(ctx workflow.Context) error {
	late := workflow.Now(ctx).Add(24 * time.Hour)
	for {
		r.record.enter("await_stored", workflow.Now(ctx))
		r.asked = false
		err := until(ctx, late.Sub(workflow.Now(ctx)), func() bool { return r.knows(execution.Stored) || r.asked })
		switch {
		case err != nil || r.knows(execution.Stored):
			return err
		case !r.again():
			return temporal.NewApplicationError("the result is not stored; the pod was left, it may have the only copy", "NotStored")
		}
		if err := r.createPod(ctx); err != nil { // it will be asked for again, or stored without
			workflow.GetLogger(ctx).Warn("the end was not asked for", "execution", r.Capacity.ID, "err", err)
		}
	}
}
