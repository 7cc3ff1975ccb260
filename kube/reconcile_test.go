package kube

import (
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

func TestReconcile(t *testing.T) {
	play(t, func(s *stage) {
		old := metav1.NewTime(time.Now().Add(-2 * young))
		job := func(name string, made metav1.Time, more map[string]string) {
			id := execution.ID(name)
			cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: podName(id), CreationTimestamp: made, Labels: labels(id)}}
			maps.Copy(cm.Labels, more)
			if _, err := s.jobs().Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		pod := func(name string, made metav1.Time) {
			tt := task()
			tt.ExecutionID = execution.ID(name)
			p := podFor(tt, Settings{})
			p.CreationTimestamp, p.UID = made, "u1"
			running(p)
			p.Spec.NodeName = "" // so that it goes at once
			if _, err := s.pods().Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		job("orphan", old, nil)
		job("young", metav1.Now(), nil)
		job("owned", old, map[string]string{labelOwned: "true"}) // the cluster's own collector has it
		policy := func(name string) {
			tt := task()
			tt.ExecutionID, tt.Egress = execution.ID(name), []execution.Egress{{CIDR: "192.0.2.0/24"}}
			p := policyFor(tt, new(corev1.ConfigMap))
			p.CreationTimestamp = old
			if _, err := s.policies().Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		policy("orphan")
		policy("unowned")
		if _, err := s.policies().Create(t.Context(), denyAll(), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		job("unowned", old, nil)
		pod("unowned", old)
		pod("forgotten", metav1.NewTime(time.Now().Add(-2*time.Hour)))
		pod("deleted", metav1.Now())
		s.deleted.add("deleted")
		time.Sleep(time.Minute)
		synctest.Wait()
		s.has("jobs", "owned", "unowned", "young")
		s.has("pods", "unowned")
		s.has("policies", "codesaga-deny-all", "unowned")
		if cm, _ := s.jobs().Get(t.Context(), "execution-unowned", metav1.GetOptions{}); len(cm.OwnerReferences) != 1 {
			t.Error("not given to its pod")
		}
		time.Sleep(2 * time.Minute)
		s.has("jobs", "owned", "unowned")
	})
}

// The watch is silent, and all is heard of within a minute.
func TestWhatTheWatchDoesNotTellIsHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.cluster.PrependWatchReactor("pods", func(ktesting.Action) (bool, watch.Interface, error) { return true, watch.NewFake(), nil })
		s.Settings.StartSeconds = 600
		s.run()
		s.do(execution.Create)
		s.tells()
		time.Sleep(time.Minute)
		s.tells("pod_created", "pod_waiting")
		s.node(running)
		time.Sleep(time.Minute)
		s.print(started())
		s.tells("pod_scheduled", "pod_running")
		s.node(exited(3, "Error"))
		s.noLogs(errors.New("no kubelet"))
		s.cut(io.EOF)
		time.Sleep(time.Minute + patience)
		s.tells("execution_error", "pod_terminated")
		s.gone()
		time.Sleep(time.Minute)
		s.tells("pod_deleted")
		s.stop()
	})
}

// Nobody asks for it any more: who asked has died for good.
func TestPodOfARunThatEndedIsNotKeptForEver(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), ended(runner.End{}))
		s.node(exited(0, "Completed"))
		time.Sleep(kept)
		if pod := s.pod(); pod.DeletionTimestamp != nil {
			t.Error("not kept")
		}
		time.Sleep(90 * time.Second)
		if pod := s.pod(); pod.DeletionTimestamp == nil {
			t.Error("kept for ever")
		}
		s.gone()
		s.tells("pod_created", "pod_scheduled", "pod_running", "execution_completed", "pod_terminated", "pod_deleted")
	})
}

// has checks the names of all objects of one kind.
func (s *stage) has(what string, want ...string) {
	s.Helper()
	var names []string
	add := func(o metav1.Object) { names = append(names, strings.TrimPrefix(o.GetName(), "execution-")) }
	var err error
	switch what {
	case "jobs":
		err = each(s.Context(), lister(s.jobs().List), "", func(o *corev1.ConfigMap) { add(o) })
	case "policies":
		err = each(s.Context(), lister(s.policies().List), "", func(o *networkingv1.NetworkPolicy) { add(o) })
	default:
		err = each(s.Context(), lister(s.pods().List), "", func(o *corev1.Pod) { add(o) })
	}
	if got := strings.Join(names, " "); err != nil || got != strings.Join(want, " ") {
		s.Errorf("%s: %s, want %s (%v)", what, got, strings.Join(want, " "), err)
	}
}
