package kube

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
)

var fullQuota = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "execution-x1", errors.New("exceeded quota: codesaga-scripts, requested: pods=1"))

// try does a task as a consumer does: again and again, for a while.
func (s *stage) try(d time.Duration) (last error) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		if last = s.Do(s.Context(), task()); last == nil {
			return nil
		}
	}
	return last
}

// A full quota is told at once, and waited for as long as a pod may take to
// start.
func TestFullQuotaIsToldAndWaitedFor(t *testing.T) {
	play(t, func(s *stage) {
		s.fails("create", "pods", fullQuota)
		if err := s.try(50 * time.Second); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("%v", err)
		}
		s.tells("pod_waiting")
		if e := s.last(); e.Pod.Reason != "QuotaExceeded" || !strings.Contains(e.Pod.Message, "pods=1") || e.UserID != "ann" || e.CorrelationID != "c1" {
			t.Errorf("%+v", e)
		}
		s.fails("create", "pods", nil) // there is room
		if err := s.try(time.Second); err != nil {
			t.Errorf("%v", err)
		}
		s.tells("pod_created")
	})
	play(t, func(s *stage) {
		s.fails("create", "pods", fullQuota)
		if err := s.try(70 * time.Second); err != nil {
			t.Errorf("%v", err)
		}
		s.tells("pod_waiting", "execution_error")
		if o := s.last().Outcome; o.Reason != "unschedulable" || !strings.Contains(o.Message, "exceeded quota") {
			t.Errorf("%+v", o)
		}
		s.nothingLeft()
		if len(s.held.all) != 0 {
			t.Errorf("%d are remembered", len(s.held.all))
		}
	})
}

// An API server that has just started knows no rights yet, whatever it is asked:
// that ends no run.
func TestAnAPIServerWithoutRightsIsWaitedFor(t *testing.T) {
	play(t, func(s *stage) {
		for _, verb := range []string{"create", "get"} {
			s.fails(verb, "pods", apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "execution-x1", fmt.Errorf(`User "u" cannot %s resource "pods" in API group "" in the namespace "scripts"`, verb)))
		}
		if err := s.Do(s.Context(), task()); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("%v", err)
		}
		s.tells()
		s.fails("create", "pods", nil)
		s.fails("get", "pods", nil)
		s.do(execution.Create)
		s.tells("pod_created")
	})
}

// A task that is sent again while the quota is full finds the pod that was made
// of it, whoever made it: the run goes on.
func TestFullQuotaRefusesNoPodThatIsThere(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.forget()
		s.fails("create", "pods", fullQuota)
		if err := s.try(70 * time.Second); err != nil {
			t.Errorf("%v", err)
		}
		s.fails("get", "pods", apierrors.NewServiceUnavailable("away"))
		if err := s.Do(s.Context(), task()); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("nobody knows whether there is a pod: %v", err)
		}
		if s.deleted.has("x1") {
			t.Error("the pod was refused")
		}
	})
}

// While Kafka is away nothing is told, and it is told later.
func TestWhyATaskWaitsIsToldWhenItCanBe(t *testing.T) {
	play(t, func(s *stage) {
		s.fails("create", "pods", fullQuota)
		s.bus.fail = 3
		_ = s.try(10 * time.Second)
		s.tells("pod_waiting")
	})
}

// An API server that has too much to do is left alone for as long as it says.
func TestBusyClusterIsLeftAlone(t *testing.T) {
	play(t, func(s *stage) {
		var at []time.Duration
		began := time.Now()
		answer := apierrors.NewTooManyRequests("later", 4)
		s.on("create", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
			at = append(at, time.Since(began).Round(time.Second))
			if len(at) > 3 {
				return false, nil, nil
			}
			return true, nil, answer
		})
		if err := s.try(time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(at) != 4 || at[1] < 4*time.Second || at[2]-at[1] < 4*time.Second || at[3]-at[2] < 4*time.Second || at[3] > 20*time.Second {
			t.Errorf("asked at %s", at)
		}
		s.tells("pod_waiting", "pod_created") // it took longer than what mostly passes by itself
		if e := s.bus.events[0]; e.Pod.Reason != "TooManyRequests" {
			t.Errorf("%+v", e.Pod)
		}
	})
}

// Without a word of how long, each time longer, but never very long.
func TestBrake(t *testing.T) {
	play(t, func(s *stage) {
		var b brake
		began := time.Now()
		for range 10 {
			b.note(errors.New("connection refused"))
			if err := b.wait(s.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 40*time.Second || took > 80*time.Second {
			t.Errorf("ten tries took %s", took)
		}
		b.note(nil)
		began = time.Now()
		b.note(fullQuota) // an answer
		if err := b.wait(s.Context()); err != nil || time.Since(began) > 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
