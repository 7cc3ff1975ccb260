package kube

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const prepullName = "codesaga-prepull"

// prepullFor has every node pull all images, and keep them: a pod on each has
// them mounted, beside a runner that does nothing. It starts only when all of
// them are there, so that ready pods are nodes with all images.
func prepullFor(o SetupOptions) *appsv1.DaemonSet {
	little := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")}
	c := corev1.Container{
		Name: "images", Image: o.RunnerImage, ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/runner", "hold"},
		Resources:       corev1.ResourceRequirements{Limits: little, Requests: little},
		SecurityContext: locked(),
	}
	var volumes []corev1.Volume
	for i, image := range slices.Compact(slices.Sorted(slices.Values(o.Images))) {
		name := fmt.Sprintf("image-%d", i)
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			Image: &corev1.ImageVolumeSource{Reference: image, PullPolicy: corev1.PullIfNotPresent},
		}})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/images/" + name, ReadOnly: true})
	}
	pods := map[string]string{"app.kubernetes.io/name": prepullName}
	return &appsv1.DaemonSet{ObjectMeta: meta(prepullName), Spec: appsv1.DaemonSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: pods},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: pods},
			Spec: corev1.PodSpec{
				NodeSelector:                  o.NodeSelector,
				TerminationGracePeriodSeconds: new(int64(1)),
				AutomountServiceAccountToken:  new(false),
				EnableServiceLinks:            new(false),
				SecurityContext:               unprivileged(),
				Containers:                    []corev1.Container{c},
				Volumes:                       volumes,
			},
		},
	}}
}

// samePrepull compares what is ours to say; the API server fills in much more.
func samePrepull(have, want *appsv1.DaemonSet) bool {
	h, w := &have.Spec.Template.Spec, want.Spec.Template.Spec
	images := func(s corev1.PodSpec) (all []string) {
		for _, v := range s.Volumes {
			if v.Image != nil {
				all = append(all, v.Image.Reference)
			}
		}
		return all
	}
	if slices.Equal(images(*h), images(w)) && len(h.Containers) == 1 && h.Containers[0].Image == w.Containers[0].Image &&
		equality.Semantic.DeepEqual(h.NodeSelector, w.NodeSelector) {
		return true
	}
	have.Spec.Template = want.Spec.Template
	return false
}

// Prepulled says how far the nodes are with pulling all images, as far as this
// client may know.
func Prepulled(ctx context.Context, client kubernetes.Interface, namespace string) string {
	set, err := client.AppsV1().DaemonSets(namespace).Get(ctx, prepullName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "images are not pulled ahead"
	case apierrors.IsForbidden(err):
		return "whether images are pulled ahead, this account may not know"
	case err != nil:
		return "whether images are pulled ahead is not known: " + err.Error()
	}
	s := set.Status
	if s.ObservedGeneration < set.Generation || s.UpdatedNumberScheduled < s.DesiredNumberScheduled {
		return fmt.Sprintf("the list of images has changed; %d of %d nodes have begun with it", s.UpdatedNumberScheduled, s.DesiredNumberScheduled)
	}
	return fmt.Sprintf("%d of %d nodes have all %d images", s.NumberReady, s.DesiredNumberScheduled, len(set.Spec.Template.Spec.Volumes))
}
