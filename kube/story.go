package kube

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// view is all that is known of one run.
type view struct {
	pod     *corev1.Pod
	started *runner.Started // of the first step; nil: not yet, or not read
	end     *runner.End     // nil: no final frame was read
	output  execution.Output

	troubles []trouble // why the pod does not start, each reason once, the latest last

	settled bool               // no more will become known of how the run ended
	outcome *execution.Outcome // nil while not settled, and if it is not ours to say
	stuckAt time.Time          // of an outcome without a container: when it became certain
	goneAt  time.Time          // of the pod; zero: it is there
}

// story is all that happened, as far as it is known, in order. Each event has
// the time at which it became true, so that telling it again tells the same;
// only when a pod went away nobody but us has noted.
//
// Who has a pod deleted says how its run ended: that what we stopped has failed
// is no news. So of such a pod the story is not how the script ended, but what
// it took until then, as far as that is known: that is in pod_terminated.
func (v *view) story() []execution.Event {
	events := []execution.Event{v.event(execution.PodCreated, createdAt(v.pod))}
	if v.pod.Spec.NodeName != "" {
		e := v.event(execution.PodScheduled, scheduledAt(v.pod))
		e.Pod.Node = v.pod.Spec.NodeName
		events = append(events, e)
	}
	if v.started == nil && !v.settled {
		for _, t := range v.troubles {
			events = append(events, v.waiting(t))
		}
	}
	if v.started != nil {
		e := v.event(execution.PodRunning, v.started.At)
		e.Pod.Node, e.Pod.ContainerID = v.pod.Spec.NodeName, containerID(v.pod)
		events = append(events, e)
	}
	ran := ran(v.pod) || v.started != nil
	switch {
	case v.outcome != nil:
		e := execution.NewEnding(idOf(v.pod), "", execution.SourceKube, *v.outcome, v.endedAt())
		e.UserID, e.CorrelationID, e.Pod = v.pod.Annotations[annotationUser], v.pod.Annotations[annotationCorrelation], v.ended()
		e.Usage, e.Output = usage(v.pod, v.end), v.printed()
		events = append(events, e)
		if ran && terminated(v.pod) != nil { // without usage: it is no news to a saga
			e := v.event(execution.PodTerminated, v.endedAt())
			e.Pod = v.ended()
			events = append(events, e)
		}
	case v.settled && ran:
		e := v.event(execution.PodTerminated, v.endedAt())
		e.Pod, e.Usage, e.Output = v.ended(), usage(v.pod, v.end), v.printed()
		events = append(events, e)
	}
	if v.settled && !v.goneAt.IsZero() {
		e := v.event(execution.PodDeleted, v.goneAt)
		e.Pod = v.ended()
		events = append(events, e)
	}
	return events
}

// event is one that has the name of the pod.
func (v *view) event(t execution.EventType, at time.Time) execution.Event {
	e := execution.NewEvent(idOf(v.pod), v.pod.Annotations[annotationUser], execution.SourceKube, t, at)
	e.CorrelationID = v.pod.Annotations[annotationCorrelation]
	e.Pod = &execution.Pod{Name: v.pod.Name, Namespace: v.pod.Namespace}
	return e
}

// waiting says that the pod does not start because of t.
func (v *view) waiting(t trouble) execution.Event {
	e := execution.NewWaiting(idOf(v.pod), v.pod.Annotations[annotationUser], execution.SourceKube, t.reason, t.message, t.at)
	e.CorrelationID = v.pod.Annotations[annotationCorrelation]
	e.Pod.Name, e.Pod.Namespace, e.Pod.Node = v.pod.Name, v.pod.Namespace, v.pod.Spec.NodeName
	return e
}

// ended is the pod with what Kubernetes says about its end.
func (v *view) ended() *execution.Pod {
	p := &execution.Pod{
		Name: v.pod.Name, Namespace: v.pod.Namespace, Node: v.pod.Spec.NodeName, ContainerID: containerID(v.pod),
		Reason: v.pod.Status.Reason, Message: short(v.pod.Status.Message),
	}
	if t := terminated(v.pod); t != nil && p.Reason == "" {
		p.Reason, p.Message = t.Reason, short(t.Message)
	}
	return p
}

// endedAt is when the run ended: by its own clock, or else the container's.
func (v *view) endedAt() time.Time {
	t := terminated(v.pod)
	switch {
	case v.end != nil && !v.end.FinishedAt.IsZero():
		return v.end.FinishedAt
	case !v.stuckAt.IsZero():
		return v.stuckAt
	case t != nil && t.FinishedAt.Unix() > 0:
		return t.FinishedAt.Time
	case !v.goneAt.IsZero():
		return v.goneAt
	}
	at := scheduledAt(v.pod)
	for _, c := range v.pod.Status.Conditions {
		if c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
	}
	return at
}

// printed counts the output: as the final frame does, or as it was read. It is
// nil if no script was started.
func (v *view) printed() *execution.Output {
	switch {
	case v.end != nil && (v.started != nil || !v.end.StartedAt.IsZero()):
		return counted(*v.end)
	case v.started != nil || v.output.Chunks > 0:
		return new(v.output)
	default:
		return nil
	}
}

// counted is the output as a final frame counts it.
func counted(end runner.End) *execution.Output {
	o := &execution.Output{
		Chunks: end.Frames, StdoutBytes: end.StdoutBytes, StderrBytes: end.StderrBytes, CompileBytes: end.CompileBytes,
		StdoutTruncated: end.StdoutTruncated, StderrTruncated: end.StderrTruncated, CompileTruncated: end.CompileTruncated,
		ArtifactsSkipped: end.ArtifactsSkipped,
	}
	for _, a := range end.Artifacts {
		o.Artifacts = append(o.Artifacts, execution.Artifact{Path: a.Path, Bytes: a.Bytes, Position: a.Position, SHA256: a.SHA256})
	}
	return o
}

func containerID(pod *corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == container {
			return c.ContainerID
		}
	}
	return ""
}
