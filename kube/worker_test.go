package kube

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
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
		s.bus.all = nil
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
	s.cluster.PrependReactor("create", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
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
	s.cluster.PrependReactor(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) { return err != nil, nil, err })
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
						s.tells()
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

// waiting is a pod whose container does not start.
func waiting(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		scheduled(pod)
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{
			{Name: container, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}},
		}
	}
}

func TestStuckPodsEndAtTheStartDeadline(t *testing.T) {
	unschedulable := func(pod *corev1.Pod) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes"}}
	}
	inInit := func(pod *corev1.Pod) {
		waiting("PodInitializing", "")(pod)
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}
	}
	tests := []struct {
		name   string
		state  func(*corev1.Pod)
		reason string
		text   string
		atOnce bool
	}{
		{"image", waiting("ImagePullBackOff", "no such tag"), "image_pull", "ImagePullBackOff: no such tag", false},
		{"runner's image", inInit, "image_pull", "ErrImagePull", false},
		{"no image name", waiting("InvalidImageName", "x:"), "image_pull", "InvalidImageName: x:", true},
		{"bad configuration", waiting("CreateContainerConfigError", "no configmap"), "internal", "no configmap", true},
		{"no container", waiting("CreateContainerError", "no space"), "internal", "no space", false},
		{"no node", unschedulable, "unschedulable", "Unschedulable: 0/1 nodes", false},
		{"slow", waiting("ContainerCreating", ""), "internal", "ContainerCreating", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(s *stage) {
				s.do(execution.Create)
				at := time.Now()
				s.node(tt.state)
				if !tt.atOnce {
					at = at.Add(time.Minute)
					time.Sleep(59 * time.Second)
					s.bus.all = nil
					synctest.Wait()
					s.tells()
					time.Sleep(2 * time.Second)
				}
				synctest.Wait()
				var e execution.Event
				for _, e = range s.bus.events {
					if e.Outcome != nil {
						break
					}
				}
				if e.Outcome == nil || e.Type != execution.ExecutionError || e.Outcome.Reason != tt.reason || !strings.Contains(e.Outcome.Message, tt.text) {
					t.Fatalf("told %v, %+v", s.bus.all, e.Outcome)
				}
				if e.Usage != nil || e.Output != nil || e.Outcome.ExitCode != nil || e.At.Sub(at).Abs() > time.Second {
					t.Errorf("%+v at %s, want %s", e, e.At, at)
				}
				// It does not run after its end.
				if pod, err := s.pods().Get(t.Context(), "execution-x1", metav1.GetOptions{}); err == nil {
					if pod.DeletionTimestamp == nil {
						t.Error("the pod is left to start")
					}
					s.gone()
				}
				s.nothingLeft()
				if s.last().Type != execution.PodDeleted {
					t.Errorf("told %s last", s.last().Type)
				}
			})
		})
	}
}

// The watch may be behind: a pod is not ended as stuck before it was asked for.
func TestPodThatStartedUnseenIsNotStuck(t *testing.T) {
	play(t, func(s *stage) {
		s.do(execution.Create)
		s.cluster.PrependReactor("get", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
			o, err := s.cluster.Tracker().Get(a.GetResource(), "scripts", "execution-x1")
			if err != nil {
				return true, nil, err
			}
			pod := o.(*corev1.Pod).DeepCopy()
			running(pod)
			return true, pod, nil
		})
		time.Sleep(time.Minute)
		s.print(started())
		if e := s.last(); e.Type != execution.PodRunning {
			t.Errorf("told %s: %+v", e.Type, e.Outcome)
		}
	})
}

func TestReconcile(t *testing.T) {
	play(t, func(s *stage) {
		old := metav1.NewTime(time.Now().Add(-2 * young))
		job := func(name string, made metav1.Time, more map[string]string) {
			id := execution.ID(name)
			cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: podName(id), CreationTimestamp: made, Labels: labels(id)}}
			for name, value := range more {
				cm.Labels[name] = value
			}
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
