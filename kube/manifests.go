package kube

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What Setup makes. Beside each is how one that is there is compared.

const (
	denyAllName = "codesaga-deny-all"
	scriptsName = "codesaga-scripts" // of quota and limits
	roleName    = "codesaga-kube"
)

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{managedBy: "codesaga"}}
}

// podSecurity is the restricted standard, in all three modes.
func podSecurity() map[string]string {
	return map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
		"pod-security.kubernetes.io/audit":   "restricted",
		"pod-security.kubernetes.io/warn":    "restricted",
	}
}

func namespaceFor(o SetupOptions) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: meta(o.Namespace)}
	maps.Copy(ns.Labels, podSecurity())
	return ns
}

// denyAll denies every pod all network, both ways. It needs a network plugin
// that enforces it.
func denyAll() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: meta(denyAllName),
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}},
	}
}

func samePolicy(have, want *networkingv1.NetworkPolicy) bool { return assign(&have.Spec, want.Spec) }

// quotaFor bounds the namespace; what no script has a use for, it has none of.
func quotaFor(o SetupOptions) *corev1.ResourceQuota {
	hard := amounts(o.CPUMillis, o.MemoryBytes, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory)
	hard[corev1.ResourceServices] = *resource.NewQuantity(0, resource.DecimalSI)
	hard[corev1.ResourcePersistentVolumeClaims] = *resource.NewQuantity(0, resource.DecimalSI)
	if o.Pods > 0 {
		hard[corev1.ResourcePods] = *resource.NewQuantity(o.Pods, resource.DecimalSI)
	}
	return &corev1.ResourceQuota{ObjectMeta: meta(scriptsName), Spec: corev1.ResourceQuotaSpec{Hard: hard}}
}

func sameQuota(have, want *corev1.ResourceQuota) bool { return assign(&have.Spec.Hard, want.Spec.Hard) }

// limitsFor bounds each container. All that the API server would fill in is
// written out, or the next comparison would find a difference.
func limitsFor(o SetupOptions) *corev1.LimitRange {
	most := amounts(o.PodCPUMillis, o.PodMemoryBytes, corev1.ResourceCPU, corev1.ResourceMemory)
	return &corev1.LimitRange{ObjectMeta: meta(scriptsName), Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{
		{Type: corev1.LimitTypeContainer, Max: most, Default: most, DefaultRequest: most},
	}}}
}

func sameLimits(have, want *corev1.LimitRange) bool {
	return assign(&have.Spec.Limits, want.Spec.Limits)
}

func amounts(cpuMillis, memoryBytes int64, cpu, memory corev1.ResourceName) corev1.ResourceList {
	list := corev1.ResourceList{}
	if cpuMillis > 0 {
		list[cpu] = *resource.NewMilliQuantity(cpuMillis, resource.DecimalSI)
	}
	if memoryBytes > 0 {
		list[memory] = *resource.NewQuantity(memoryBytes, resource.BinarySI)
	}
	return list
}

// accountFor is the kube worker's. No pod gets its token by itself: where it
// is the worker's own pod, that asks for it.
func accountFor(o SetupOptions) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: meta(o.ServiceAccount), AutomountServiceAccountToken: new(false)}
}

func sameAccount(have, want *corev1.ServiceAccount) bool {
	return assign(&have.AutomountServiceAccountToken, want.AutomountServiceAccountToken)
}

// roleFor is all that a kube worker may do, in one namespace (parity KU-18):
// nothing on nodes, secrets or services, no exec. To attach, by which input gets
// to a script, WebSockets need get, and from Kubernetes 1.35 on create as well,
// as SPDY always did. Of the namespace itself it reads what Check looks at.
func roleFor(o SetupOptions) *rbacv1.Role {
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	namespace := rule("", "namespaces", "get")
	namespace.ResourceNames = []string{o.Namespace}
	return &rbacv1.Role{ObjectMeta: meta(roleName), Rules: []rbacv1.PolicyRule{
		rule("", "pods", "create", "get", "list", "watch", "delete", "patch"),
		rule("", "pods/log", "get"),
		rule("", "pods/attach", "create", "get"),
		rule("", "configmaps", "create", "get", "list", "delete", "patch"),
		rule("networking.k8s.io", "networkpolicies", "create", "get", "list", "delete"),
		rule("coordination.k8s.io", "leases", "create", "get", "update"),
		namespace,
		rule("", "resourcequotas", "get"),
		rule("", "limitranges", "get"),
	}}
}

func sameRole(have, want *rbacv1.Role) bool { return assign(&have.Rules, want.Rules) }

func bindingFor(o SetupOptions) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: meta(roleName),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: roleName},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: o.ServiceAccount, Namespace: o.WorkerNamespace}},
	}
}

func sameBinding(have, want *rbacv1.RoleBinding) bool { return assign(&have.Subjects, want.Subjects) }
