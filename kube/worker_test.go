package kube

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
)

func TestTasksMayComeTwice(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.tells("pod_created")
		s.do(execution.Create)
		s.tells("pod_created") // the answer may have been lost
		s.do(execution.Delete)
		s.forget()
		s.do(execution.Delete)
		s.tells("pod_deleted")
		s.do(execution.Create) // late: it makes no pod
		s.tells("pod_deleted")
		s.nothingLeft()
	})
}

func TestTaskPastItsTimeMakesNoPod(t *testing.T) {
	play(t, func(s *stage) {
		late := task()
		late.NotAfter = new(time.Now().Add(-time.Second))
		if err := s.Do(s.Context(), late); err != nil {
			t.Fatal(err)
		}
		s.tells("pod_deleted")
		s.nothingLeft()
		s.do(execution.Create) // it was said to be gone for good
		s.tells("pod_deleted")
	})
}

func TestOfAPodThatIsThereALateTaskIsAnsweredAllTheSame(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.tells("pod_created")
		late := task()
		late.NotAfter = new(time.Now().Add(-time.Second))
		if err := s.Do(s.Context(), late); err != nil {
			t.Fatal(err)
		}
		s.tells("pod_created")
	})
}

// A pod that somebody else took away is gone, and its script runs no second time.
func TestPodThatSomebodyElseTookAwayIsGone(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.node(running)
		s.print(started())
		s.tells("pod_created", "pod_scheduled", "pod_running")
		s.gone()
		s.cut(apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "execution-x1"))
		s.tells("pod_terminated", "pod_deleted")
		s.do(execution.Create)
		s.tells("pod_deleted")
	})
}

func TestJobBelongsToItsPod(t *testing.T) {
	s := newStage(t)
	s.on("create", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
		a.(ktesting.CreateAction).GetObject().(*corev1.Pod).UID = "u1"
		return false, nil, nil
	})
	if err := s.Do(s.Context(), task()); err != nil {
		t.Fatal(err)
	}
	job, err := s.jobs().Get(s.Context(), "execution-x1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := job.OwnerReferences
	if len(o) != 1 || o[0].Kind != "Pod" || o[0].Name != "execution-x1" || o[0].UID != "u1" || o[0].APIVersion != "v1" {
		t.Errorf("owners: %+v", o)
	}
	if !*job.Immutable || len(job.BinaryData[jobKey]) == 0 || job.Labels[labelOwned] == "" {
		t.Errorf("%+v", job.ObjectMeta)
	}
	for _, a := range s.cluster.Actions()[1:2] { // a pod that starts before its job is there waits long
		if !a.Matches("create", "pods") || !s.cluster.Actions()[0].Matches("create", "configmaps") {
			t.Errorf("%v", s.cluster.Actions())
		}
	}
}

// fails lets all of verb on resource fail with err.
func (s *stage) fails(verb, resource string, err error) {
	s.on(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) { return err != nil, nil, err })
}

func TestRefusals(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	forbidden := func(why string) error { return apierrors.NewForbidden(pods, "execution-x1", errors.New(why)) }
	tests := []struct {
		name    string
		err     error
		refused bool
	}{
		{"invalid", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "x", nil), true},
		{"pod security", forbidden(`violates PodSecurity "restricted:latest"`), true},
		{"no such runtime class", forbidden(`pod rejected: RuntimeClass "kata" not found`), true},
		{"limit range", forbidden(`maximum memory usage per Container is 512Mi`), true},
		{"too large", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), true},
		{"quota", forbidden("exceeded quota: codesaga-scripts, requested: pods=1"), false},
		{"no right", forbidden(`User "u" cannot create resource "pods" in API group "" in the namespace "scripts"`), false},
		{"quota not counted", forbidden("status unknown for quota: codesaga-scripts, resources: pods"), false},
		{"new namespace", forbidden(`error looking up service account scripts/default: serviceaccount "default" not found`), false},
		{"no namespace", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "scripts"), false},
		{"too many requests", apierrors.NewTooManyRequests("later", 1), false},
		{"timeout", apierrors.NewServerTimeout(pods, "create", 1), false},
		{"conflict in the quota", apierrors.NewConflict(pods, "x", nil), false},
		{"no connection", errors.New("connection refused"), false},
	}
	for _, tt := range tests {
		for _, resource := range []string{"pods", "configmaps"} {
			t.Run(tt.name+" "+resource, func(t *testing.T) {
				play(t, func(s *stage) {
					s.fails("create", resource, tt.err)
					err := s.Do(s.Context(), task())
					if !tt.refused {
						if execution.KindOf(err) != execution.Unavailable {
							t.Errorf("error of kind %q: %v", execution.KindOf(err), err)
						}
						if !strings.HasPrefix(tt.name, "quota") {
							s.tells()
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					s.tells("execution_error")
					e := s.last()
					if e.Outcome.Reason != "pod_refused" || e.Outcome.Message == "" || e.UserID != "ann" || e.Usage != nil {
						t.Errorf("%+v %+v", e, e.Outcome)
					}
					s.nothingLeft()
					s.fails("create", resource, nil)
					s.do(execution.Create) // it has ended
					s.tells("pod_deleted")
				})
			})
		}
	}
}

// While Kafka is away a refusal is no answer yet.
func TestRefusalThatCannotBeToldIsTriedAgain(t *testing.T) {
	s := newStage(t)
	s.fails("create", "pods", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "x", nil))
	s.bus.fail = 1
	if err := s.Do(t.Context(), task()); err == nil {
		t.Error("no error, and nothing told")
	}
	if err := s.Do(t.Context(), task()); err != nil || s.last().Type != execution.ExecutionError {
		t.Errorf("%v, told %s", err, s.last().Type)
	}
}

func TestTasksWithoutSense(t *testing.T) {
	s := newStage(t)
	for _, bad := range []execution.Task{{Action: "stop", ExecutionID: "x1"}, {Action: execution.Create, ExecutionID: "x1"}} {
		if err := s.Do(t.Context(), bad); execution.KindOf(err) != execution.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if len(s.cluster.Actions()) != 0 {
		t.Errorf("%v", s.cluster.Actions())
	}
}

func TestDeleteThatFailsIsTriedAgain(t *testing.T) {
	s := newStage(t)
	s.fails("delete", "pods", errors.New("connection refused"))
	gone := execution.Task{Action: execution.Delete, ExecutionID: "x1"}
	if err := s.Do(t.Context(), gone); execution.KindOf(err) != execution.Unavailable || len(s.bus.all) != 0 {
		t.Errorf("%v, told %v", err, s.bus.all)
	}
	s.fails("delete", "pods", nil)
}
