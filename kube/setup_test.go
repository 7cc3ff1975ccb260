package kube

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

var options = SetupOptions{
	Namespace: "scripts", WorkerNamespace: "codesaga", Pods: 100, CPUMillis: 50_000, MemoryBytes: 64 << 30, PodCPUMillis: 2000, PodMemoryBytes: 512 << 20,
}

// setup is Setup, after a dry run of it.
func setup(t *testing.T, cluster *fake.Clientset, o SetupOptions, want ...string) {
	t.Helper()
	before, dry := len(cluster.Actions()), o
	dry.DryRun = true
	if got, err := Setup(t.Context(), cluster, dry); err != nil || !slices.Equal(got, want) {
		t.Errorf("a dry run: %v, said\n\t%s", err, strings.Join(got, "\n\t"))
	}
	for _, a := range cluster.Actions()[before:] {
		if a.GetVerb() != "get" && a.GetVerb() != "list" {
			t.Errorf("a dry run did %s %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
	got, err := Setup(t.Context(), cluster, o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("said\n\t%s, want\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestSetupChangesOnlyWhatDiffers(t *testing.T) {
	cluster := fake.NewClientset()
	setup(t, cluster, options,
		"created namespace scripts", "created network policy codesaga-deny-all", "created resource quota codesaga-scripts",
		"created limit range codesaga-scripts", "created service account codesaga-kube", "created role codesaga-kube", "created role binding codesaga-kube")
	setup(t, cluster, options) // nothing

	more := options
	more.Pods = 200
	setup(t, cluster, more, "updated resource quota codesaga-scripts")

	core := cluster.CoreV1()
	ns, err := core.Namespaces().Get(t.Context(), "scripts", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ns.Labels = map[string]string{"somebody": "else", "pod-security.kubernetes.io/enforce": "privileged"}
	if _, err := core.Namespaces().Update(t.Context(), ns, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w := &Worker{Client: cluster, Namespace: "scripts"}
	if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "label pod-security.kubernetes.io/enforce=restricted") {
		t.Errorf("check: %v", err)
	}
	policies := cluster.NetworkingV1().NetworkPolicies("scripts")
	policy, err := policies.Get(t.Context(), denyAllName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	policy.Spec.PodSelector.MatchLabels = map[string]string{"only": "these"}
	if _, err := policies.Update(t.Context(), policy, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	setup(t, cluster, more, "updated namespace scripts", "updated network policy codesaga-deny-all")
	if ns, _ = core.Namespaces().Get(t.Context(), "scripts", metav1.GetOptions{}); ns.Labels["somebody"] != "else" || ns.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Errorf("labels %v", ns.Labels)
	}
	if err := w.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

// Images that every node has are on it before a run needs them. A change of the
// list, or its end, rolls out by itself.
func TestSetupHasImagesPulledAhead(t *testing.T) {
	cluster := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}})
	o := options
	setup(t, cluster, o,
		"created namespace scripts", "created network policy codesaga-deny-all", "created resource quota codesaga-scripts",
		"created limit range codesaga-scripts", "created service account codesaga-kube", "created role codesaga-kube", "created role binding codesaga-kube")
	o.RunnerImage, o.Images = "codesaga/runner:1", []string{"python:3.14", "bash:5", "python:3.14"}
	setup(t, cluster, o, "updated resource quota codesaga-scripts", "created daemon set codesaga-prepull")
	setup(t, cluster, o)
	o.Images = o.Images[:1]
	setup(t, cluster, o, "updated daemon set codesaga-prepull")
	if said := Prepulled(t.Context(), cluster, "scripts"); said != "0 of 0 nodes have all 1 images" {
		t.Error(said)
	}
	setup(t, cluster, options, "updated resource quota codesaga-scripts", "deleted daemon set codesaga-prepull")
	if said := Prepulled(t.Context(), cluster, "scripts"); said != "images are not pulled ahead" {
		t.Error(said)
	}
}

func TestSetupLeavesOtherNamespacesAlone(t *testing.T) {
	for _, name := range []string{"", "default", "kube-system"} {
		cluster := fake.NewClientset()
		if _, err := Setup(t.Context(), cluster, SetupOptions{Namespace: name}); err == nil || len(cluster.Actions()) > 0 {
			t.Errorf("%q: %v, %v", name, err, cluster.Actions())
		}
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	w := &Worker{Client: fake.NewClientset(), Namespace: "scripts"}
	if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "namespace scripts is missing") {
		t.Errorf("%v", err)
	}
	w.Client = fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "scripts", Labels: podSecurity()}})
	err := w.Check(t.Context())
	for _, what := range []string{"network policy codesaga-deny-all", "resource quota", "limit range"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v does not name the %s", err, what)
		}
	}
}

// The rights of a worker, and not one more (parity KU-18).
func TestRole(t *testing.T) {
	var got []string
	for _, rule := range roleFor(options).Rules {
		got = append(got, strings.Join(rule.Resources, "+")+": "+strings.Join(rule.Verbs, " ")+strings.Join(rule.ResourceNames, " "))
	}
	want := []string{
		"pods: create get list watch delete patch", "pods/log: get", "pods/attach: create get", "configmaps: create get list delete patch",
		"networkpolicies: create get list delete", "leases: create get update", "namespaces: getscripts", "resourcequotas: get", "limitranges: get",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
