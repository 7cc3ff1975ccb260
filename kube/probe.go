package kube

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/runner"
)

const (
	labelProbe = "codesaga/probe" // on the pods of a probe

	probeSeconds = 90   // that a probe may take, with all of its pods
	probePort    = 8443 // on which its neighbour listens
)

// addresses are those that a pod is most likely to reach where it can reach
// anything, beside its neighbour: the node and the API server, as pods know
// them, metadata services, and the world.
var addresses = []string{
	"$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)",
	"$(NODE_IP):10250", "$(NODE_IP):6443", "$(NODE_IP):22",
	"169.254.169.254:80", "[fd00:ec2::254]:80", "100.100.100.200:80",
	"1.1.1.1:443", "8.8.8.8:53", "[2606:4700:4700::1111]:443",
	"dns:1.1.1.1:53", "dns:169.254.169.254:53",
}

// Probe finds out whether the cluster keeps pods in: it starts one as scripts
// have them, and one beside it, lets the first try to reach what it should not,
// and removes both. The error says that nothing was found out.
func (w *Worker) Probe(ctx context.Context) (Report, error) {
	ctx, stop := context.WithTimeout(ctx, probeSeconds*time.Second)
	defer stop()
	w.sweepProbes(ctx)
	name := "codesaga-probe-" + strings.ToLower(rand.Text()[:10])
	beside, err := w.probePod(ctx, name+"-b", "hold", fmt.Sprintf(":%d", probePort))
	if err != nil {
		return Report{}, err
	}
	defer w.removeProbe(ctx, beside.Name)
	beside, err = w.until(ctx, beside.Name, ran)
	if err != nil {
		return Report{}, err
	}
	args := append([]string{"probe", net.JoinHostPort(beside.Status.PodIP, fmt.Sprint(probePort))}, addresses...)
	if host := w.server(); host != "" {
		args = append(args, host)
	}
	pod, err := w.probePod(ctx, name, args...)
	if err != nil {
		return Report{}, err
	}
	defer w.removeProbe(ctx, pod.Name)
	if _, err = w.until(ctx, pod.Name, ran); err != nil {
		return Report{}, err
	}
	said, err := w.said(ctx, pod.Name)
	if err != nil {
		return Report{}, err
	}
	return evaluate(said, time.Now()), nil
}

// probePod makes a pod as scripts have them, but for what is in it. It asks the
// cluster's DNS, where scripts are told of none.
func (w *Worker) probePod(ctx context.Context, name string, args ...string) (*corev1.Pod, error) {
	s := w.Settings.withDefaults()
	little := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{managedBy: "codesaga", labelProbe: "true"}},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         new(int64(probeSeconds)),
			TerminationGracePeriodSeconds: new(int64(1)),
			RuntimeClassName:              optional(s.RuntimeClass),
			NodeSelector:                  s.NodeSelector,
			HostUsers:                     hostUsers(s.UserNamespaces),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			DNSPolicy:                     corev1.DNSClusterFirst,
			SecurityContext:               unprivileged(),
			Containers: []corev1.Container{{
				Name: container, Image: s.RunnerImage, ImagePullPolicy: corev1.PullIfNotPresent,
				Command:         append([]string{"/runner"}, args...),
				Env:             []corev1.EnvVar{{Name: "NODE_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.hostIP"}}}},
				Resources:       corev1.ResourceRequirements{Limits: little, Requests: little},
				SecurityContext: locked(),
			}},
		},
	}
	pod, err := w.pods().Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return pod, nil
}

// until returns the pod of a probe as soon as it is as wanted.
func (w *Worker) until(ctx context.Context, name string, as func(*corev1.Pod) bool) (*corev1.Pod, error) {
	for {
		pod, err := w.pods().Get(ctx, name, metav1.GetOptions{})
		switch {
		case err == nil && as(pod):
			return pod, nil
		case apierrors.IsNotFound(err):
			return nil, fmt.Errorf("probe: %w", err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			if pod != nil && err == nil {
				err = errors.New(join(waits(pod).Reason, waits(pod).Message))
			}
			return nil, fmt.Errorf("probe: the pod %s does not get on: %w", name, err)
		}
	}
}

// said is what the probe in pod prints until it ends.
func (w *Worker) said(ctx context.Context, pod string) (p runner.Probe, err error) {
	open := w.openLog
	if open == nil {
		open = w.podLog
	}
	log, err := open(ctx, pod)
	if err != nil {
		return p, fmt.Errorf("probe: %w", err)
	}
	defer func() { _ = log.Close() }()
	text, err := io.ReadAll(io.LimitReader(log, 1<<20))
	if err != nil {
		return p, fmt.Errorf("probe: %w", err)
	}
	if err := json.Unmarshal(bytes.TrimSpace(text), &p); err != nil {
		return p, fmt.Errorf("probe: it said %.200q: %w", text, err)
	}
	return p, nil
}

// server is the address of the API server as this worker knows it, unless that
// is another one inside of a pod.
func (w *Worker) server() string {
	if w.Config == nil {
		return ""
	}
	u, err := url.Parse(w.Config.Host)
	if err != nil || u.Hostname() == "" || u.Hostname() == "localhost" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// removeProbe removes a pod of a probe, also when ctx has ended.
func (w *Worker) removeProbe(ctx context.Context, name string) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if err := w.pods().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		w.log().WarnContext(ctx, "probe left behind", "pod", name, "err", err) // the next one removes it
	}
}

// sweepProbes removes what earlier probes left, if their worker died.
func (w *Worker) sweepProbes(ctx context.Context) {
	_ = each(ctx, lister(w.pods().List), ours+","+labelProbe, func(pod *corev1.Pod) {
		if time.Since(pod.CreationTimestamp.Time) > 2*probeSeconds*time.Second {
			w.removeProbe(ctx, pod.Name)
		}
	})
}
