package kube

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// verdict is how the run in pod ended, or nil: while it has not, and when it
// ended because it was asked to; then the saga says how. The final frame tells;
// end is nil if there is none, and the container's state the backstop. The
// phase comes seconds later and is looked at only where no container was.
//
// A script that failed is a result; a platform that failed is an error.
func verdict(pod *corev1.Pod, end *runner.End, asked bool) *execution.Outcome {
	t := terminated(pod)
	switch {
	case end != nil && !end.Stopped: // by itself, before any wish of ours
		return told(*end)
	case asked:
		return nil
	case pod.Status.Reason == "DeadlineExceeded":
		o := outcome(execution.TimedOut, "timeout", end)
		o.Message = "the deadline of the pod has passed"
		return &o
	case pod.Status.Reason == "Evicted":
		o := outcome(execution.Failed, "resource_limit", end)
		o.Limit, o.Message = evictedFor(pod.Status.Message), pod.Status.Message
		return &o
	case disrupted(pod) != "":
		return broken("node_lost", disrupted(pod))
	case end != nil: // nobody of us sent SIGTERM: the script did
		o := outcome(execution.Failed, "script_error", nil)
		o.ExitCode, o.Signal = new(int32(143)), "SIGTERM"
		return &o
	case t != nil:
		return untold(*t)
	case pod.Status.Phase == corev1.PodFailed: // the node did not take it
		return broken("pod_refused", join(pod.Status.Reason, pod.Status.Message))
	default:
		return nil
	}
}

// told is the verdict that follows from a final frame. What the platform did
// wrong comes first; then memory, even if a child alone was killed and the
// script ended with 0.
func told(end runner.End) *execution.Outcome {
	o := outcome(execution.Completed, "", &end)
	switch {
	case end.Error != "":
		return broken("internal", end.Error)
	case end.OOMKilled, end.Limit == "memory":
		o.Status, o.ErrorType, o.Limit, o.ExitCode = execution.Failed, "resource_limit", "memory", new(int32(137))
		o.Message = exceeded(end.Phase, "memory")
	case end.Limit != "":
		o.Status, o.ErrorType, o.Limit = execution.Failed, "resource_limit", end.Limit
		o.Message = exceeded(end.Phase, end.Limit)
	case end.TimedOut:
		o.Status, o.ErrorType = execution.TimedOut, "timeout"
		if end.Phase == runner.Compile {
			o.Message = "the compile step took too long"
		}
	case end.ExitCode < 0:
		return broken("internal", "the script was not started")
	case end.Phase == runner.Compile:
		o.Status, o.ErrorType = execution.Failed, "compile_error"
	case end.ExitCode != 0, end.Signal != "":
		o.Status, o.ErrorType = execution.Failed, "script_error"
	}
	return &o
}

// exceeded says for people which limit was hit, and by whom.
func exceeded(p runner.Phase, limit string) string {
	who := "the script"
	if p == runner.Compile {
		who = "the compile step"
	}
	what, known := map[string]string{
		"memory": "took more memory than it may", "cpu_time": "took more CPU time than it may",
		"processes": "had more processes than it may", "open_files": "opened more files than it may",
		"file_size": "wrote a larger file than it may", "disk": "filled its disk", "output": "printed more than it may",
	}[limit]
	if !known { // of a newer runner
		what = "hit its limit of " + limit
	}
	return who + " " + what
}

// untold is the verdict on a container that left no final frame. Its exit code
// is the runner's, not the script's, and says nothing about the script: a
// script that sabotages PID 1 gains nothing by it, and never "completed".
func untold(t corev1.ContainerStateTerminated) *execution.Outcome {
	switch t.Reason {
	case "OOMKilled": // all of the container at once, as on cgroup v2 and gVisor
		o := outcome(execution.Failed, "resource_limit", nil)
		o.Limit, o.ExitCode = "memory", new(int32(137))
		return &o
	case statusUnknown:
		return broken("node_lost", join(t.Reason, t.Message))
	case "StartError", "ContainerCannotRun":
		return broken("internal", join(t.Reason, t.Message))
	default:
		return broken("internal", fmt.Sprintf("the runner ended without a final frame, with %d (%s)", t.ExitCode, t.Reason))
	}
}

func outcome(status execution.Status, errorType string, end *runner.End) execution.Outcome {
	o := execution.Outcome{Status: status, ErrorType: errorType}
	if end != nil {
		o.ExitCode, o.Signal = exitCode(*end), end.Signal
	}
	return o
}

// broken is an error of the platform.
func broken(reason, message string) *execution.Outcome {
	return &execution.Outcome{Status: execution.Errored, ErrorType: "system_error", Reason: reason, Message: short(message)}
}

// exitCode is nil if the script never started.
func exitCode(end runner.End) *int32 {
	if end.ExitCode < 0 {
		return nil
	}
	return &end.ExitCode
}

// evictedFor tells what the pod itself did (kubelet, eviction_manager.go) from
// what the node could not stand any longer.
func evictedFor(message string) string {
	if strings.Contains(message, "EmptyDir volume") || strings.Contains(message, "ephemeral local storage") || strings.Contains(message, "local ephemeral storage") {
		return "disk"
	}
	return "eviction"
}

// usage is what the script in pod took; nil if none was started. Without a
// final frame it is what the container's state says, to the second. What the
// compile step took is apart, unless that is all there was.
func usage(pod *corev1.Pod, end *runner.End) *execution.Usage {
	t := terminated(pod)
	switch {
	case end != nil && end.StartedAt.IsZero():
		return nil
	case end != nil:
		return &execution.Usage{
			StartedAt: moment(end.StartedAt), FinishedAt: moment(end.FinishedAt),
			WallSeconds: end.WallSeconds, CPUSeconds: end.CPUSeconds, PeakMemoryBytes: end.PeakMemoryBytes,
			CompileWall: end.CompileWallSeconds, CompileCPU: end.CompileCPUSeconds,
			OOMKilled: end.OOMKilled, ExitCode: exitCode(*end), Signal: end.Signal,
		}
	case t == nil || t.StartedAt.Unix() <= 0: // of a StartError it is 1970
		return nil
	}
	u := execution.Usage{
		StartedAt: moment(t.StartedAt.Time), FinishedAt: moment(t.FinishedAt.Time),
		WallSeconds: t.FinishedAt.Sub(t.StartedAt.Time).Seconds(), OOMKilled: t.Reason == "OOMKilled",
	}
	if u.OOMKilled {
		u.ExitCode = new(int32(137))
	}
	return &u
}

// moment is t as events have it, or nil.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Truncate(time.Millisecond))
}

func join(reason, message string) string {
	return strings.TrimSuffix(strings.TrimPrefix(reason+": "+message, ": "), ": ")
}

// short cuts what others wrote to what an event can carry.
func short(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
