package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// podSpec is what is looked at in a pod.
type podSpec struct {
	RestartPolicy                string
	AutomountServiceAccountToken *bool
	EnableServiceLinks           *bool
	HostNetwork, HostPID         bool
	HostIPC                      bool
	ActiveDeadlineSeconds        *int64
	SecurityContext              struct {
		RunAsNonRoot   *bool
		SeccompProfile struct{ Type string }
	}
	Containers, InitContainers []container
	Volumes                    []map[string]json.RawMessage
}

type container struct {
	Name            string
	SecurityContext struct {
		Privileged               *bool
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   *bool
		Capabilities             struct{ Add, Drop []string }
	}
	Resources struct{ Limits, Requests map[string]string }
}

// KU-01, KU-02, KU-08, KU-09.
func TestAPodIsHardened(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("import time; print('here', flush=True); time.sleep(4)")
	sub.Labels = map[string]string{"app": "not-a-label-of-pods"}
	sub.Limits = &limits{Memory: 96 << 20, Timeout: 20}
	x := s.submit(sub)
	var mine []object
	eventually(t, 20*time.Second, func() (bool, string) {
		all, err := the.cluster.list(s.ctx, pods)
		mine = nil
		for _, o := range all {
			if o.belongs(pods, x.ID) {
				mine = append(mine, o)
			}
		}
		return err == nil && len(mine) == 1, jsonOf(mine)
	})
	var p podSpec
	if err := json.Unmarshal(mine[0].Spec, &p); err != nil {
		t.Fatal(err)
	}
	no := func(b *bool) bool { return b != nil && !*b }
	yes := func(b *bool) bool { return b != nil && *b }
	check := func(ok bool, what string) {
		if !ok {
			t.Errorf("%s: %s", what, mine[0].Spec)
		}
	}
	check(p.RestartPolicy == "Never" && no(p.AutomountServiceAccountToken) && no(p.EnableServiceLinks), "restart, token, links")
	check(!p.HostNetwork && !p.HostPID && !p.HostIPC, "namespaces of the host")
	check(p.ActiveDeadlineSeconds != nil && *p.ActiveDeadlineSeconds > 20, "a backstop deadline")
	check(yes(p.SecurityContext.RunAsNonRoot) && p.SecurityContext.SeccompProfile.Type == "RuntimeDefault", "security context")
	check(len(p.Containers) == 1, "one container")
	for _, c := range append(p.Containers, p.InitContainers...) {
		sc := c.SecurityContext
		check(!yes(sc.Privileged) && no(sc.AllowPrivilegeEscalation) && yes(sc.ReadOnlyRootFilesystem), c.Name)
		check(len(sc.Capabilities.Add) == 0 && strings.Join(sc.Capabilities.Drop, " ") == "ALL", c.Name+": capabilities")
		for _, resource := range []string{"cpu", "memory", "ephemeral-storage"} {
			check(c.Resources.Limits[resource] != "", c.Name+": limit of "+resource)
		}
	}
	check(p.Containers[0].Resources.Limits["memory"] == p.Containers[0].Resources.Requests["memory"], "memory: request = limit")
	for _, v := range p.Volumes {
		check(v["hostPath"] == nil && v["secret"] == nil && v["projected"] == nil, "volumes")
	}
	check(!strings.Contains(jsonOf(mine[0].Metadata.Labels), "not-a-label-of-pods"), "labels are not the user's")
	if x := s.ended(x.ID); x.verdict() != "completed 0" {
		t.Error(x.verdict())
	}
}

// KU-03, KU-04: what setup made. That a policy is enforced cannot be seen on
// the development cluster, where pods have no network at all.
func TestTheNamespaceIsRestricted(t *testing.T) {
	s := beside(t, time.Minute)
	var ns object
	if err := the.cluster.do(s.ctx, "GET", "/api/v1/namespaces/"+podNamespace, nil, &ns); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"enforce", "warn", "audit"} {
		if got := ns.Metadata.Labels["pod-security.kubernetes.io/"+mode]; got != "restricted" {
			t.Errorf("pod security, %s: %q", mode, got)
		}
	}
	for _, kind := range []string{quotas, ranges} {
		if all, err := the.cluster.list(s.ctx, kind); err != nil || len(all) == 0 {
			t.Errorf("%s: %d of them, %v", kind, len(all), err)
		}
	}
	all, err := the.cluster.list(s.ctx, policies)
	denied := false
	for _, o := range all {
		var spec struct {
			PodSelector     map[string]json.RawMessage
			PolicyTypes     []string
			Ingress, Egress []any
		}
		_ = json.Unmarshal(o.Spec, &spec)
		denied = denied || len(spec.PodSelector) == 0 && len(spec.PolicyTypes) == 2 && len(spec.Ingress)+len(spec.Egress) == 0
	}
	if err != nil || !denied {
		t.Errorf("no policy denies all: %s %v", jsonOf(all), err)
	}
}
