package kube

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
)

const (
	// nobody owns nothing in the image.
	nobody = 65534

	// compileSeconds is the time of a compile step that has none of its own.
	compileSeconds = 60

	// slackSeconds is what the pod's deadline leaves to everything else: the
	// runner's comes first.
	slackSeconds = 30

	// cpuRequest is what a script is sure to have, in thousandths of a core; up
	// to its limit it shares (parity EX-02).
	cpuRequest = 200

	container = "script"

	// artifactBytes is what the runner takes of /out, at most (parity EX-32).
	artifactBytes = 10 << 20
)

// podFor describes the pod that does t. It is pure, so that everything between
// a stranger's script and the cluster is read, and tested, in one place.
func podFor(t execution.Task, s Settings) *corev1.Pod {
	s = s.withDefaults()
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: podName(t.ExecutionID), Labels: podLabels(t), Annotations: annotations(t)},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         new(deadline(t, s)),
			TerminationGracePeriodSeconds: &s.GraceSeconds,
			RuntimeClassName:              optional(s.RuntimeClass),
			NodeSelector:                  s.NodeSelector,
			HostUsers:                     hostUsers(s.UserNamespaces),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			SecurityContext:               unprivileged(),
			Volumes: []corev1.Volume{
				{Name: "runner", VolumeSource: runnerVolume(s)},
				{Name: "job", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: podName(t.ExecutionID)},
				}}},
				{Name: "work", VolumeSource: emptyDir(t.Limits.DiskBytes)},
				{Name: "tmp", VolumeSource: emptyDir(t.Limits.DiskBytes)},
				{Name: "out", VolumeSource: emptyDir(t.Limits.DiskBytes)},
			},
			Containers: []corev1.Container{scriptContainer(t)},
		},
	}
	resolve(&pod.Spec, len(t.Egress) > 0)
	if s.InitContainer {
		pod.Spec.InitContainers = []corev1.Container{copyContainer(t, s)}
	}
	return pod
}

// unprivileged is what all processes of a pod are.
func unprivileged() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot:   new(true),
		RunAsUser:      new(int64(nobody)),
		RunAsGroup:     new(int64(nobody)),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// resolve gives a pod that may go out the cluster's names. Another one has none:
// the node's own resolv.conf would tell of the network around it, and a script
// that asks for a name is refused at once.
func resolve(spec *corev1.PodSpec, out bool) {
	if out {
		spec.DNSPolicy = corev1.DNSClusterFirst
		return
	}
	spec.DNSPolicy = corev1.DNSNone
	spec.DNSConfig = &corev1.PodDNSConfig{Nameservers: []string{"127.0.0.1"}}
}

// deadline is the pod's own, counted from when a node took it.
func deadline(t execution.Task, s Settings) int64 {
	d := t.Limits.TimeoutSeconds + s.StartSeconds + s.GraceSeconds + slackSeconds
	if len(t.Program.Compile) > 0 {
		d += cmp.Or(t.Program.CompileSeconds, compileSeconds)
	}
	return d
}

func scriptContainer(t execution.Task) corev1.Container {
	return corev1.Container{
		Name:            container,
		Image:           t.Program.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/runner/runner", "/job/" + jobKey},
		WorkingDir:      "/work",
		Stdin:           t.Interactive, // and not StdinOnce: it outlives whoever attaches
		Resources:       resources(t),
		SecurityContext: locked(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "runner", MountPath: "/runner", ReadOnly: true},
			{Name: "job", MountPath: "/job", ReadOnly: true},
			{Name: "work", MountPath: "/work"},
			{Name: "tmp", MountPath: "/tmp"},
			{Name: "out", MountPath: "/out"},
		},
	}
}

// copyContainer puts the runner where an image volume would have it.
func copyContainer(t execution.Task, s Settings) corev1.Container {
	return corev1.Container{
		Name:            "runner",
		Image:           s.RunnerImage,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/runner", "copy", "/target/runner"},
		Resources:       resources(t),
		SecurityContext: locked(),
		VolumeMounts:    []corev1.VolumeMount{{Name: "runner", MountPath: "/target"}},
	}
}

func locked() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// resources are what a run may take, and what the scheduler sets aside: of
// memory, as much as the larger of its steps. Of the disk it sets nothing aside:
// few scripts write at all, and a kubelet without localStorageCapacityIsolation
// has, as it says, none to give.
func resources(t execution.Task) corev1.ResourceRequirements {
	l := *t.Limits
	cpu := resource.NewMilliQuantity(l.CPUMillis, resource.DecimalSI)
	memory := resource.NewQuantity(max(l.MemoryBytes, t.Program.CompileMemoryBytes), resource.BinarySI)
	return corev1.ResourceRequirements{
		Limits: corev1.ResourceList{
			corev1.ResourceCPU:              *cpu,
			corev1.ResourceMemory:           *memory,
			corev1.ResourceEphemeralStorage: *resource.NewQuantity(disk(l), resource.BinarySI),
		},
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:              *resource.NewMilliQuantity(min(cpuRequest, l.CPUMillis), resource.DecimalSI),
			corev1.ResourceMemory:           *memory,
			corev1.ResourceEphemeralStorage: *resource.NewQuantity(0, resource.BinarySI),
		},
	}
}

// disk is all that the kubelet counts: the three folders, and the log, in which
// each byte of the three outputs and of the artifacts may be escaped, with room
// for the heads of frames. A script's own limit comes first: the runner's.
func disk(l execution.Limits) int64 {
	return 3*l.DiskBytes + 2*(3*l.OutputBytes+artifactBytes) + 32<<20
}

func runnerVolume(s Settings) corev1.VolumeSource {
	if s.InitContainer {
		return emptyDir(64 << 20)
	}
	return corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: s.RunnerImage, PullPolicy: corev1.PullIfNotPresent}}
}

func emptyDir(bytes int64) corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: resource.NewQuantity(bytes, resource.BinarySI)}}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// hostUsers is nil, the cluster's default, unless pods can have their own.
func hostUsers(own bool) *bool {
	if own {
		return new(false)
	}
	return nil
}
