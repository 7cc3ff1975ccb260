package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// KU-18, DF-28: the account of the kube workers may do what is listed here, and
// nothing else of all that is asked about.
func TestDF28TheAccountOfKubeWorkersMayDoLittle(t *testing.T) {
	s := beside(t, 2*time.Minute)
	own := map[string][]string{ // in the namespace of scripts
		"pods": {"create", "get", "list", "watch", "delete", "patch"}, "pods/log": {"get"}, "pods/attach": {"create", "get"},
		"configmaps":                             {"create", "get", "list", "delete", "patch"},
		"networking.k8s.io/networkpolicies":      {"create", "get", "list", "delete"},
		"coordination.k8s.io/leases":             {"create", "get", "update"},
		"resourcequotas":                         {"get"},
		"limitranges":                            {"get"},
		"namespaces":                             {"get"}, // only this one, by its name
		"secrets":                                nil,
		"services":                               nil,
		"endpoints":                              nil,
		"events":                                 nil,
		"nodes":                                  nil,
		"nodes/proxy":                            nil,
		"persistentvolumes":                      nil,
		"persistentvolumeclaims":                 nil,
		"serviceaccounts":                        nil,
		"serviceaccounts/token":                  nil,
		"pods/exec":                              nil,
		"pods/portforward":                       nil,
		"pods/proxy":                             nil,
		"pods/status":                            nil,
		"pods/eviction":                          nil,
		"pods/ephemeralcontainers":               nil,
		"apps/deployments":                       nil,
		"apps/daemonsets":                        nil,
		"batch/jobs":                             nil,
		"rbac.authorization.k8s.io/roles":        nil,
		"rbac.authorization.k8s.io/rolebindings": nil,
		"node.k8s.io/runtimeclasses":             nil,
	}
	worker, err := openCluster(the.account.kubeconfig(), podNamespace)
	if err != nil {
		t.Fatal(err)
	}
	verbs := []string{"create", "get", "list", "watch", "update", "patch", "delete", "deletecollection", "impersonate", "escalate", "bind"}
	asked := 0
	for resource, allowed := range own {
		for _, verb := range verbs {
			asked++
			if may := s.may(worker, podNamespace, resource, verb); may != slices.Contains(allowed, verb) {
				t.Errorf("%s %s: %t", verb, resource, may)
			}
		}
	}
	for _, namespace := range []string{"default", "kube-system", ""} { // "": of the whole cluster
		for _, resource := range []string{"pods", "pods/exec", "pods/attach", "configmaps", "secrets", "nodes", "namespaces", "coordination.k8s.io/leases", "networking.k8s.io/networkpolicies"} {
			for _, verb := range verbs {
				asked++
				if s.may(worker, namespace, resource, verb) {
					t.Errorf("in namespace %q: %s %s", namespace, verb, resource)
				}
			}
		}
	}
	t.Logf("asked %d times", asked)
}

// may asks the API server whether whoever c is may do something.
func (s *story) may(c *cluster, namespace, resource, verb string) bool {
	s.Helper()
	name := ""
	if resource == "namespaces" {
		name = namespace
	}
	group := ""
	if before, after, ok := strings.Cut(resource, "/"); ok && (strings.Contains(before, ".") || before == "apps" || before == "batch") {
		group, resource = before, after
	}
	resource, sub, _ := strings.Cut(resource, "/")
	var answer struct {
		Status struct{ Allowed bool }
	}
	review := map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]string{
			"namespace": namespace, "group": group, "resource": resource, "subresource": sub, "verb": verb, "name": name,
		}},
	}
	if err := c.do(s.ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", []byte(jsonOf(review)), &answer); err != nil {
		s.Fatal(err)
	}
	return answer.Status.Allowed
}
