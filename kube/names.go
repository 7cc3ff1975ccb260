package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/codesaga/codesaga/execution"
)

// The names of labels and annotations. A saga has the ID of its execution.
const (
	managedBy        = "app.kubernetes.io/managed-by"
	ours             = managedBy + "=codesaga" // selects all that we made
	labelExecution   = "codesaga/execution"
	labelUser        = "codesaga/user"
	labelLanguage    = "codesaga/language"
	labelPool        = "codesaga/pool"
	labelCorrelation = "codesaga/correlation"
	labelOwned       = "codesaga/owned" // on a ConfigMap: it has its pod as owner

	annotationUser        = "codesaga/user-id"
	annotationCorrelation = "codesaga/correlation-id"
	annotationAttempt     = "codesaga/attempt"
	annotationCreated     = "codesaga/created-at"  // to the millisecond: Kubernetes counts seconds
	annotationTrace       = "codesaga/traceparent" // of the task that made it, in W3C Trace Context
	annotationGone        = "codesaga/gone-at"     // never in the cluster: when a pod that is gone was seen to go
	annotationRetell      = "codesaga/retell"      // changes when a worker that does not lead is asked how the pod stands
)

const milliseconds = "2006-01-02T15:04:05.000Z"

// podName is also the name of everything else that a run has in the cluster.
func podName(id execution.ID) string { return "execution-" + string(id) }

// idOf is the execution that pod runs; empty if it is none of ours.
func idOf(pod *corev1.Pod) execution.ID { return execution.ID(pod.Labels[labelExecution]) }

// labels are those of all that a run has.
func labels(id execution.ID) map[string]string {
	return map[string]string{managedBy: "codesaga", labelExecution: string(id)}
}

func podLabels(t execution.Task) map[string]string {
	all := labels(t.ExecutionID)
	all[labelUser] = labelValue(t.UserID)
	all[labelLanguage] = labelValue(t.Language)
	all[labelPool] = labelValue(t.Pool)
	all[labelCorrelation] = labelValue(t.CorrelationID)
	return all
}

// annotations are what a worker that starts anew has to know of a run to tell
// of it what its predecessor told.
func annotations(t execution.Task) map[string]string {
	return map[string]string{
		annotationUser:        t.UserID,
		annotationCorrelation: t.CorrelationID,
		annotationAttempt:     strconv.Itoa(int(t.Attempt)),
	}
}

// labelValue is s if it may stand in a label, else a digest of it: a label is
// no place for what users write, and selecting by it must not fail.
func labelValue(s string) string {
	if len(validation.IsValidLabelValue(s)) == 0 {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + hex.EncodeToString(sum[:20])
}

// goneAt is when pod, which remember has a copy of, went away.
func goneAt(pod *corev1.Pod) time.Time {
	at, _ := time.Parse(milliseconds, pod.Annotations[annotationGone])
	return at
}

// createdAt is when the worker asked for pod, or else when it came to be, to
// the second.
func createdAt(pod *corev1.Pod) time.Time {
	if at, err := time.Parse(milliseconds, pod.Annotations[annotationCreated]); err == nil {
		return at
	}
	return pod.CreationTimestamp.Time
}
