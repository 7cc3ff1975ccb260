package kube

import (
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/codesaga/codesaga/execution"
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
		job("unowned", old, nil)
		pod("unowned", old)
		pod("forgotten", metav1.NewTime(time.Now().Add(-2*time.Hour)))
		pod("deleted", metav1.Now())
		s.deleted.add("deleted")
		time.Sleep(time.Second)
		s.has("jobs", "owned", "unowned", "young")
		s.has("pods", "unowned")
		if cm, _ := s.jobs().Get(t.Context(), "execution-unowned", metav1.GetOptions{}); len(cm.OwnerReferences) != 1 {
			t.Error("not given to its pod")
		}
		time.Sleep(2 * time.Minute)
		s.has("jobs", "owned", "unowned")
	})
}

func (s *stage) has(what string, want ...string) {
	s.Helper()
	var names []string
	if what == "jobs" {
		all, _ := s.jobs().List(s.Context(), metav1.ListOptions{})
		for _, o := range all.Items {
			names = append(names, strings.TrimPrefix(o.Name, "execution-"))
		}
	} else {
		all, _ := s.pods().List(s.Context(), metav1.ListOptions{})
		for _, o := range all.Items {
			names = append(names, strings.TrimPrefix(o.Name, "execution-"))
		}
	}
	if got := strings.Join(names, " "); got != strings.Join(want, " ") {
		s.Errorf("%s: %s, want %s", what, got, strings.Join(want, " "))
	}
}
