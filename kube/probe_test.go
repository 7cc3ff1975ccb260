package kube

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

func TestWhatAProbeSaysIsEvaluated(t *testing.T) {
	no := func(address string) runner.Attempt {
		return runner.Attempt{Network: "tcp", Address: address, Error: "network is unreachable"}
	}
	yes := func(address string) runner.Attempt {
		return runner.Attempt{Network: "tcp", Address: address, Reached: true}
	}
	tests := []struct {
		name     string
		probe    runner.Probe
		isolated bool
		sentence string
	}{
		{"no network", runner.Probe{Connects: []runner.Attempt{no("1.1.1.1:443")}, Lookups: []runner.Attempt{no("10.96.0.10:53")}}, true,
			"isolated: pods have no network at all here (no interface but lo): isolation does not come from NetworkPolicy, whose enforcement could not be tested"},
		{"policies", runner.Probe{Interfaces: []string{"eth0"}, Connects: []runner.Attempt{no("1.1.1.1:443"), no("10.0.0.1:10250")}}, true,
			"isolated: pods have a network (eth0), and none of the 2 addresses that were tried could be reached from inside"},
		{"policies that refuse", runner.Probe{Interfaces: []string{"eth0"}, Connects: []runner.Attempt{{Address: "1.1.1.1:443", Error: "connection refused"}}}, true,
			"isolated: pods have a network (eth0), and none of the 1 addresses that were tried could be reached from inside"},
		{"the world", runner.Probe{Interfaces: []string{"eth0"}, Connects: []runner.Attempt{no("10.0.0.1:22"), yes("1.1.1.1:443")}}, false,
			"open: a pod could connect to 1.1.1.1:443 (tcp)"},
		{"names", runner.Probe{Interfaces: []string{"eth0"}, Lookups: []runner.Attempt{{Network: "udp", Address: "10.96.0.10:53", Reached: true}}}, false,
			"open: a pod could ask for a name at 10.96.0.10:53 (udp)"},
		{"a token", runner.Probe{Tokens: []string{"/run/secrets/x/token"}}, false,
			"open: a pod could read a token of a service account in /run/secrets/x/token"},
		{"all", runner.Probe{Connects: []runner.Attempt{yes("a:1")}, Leaks: []string{"/dev/mem"}}, false,
			"open: a pod could connect to a:1 (tcp), and reach beyond the pod by /dev/mem"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := evaluate(tt.probe, time.Now())
			if r.Isolated != tt.isolated || r.Sentence != tt.sentence {
				t.Errorf("%t, %s", r.Isolated, r.Sentence)
			}
			open := 0
			for _, f := range r.Findings {
				if f.Open {
					open++
				}
			}
			if want := 2 + len(tt.probe.Connects) + len(tt.probe.Lookups); len(r.Findings) != want || (open > 0) == r.Isolated {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// probed lets pods of probes run at once, and say what seen returns.
func (s *stage) probed(seen func() runner.Probe) {
	s.on("get", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
		o, err := s.cluster.Tracker().Get(a.GetResource(), "scripts", a.(ktesting.GetAction).GetName())
		if err != nil || o.(*corev1.Pod).Labels[labelProbe] == "" {
			return false, nil, nil
		}
		pod := o.(*corev1.Pod).DeepCopy()
		running(pod)
		if pod.Status.PodIP = "10.0.0.9"; pod.Spec.Containers[0].Command[1] == "probe" {
			exited(0, "Completed")(pod)
		}
		return true, pod, nil
	})
	s.openLog = func(context.Context, string) (io.ReadCloser, error) {
		text, err := json.Marshal(seen())
		return io.NopCloser(strings.NewReader(string(text) + "\n")), err
	}
}

// The pod that tries is one as scripts have, and both go away.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Config = &rest.Config{Host: "https://192.0.2.1:6443"}
		s.Settings = Settings{RunnerImage: "codesaga/runner:1", RuntimeClass: "gvisor", UserNamespaces: true, NodeSelector: map[string]string{"a": "b"}}
		s.probed(func() runner.Probe { return runner.Probe{Interfaces: []string{"eth0"}} })
		if r, err := s.Probe(t.Context()); err != nil || !r.Isolated {
			t.Fatalf("%+v, %v", r, err)
		}
		s.nothingLeft()
		var made []*corev1.Pod
		for _, a := range s.cluster.Actions() {
			if a.Matches("create", "pods") {
				made = append(made, a.(ktesting.CreateAction).GetObject().(*corev1.Pod))
			}
		}
		if len(made) != 2 {
			t.Fatalf("%d pods", len(made))
		}
		want := append([]string{"/runner", "probe", "10.0.0.9:8443"}, append(addresses, "192.0.2.1:6443")...)
		if diff := cmp.Diff(want, made[1].Spec.Containers[0].Command); diff != "" {
			t.Error(diff)
		}
		as := podFor(task(), s.Settings)
		for _, pod := range made {
			got, want := pod.Spec, as.Spec
			if !cmp.Equal(got.SecurityContext, want.SecurityContext) || !cmp.Equal(got.Containers[0].SecurityContext, want.Containers[0].SecurityContext) ||
				!cmp.Equal(got.RuntimeClassName, want.RuntimeClassName) || !cmp.Equal(got.NodeSelector, want.NodeSelector) || !cmp.Equal(got.HostUsers, want.HostUsers) ||
				*got.AutomountServiceAccountToken || *got.EnableServiceLinks || idOf(pod) != "" {
				t.Errorf("not as a script's: %+v", pod)
			}
		}
	})
}

// A probe that does not get on says why, and leaves nothing either.
func TestProbeThatDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.on("get", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
			o, err := s.cluster.Tracker().Get(a.GetResource(), "scripts", a.(ktesting.GetAction).GetName())
			if err == nil {
				waiting("ErrImagePull", "no such image")(o.(*corev1.Pod))
			}
			return true, o, err
		})
		if _, err := s.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "ErrImagePull: no such image") {
			t.Errorf("%v", err)
		}
	})
}

// While a cluster is open no pod is made, and it is told why; somebody mends it,
// and all goes on. The other workers know it from the one that looked.
func TestNoPodsAreMadeInAnOpenCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var open atomic.Bool
		open.Store(true)
		see := func() runner.Probe {
			return runner.Probe{Interfaces: []string{"eth0"}, Connects: []runner.Attempt{{Network: "tcp", Address: "1.1.1.1:443", Reached: open.Load()}}}
		}
		s.Guard = true
		s.probed(see)
		if err := s.Do(t.Context(), task()); execution.KindOf(err) != execution.Unavailable { // it is not known yet
			t.Errorf("before it is known: %v", err)
		}
		s.run()
		other := s.worker()
		other.Guard = true
		stop := s.start(other)
		time.Sleep(3 * time.Second)
		for name, w := range map[string]*Worker{"leader": s.Worker, "other": other} {
			if err := w.Do(t.Context(), task()); execution.KindOf(err) != execution.Unavailable || !strings.Contains(err.Error(), "1.1.1.1:443") {
				t.Errorf("%s: %v", name, err)
			}
			if w.Ready(t.Context()) == nil || w.Detail() != "open: a pod could connect to 1.1.1.1:443 (tcp)" {
				t.Errorf("%s is ready: %s", name, w.Detail())
			}
		}
		s.tells("pod_waiting", "pod_waiting")
		if p := s.last().Pod; p.Reason != "NotIsolated" || strings.Contains(p.Message, "1.1.1.1") {
			t.Errorf("%+v", p)
		}
		s.nothingLeft()
		open.Store(false)
		time.Sleep(recheck + 5*time.Second)
		if err := other.Do(t.Context(), task()); err != nil || other.Ready(t.Context()) != nil {
			t.Errorf("%v", err)
		}
		s.tells("pod_created")
		stop()
		s.stop()
	})
}

// That nothing can be found out is no reason not to work, after a while.
func TestUnknownIsolationDoesNotStopTheWorkForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Guard = true
		s.fails("get", "pods", io.ErrUnexpectedEOF)
		s.run()
		if err := s.Do(t.Context(), task()); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("%v", err)
		}
		time.Sleep(unknownFor)
		if err := s.Do(t.Context(), task()); err != nil || s.Detail() != "not known yet" {
			t.Errorf("%v, %s", err, s.Detail())
		}
		s.stop()
	})
}
