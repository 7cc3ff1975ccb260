package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

func TestVerdict(t *testing.T) {
	const (
		disk  = `Usage of EmptyDir volume "work" exceeds the limit "64Mi". `
		whole = `Pod ephemeral local storage usage exceeds the total limit of containers 166Mi. `
		node  = `The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi. `
	)
	alive := corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
		{Name: container, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
	}}
	stopped := &runner.End{Stopped: true, ExitCode: 143, Signal: "SIGTERM"}
	tests := []struct {
		name   string
		status corev1.PodStatus
		end    *runner.End
		asked  bool
		want   string // status, error type, limit or reason, signal
		code   int32  // -1: none
	}{
		// From the final frame, before the cluster knows.
		{"exit 0", alive, &runner.End{}, false, "completed", 0},
		{"exit 3", alive, &runner.End{ExitCode: 3}, false, "failed script_error", 3},
		{"exit 139 is no signal", alive, &runner.End{ExitCode: 139}, false, "failed script_error", 139},
		{"signal", alive, &runner.End{ExitCode: 139, Signal: "SIGSEGV"}, false, "failed script_error SIGSEGV", 139},
		{"compile", alive, &runner.End{Phase: runner.Compile, ExitCode: 1}, false, "failed compile_error", 1},
		{"compile runs out of memory", alive, &runner.End{Phase: runner.Compile, ExitCode: 137, OOMKilled: true, Limit: "memory"}, false, "failed resource_limit memory", 137},
		{"compile takes too long", alive, &runner.End{Phase: runner.Compile, ExitCode: 143, TimedOut: true}, false, "timeout timeout", 143},
		{"out of memory", alive, &runner.End{ExitCode: 137, OOMKilled: true, Limit: "memory"}, false, "failed resource_limit memory", 137},
		{"a child out of memory", alive, &runner.End{OOMKilled: true}, false, "failed resource_limit memory", 137},
		{"cpu time", alive, &runner.End{ExitCode: 152, Signal: "SIGXCPU", Limit: "cpu_time"}, false, "failed resource_limit cpu_time SIGXCPU", 152},
		{"processes", alive, &runner.End{ExitCode: 1, Limit: "processes"}, false, "failed resource_limit processes", 1},
		{"open files", alive, &runner.End{ExitCode: 1, Limit: "open_files"}, false, "failed resource_limit open_files", 1},
		{"file size", alive, &runner.End{ExitCode: 153, Limit: "file_size"}, false, "failed resource_limit file_size", 153},
		{"disk", alive, &runner.End{ExitCode: 1, Limit: "disk"}, false, "failed resource_limit disk", 1},
		{"output", alive, &runner.End{ExitCode: 137, Limit: "output"}, false, "failed resource_limit output", 137},
		{"timeout", alive, &runner.End{ExitCode: 143, TimedOut: true, Signal: "SIGTERM"}, false, "timeout timeout SIGTERM", 143},
		{"timeout, exit 0", alive, &runner.End{TimedOut: true}, false, "timeout timeout", 0},
		{"no such program", alive, &runner.End{ExitCode: -1, Error: "exec python9: not found"}, false, "error system_error internal", -1},
		{"not started", alive, &runner.End{ExitCode: -1}, false, "error system_error internal", -1},

		// Who stopped it.
		{"asked", alive, stopped, true, "", 0},
		{"asked, no frame", exit(137, "Error", ""), nil, true, "", 0},
		{"ended before it was asked", alive, &runner.End{ExitCode: 3}, true, "failed script_error", 3},
		{"out of time before it was asked", alive, &runner.End{ExitCode: 143, TimedOut: true}, true, "timeout timeout", 143},
		{"by itself", exit(143, "Error", ""), stopped, false, "failed script_error SIGTERM", 143},
		{"by itself, exit 0", exit(0, "Completed", ""), &runner.End{Stopped: true}, false, "failed script_error SIGTERM", 143},
		{"the pod's deadline", exit(143, "Error", "DeadlineExceeded"), stopped, false, "timeout timeout SIGTERM", 143},
		{"the pod's deadline, no frame", exit(137, "Error", "DeadlineExceeded"), nil, false, "timeout timeout", -1},
		{"the pod's deadline, never started", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "DeadlineExceeded"}, nil, false, "timeout timeout", -1},
		{"evicted for its folder", evicted(disk), stopped, false, "failed resource_limit disk SIGTERM", 143},
		{"evicted for all it wrote", evicted(whole), nil, false, "failed resource_limit disk", -1},
		{"evicted for the node's sake", evicted(node), nil, false, "failed resource_limit eviction", -1},
		{"evicted after it ended", evicted(node), &runner.End{}, false, "completed", 0},

		// No final frame: the container's state.
		{"all out of memory", exit(137, "OOMKilled", ""), nil, false, "failed resource_limit memory", 137},
		{"out of memory in gVisor", exit(128, "OOMKilled", ""), nil, false, "failed resource_limit memory", 137},
		{"exit 0, OOMKilled", exit(0, "OOMKilled", ""), nil, false, "failed resource_limit memory", 137},
		{"exit 0 is not believed", exit(0, "Completed", ""), nil, false, "error system_error internal", -1},
		{"the runner crashed", exit(2, "Error", ""), nil, false, "error system_error internal", -1},
		{"the runner was killed", exit(137, "Error", ""), nil, false, "error system_error internal", -1},
		{"the runner did not start", exit(128, "StartError", ""), nil, false, "error system_error internal", -1},
		{"nobody knows", exit(137, "ContainerStatusUnknown", ""), nil, false, "error system_error node_lost", -1},
		{"node shut down", exit(143, "Error", "Terminated"), stopped, false, "error system_error node_lost", -1},
		{"node shut down, no frame", exit(137, "Error", "Terminated"), nil, false, "error system_error node_lost", -1},
		{"node shut down after it ended", exit(0, "Completed", "Terminated"), &runner.End{}, false, "completed", 0},
		{"the node did not take it", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu"}, nil, false, "error system_error pod_refused", -1},

		{"running", alive, nil, false, "", 0},
		{"the phase is not asked", corev1.PodStatus{Phase: corev1.PodSucceeded}, nil, false, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := verdict(&corev1.Pod{Status: tt.status}, tt.end, tt.asked)
			if o == nil {
				if tt.want != "" {
					t.Errorf("none, want %s", tt.want)
				}
				return
			}
			got := string(o.Status)
			for _, s := range []string{o.ErrorType, o.Limit, o.Reason, o.Signal} {
				if s != "" {
					got += " " + s
				}
			}
			code := int32(-1)
			if o.ExitCode != nil {
				code = *o.ExitCode
			}
			if got != tt.want || code != tt.code {
				t.Errorf("%s with %d, want %s with %d", got, code, tt.want, tt.code)
			}
		})
	}
}

// What is said for people names the step.
func TestMessages(t *testing.T) {
	for want, end := range map[string]runner.End{
		"the script took more memory than it may":           {Limit: "memory", Phase: runner.Run},
		"the compile step took more memory than it may":     {OOMKilled: true, Phase: runner.Compile, ExitCode: 137},
		"the compile step printed more than it may":         {Limit: "output", Phase: runner.Compile},
		"the compile step took too long":                    {TimedOut: true, Phase: runner.Compile},
		"the script opened more files than it may":          {Limit: "open_files", Phase: runner.Run},
		"the script filled its disk":                        {Limit: "disk", Phase: runner.Run},
		"the script hit its limit of something_of_tomorrow": {Limit: "something_of_tomorrow", Phase: runner.Run},
	} {
		if o := told(end); o.Message != want || o.Status == execution.Completed {
			t.Errorf("%+v: %+v", end, o)
		}
	}
}

// exit is the status of a pod whose phase does not show it yet.
func exit(code int32, why, reason string) corev1.PodStatus {
	return corev1.PodStatus{Phase: corev1.PodRunning, Reason: reason, ContainerStatuses: []corev1.ContainerStatus{
		{Name: "other", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		{Name: container, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: why}}},
	}}
}

func evicted(message string) corev1.PodStatus {
	s := exit(137, "Error", "Evicted")
	s.Message = message
	return s
}
