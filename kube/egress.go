package kube

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/codesaga/codesaga/execution"
)

// metadata are the addresses at which clouds tell machines who they are, and
// often a password with it. No script gets there, whatever it was granted.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // AWS, Google, Azure, and most others
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure's wire server
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("fe80::/10"),          // link-local
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
}

// policyFor lets the pod of t, and no other, out to where it may connect, and
// to the cluster's names. It belongs to job, which belongs to the pod: so it can
// be there before the pod is, goes when the pod goes, and costs no patch.
func policyFor(t execution.Task, job *corev1.ConfigMap) *networkingv1.NetworkPolicy {
	rules := []networkingv1.NetworkPolicyEgressRule{names()}
	for _, e := range t.Egress {
		if rule, ok := allow(e); ok {
			rules = append(rules, rule)
		}
	}
	return &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: podName(t.ExecutionID), Labels: labels(t.ExecutionID), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: job.Name, UID: job.UID},
		}},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: labels(t.ExecutionID)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress:      rules,
		},
	}
}

// names lets a pod ask the cluster's DNS.
func names() networkingv1.NetworkPolicyEgressRule {
	return networkingv1.NetworkPolicyEgressRule{
		To: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
		}},
		Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53)},
	}
}

// allow is the rule for e without what is in metadata, if anything is left.
func allow(e execution.Egress) (rule networkingv1.NetworkPolicyEgressRule, ok bool) {
	cidr, err := netip.ParsePrefix(e.CIDR)
	if err != nil {
		return rule, false
	}
	if cidr.Addr().Is4In6() { // another spelling of what is looked for below
		return rule, false
	}
	cidr = cidr.Masked()
	block := &networkingv1.IPBlock{CIDR: cidr.String()}
	for _, m := range metadata {
		switch {
		case !m.Overlaps(cidr):
		case m.Bits() <= cidr.Bits():
			return rule, false
		default:
			block.Except = append(block.Except, m.String())
		}
	}
	slices.Sort(block.Except)
	rule.To = []networkingv1.NetworkPolicyPeer{{IPBlock: block}}
	for _, p := range e.Ports {
		rule.Ports = append(rule.Ports, port(corev1.ProtocolTCP, p))
	}
	return rule, true
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt32(number))}
}
