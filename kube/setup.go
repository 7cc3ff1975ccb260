package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/codesaga/codesaga/execution"
)

// SetupOptions say what Setup makes. A bound of 0 is none.
type SetupOptions struct {
	Namespace       string // of the scripts, and of nothing else
	ServiceAccount  string // of the kube worker; empty: codesaga-kube
	WorkerNamespace string // where that is; empty: with the scripts

	Pods        int64 // at a time, in the namespace
	CPUMillis   int64 // limits of all pods together
	MemoryBytes int64 // likewise

	PodCPUMillis   int64 // limit of one pod
	PodMemoryBytes int64 // likewise

	// What every node pulls ahead, if there is any; it needs image volumes.
	Images       []string
	RunnerImage  string            // does nothing beside them
	NodeSelector map[string]string // of those nodes

	DryRun bool // change nothing, and say what it would have changed
}

// Setup makes the namespace for scripts and all that belongs into it: labels
// of the restricted Pod Security Standard, a policy that denies all network, a
// quota, a range of limits, an account for the kube worker with the least
// rights, and, if asked for, what pulls images ahead. It changes only what
// differs, and says what, in sentences; it may be called again at any time. It needs an administrator's rights.
func Setup(ctx context.Context, client kubernetes.Interface, o SetupOptions) (changes []string, err error) {
	if err := checkNamespace(o.Namespace); err != nil {
		return nil, err
	}
	if o.ServiceAccount == "" {
		o.ServiceAccount = "codesaga-kube"
	}
	if o.WorkerNamespace == "" {
		o.WorkerNamespace = o.Namespace
	}
	if len(o.Images) > 0 && o.Pods > 0 { // each node has one more pod, and some nodes are still to come
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("count nodes: %w", err)
		}
		o.Pods += int64(len(nodes.Items)) + 10
	}
	core, rbac := client.CoreV1(), client.RbacV1()
	steps := []func() (string, error){
		func() (string, error) {
			return ensure(ctx, o.DryRun, "namespace", core.Namespaces(), namespaceFor(o), nil)
		},
		func() (string, error) {
			return ensure(ctx, o.DryRun, "network policy", client.NetworkingV1().NetworkPolicies(o.Namespace), denyAll(), samePolicy)
		},
		func() (string, error) {
			return ensure(ctx, o.DryRun, "resource quota", core.ResourceQuotas(o.Namespace), quotaFor(o), sameQuota)
		},
		func() (string, error) {
			return ensure(ctx, o.DryRun, "limit range", core.LimitRanges(o.Namespace), limitsFor(o), sameLimits)
		},
		func() (string, error) {
			return ensure(ctx, o.DryRun, "service account", core.ServiceAccounts(o.WorkerNamespace), accountFor(o), sameAccount)
		},
		func() (string, error) {
			return ensure(ctx, o.DryRun, "role", rbac.Roles(o.Namespace), roleFor(o), sameRole)
		},
		func() (string, error) {
			return ensure(ctx, o.DryRun, "role binding", rbac.RoleBindings(o.Namespace), bindingFor(o), sameBinding)
		},
		func() (string, error) { return prepull(ctx, client, o) },
	}
	for _, step := range steps {
		change, err := step()
		if err != nil {
			return changes, err
		}
		if change != "" {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// prepull has images pulled ahead, or no longer.
func prepull(ctx context.Context, client kubernetes.Interface, o SetupOptions) (string, error) {
	sets := client.AppsV1().DaemonSets(o.Namespace)
	if len(o.Images) > 0 {
		return ensure(ctx, o.DryRun, "daemon set", sets, prepullFor(o), samePrepull)
	}
	_, err := sets.Get(ctx, prepullName, metav1.GetOptions{})
	if err == nil && !o.DryRun {
		err = sets.Delete(ctx, prepullName, metav1.DeleteOptions{})
	}
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("delete daemon set %s: %w", prepullName, err)
	}
	return "deleted daemon set " + prepullName, nil
}

// checkNamespace refuses those that hold other things: the policies would hit
// them.
func checkNamespace(name string) error {
	if name == "" || name == metav1.NamespaceDefault || strings.HasPrefix(name, "kube-") {
		return execution.Errorf(execution.Invalid, "scripts need a namespace of their own, not %q", name)
	}
	return nil
}

// objects is where objects of one kind are.
type objects[T metav1.Object] interface {
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
}

// ensure has want in all, with what else the cluster or somebody else wrote
// into it. Same makes of have what is wanted, and reports whether it was so
// before; nil: only the labels matter.
func ensure[T metav1.Object](ctx context.Context, dry bool, kind string, all objects[T], want T, same func(have, want T) bool) (string, error) {
	name := want.GetName()
	have, err := all.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if dry {
			return "created " + kind + " " + name, nil
		}
		if _, err = all.Create(ctx, want, metav1.CreateOptions{}); err != nil {
			return "", fmt.Errorf("create %s %s: %w", kind, name, err)
		}
		return "created " + kind + " " + name, nil
	}
	if err != nil {
		return "", fmt.Errorf("look at %s %s: %w", kind, name, err)
	}
	ok := sameMap(have, want)
	if same != nil {
		ok = same(have, want) && ok
	}
	if ok {
		return "", nil
	}
	change := "updated " + kind + " " + name
	if dry {
		return change, nil
	}
	if _, err := all.Update(ctx, have, metav1.UpdateOptions{}); err != nil {
		return "", fmt.Errorf("update %s %s: %w", kind, name, err)
	}
	return change, nil
}

// sameMap gives have the labels of want, and reports whether it had them.
func sameMap(have, want metav1.Object) bool {
	all, ok := have.GetLabels(), true
	if all == nil {
		all = make(map[string]string)
	}
	for name, value := range want.GetLabels() {
		ok = ok && all[name] == value
		all[name] = value
	}
	have.SetLabels(all)
	return ok
}

// assign puts want into have, and reports whether it was there.
func assign[T any](have *T, want T) bool {
	if equality.Semantic.DeepEqual(*have, want) {
		return true
	}
	*have = want
	return false
}

// Check says at the start of a worker what is missing in its namespace. What
// it cannot know, because the worker may not look, is an error, too.
func (w *Worker) Check(ctx context.Context) error {
	if err := checkNamespace(w.Namespace); err != nil {
		return err
	}
	var missing []string
	ns, err := w.Client.CoreV1().Namespaces().Get(ctx, w.Namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return execution.Errorf(execution.Unavailable, "namespace %s is missing: run `codesaga setup`", w.Namespace)
	case err != nil:
		return kinded(err)
	}
	for _, name := range slices.Sorted(maps.Keys(podSecurity())) {
		if value := podSecurity()[name]; ns.Labels[name] != value {
			missing = append(missing, "label "+name+"="+value)
		}
	}
	look := func(what string, err error) error {
		if apierrors.IsNotFound(err) {
			missing = append(missing, what)
			return nil
		}
		return kinded(err)
	}
	_, err = w.Client.NetworkingV1().NetworkPolicies(w.Namespace).Get(ctx, denyAllName, metav1.GetOptions{})
	if err := look("network policy "+denyAllName, err); err != nil {
		return err
	}
	_, err = w.Client.CoreV1().ResourceQuotas(w.Namespace).Get(ctx, scriptsName, metav1.GetOptions{})
	if err := look("resource quota "+scriptsName, err); err != nil {
		return err
	}
	_, err = w.Client.CoreV1().LimitRanges(w.Namespace).Get(ctx, scriptsName, metav1.GetOptions{})
	if err := look("limit range "+scriptsName, err); err != nil {
		return err
	}
	if len(missing) > 0 {
		return execution.Errorf(execution.Unavailable, "namespace %s lacks %s: run `codesaga setup`", w.Namespace, strings.Join(missing, ", "))
	}
	return nil
}
