package kube

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

// pair is a leader, which is that of the stage, and another worker.
func pair(t *testing.T, story func(s *stage, other *Worker, stop func())) {
	play(t, func(s *stage) {
		other := s.worker()
		stop := s.start(other)
		if !s.leads() || other.leads() {
			t.Fatalf("the first leads: %t, the second: %t", s.leads(), other.leads())
		}
		story(s, other, stop)
	})
}

func (s *stage) by(w *Worker, a execution.Action) {
	s.Helper()
	x := task()
	x.Action = a
	if err := w.Do(s.Context(), x); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
}

// Whoever gets the task, the same is told, and once.
func TestTwoWorkersShareTasks(t *testing.T) {
	pair(t, func(s *stage, other *Worker, stop func()) {
		s.by(other, execution.Create)
		s.tells("pod_created")
		s.do(execution.Create)
		s.tells("pod_created")
		s.node(running)
		s.print(started())
		s.tells("pod_scheduled", "pod_running")
		s.by(other, execution.Create) // an answer was lost: the leader gives it again
		s.tells("pod_created", "pod_scheduled", "pod_running")
		s.by(other, execution.Create)
		s.tells("pod_created", "pod_scheduled", "pod_running")
		s.by(other, execution.Delete)
		s.by(other, execution.Delete)
		s.tells()
		s.print(ended(runner.End{Stopped: true, ExitCode: 143, Signal: "SIGTERM"}))
		s.tells("pod_terminated") // no ending: somebody wanted it away, if not here
		s.gone()
		s.tells("pod_deleted")
		s.by(other, execution.Create) // it makes no second one
		s.tells("pod_deleted")
		s.nothingLeft()
		stop()
	})
}

// A leader that ends gives its lease back at once; what it has read is told.
func TestLeaderThatEndsIsFollowedAtOnce(t *testing.T) {
	pair(t, func(s *stage, other *Worker, stop func()) {
		s.do(execution.Create)
		s.node(running)
		s.print(started(), printed(1, 0, "a"))
		s.bus.all = nil
		s.stop()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s.leads() || !other.leads() {
			t.Fatal("the other does not lead")
		}
		s.print(started(), printed(1, 0, "a"), printed(2, 1, "b"), ended(runner.End{Frames: 2}))
		s.tells("pod_created", "pod_scheduled", "pod_running", "1:a", "2:b", "execution_completed")
		s.stop = stop
	})
}

// A leader that dies is followed within ten seconds. What went away meanwhile
// is told, too.
func TestLeaderThatDiesIsFollowedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var dead atomic.Bool
		client := fake.NewClientset() // what the leader has of the cluster: it can be cut off
		client.PrependReactor("*", "*", func(a ktesting.Action) (bool, runtime.Object, error) {
			if dead.Load() {
				return true, nil, errors.New("connection refused")
			}
			for _, r := range s.cluster.ReactionChain {
				if r.Handles(a) {
					if handled, o, err := r.React(a); handled {
						return true, o, err
					}
				}
			}
			return false, nil, nil
		})
		client.WatchReactionChain = s.cluster.WatchReactionChain
		s.Client = client
		s.run()
		other := s.worker()
		stop := s.start(other)
		s.by(other, execution.Create)
		s.node(running)
		s.print(started())
		s.tells("pod_created", "pod_scheduled", "pod_running")
		dead.Store(true)
		time.Sleep(6 * time.Second) // the first knows that it leads no more
		if synctest.Wait(); s.leads() || other.leads() {
			t.Errorf("after 6 s, the first leads: %t, the second: %t", s.leads(), other.leads())
		}
		s.node(exited(0, "Completed"))
		s.gone()
		s.tells()
		time.Sleep(4 * time.Second)
		if synctest.Wait(); !other.leads() {
			t.Error("after 10 s nobody leads")
		}
		s.print(started(), ended(runner.End{}))
		s.tells("pod_created", "pod_scheduled", "pod_running", "execution_completed", "pod_terminated", "pod_deleted")
		s.stop()
		stop()
	})
}

// Of another pool's pods a worker tells nothing.
func TestEachPoolHasALeaderOfItsOwn(t *testing.T) {
	play(t, func(s *stage) {
		other := s.worker()
		other.Pool = "gpu"
		stop := s.start(other)
		if !s.leads() || !other.leads() {
			t.Error("one does not lead")
		}
		heard := make(map[string]bool) // the fake cluster tells all to everybody, but notes what was asked
		for _, a := range s.cluster.Actions() {
			if w, ok := a.(ktesting.WatchAction); ok {
				heard[w.GetWatchRestrictions().Labels.String()] = true
			}
		}
		if len(heard) != 2 || !heard[managedBy+"=codesaga,codesaga/pool=default"] || !heard[managedBy+"=codesaga,codesaga/pool=gpu"] {
			t.Errorf("watched: %v", heard)
		}
		stop()
	})
}

// What was begun is finished when a worker is asked to stop: no pod is left
// without what it needs.
func TestTaskUnderWayIsFinished(t *testing.T) {
	play(t, func(s *stage) {
		ctx, stop := context.WithCancel(s.Context())
		s.on("create", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
			stop()
			return false, nil, nil
		})
		if err := s.Do(ctx, task()); err != nil {
			t.Fatal(err)
		}
		if job, err := s.jobs().Get(s.Context(), "execution-x1", metav1.GetOptions{}); err != nil || job.Labels[labelOwned] == "" {
			t.Errorf("%v, %v", job, err)
		}
		second := task()
		second.ExecutionID = "x2"
		if err := s.Do(ctx, second); err == nil {
			t.Error("a task was begun after that")
		}
		s.has("pods", "x1")
	})
}

// Writes to the API server cost it most (parity KU-20).
func TestWritesOfARun(t *testing.T) {
	for name, want := range map[string]int{"plain": 5, "egress": 6} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				x := task()
				if name == "egress" {
					x.Egress = []execution.Egress{{CIDR: "192.0.2.0/24"}}
				}
				if err := s.Do(s.Context(), x); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				s.node(running)
				s.print(started(), printed(1, 0, "a"), ended(runner.End{Frames: 1}))
				s.node(exited(0, "Completed"))
				time.Sleep(2 * time.Minute) // it is reconciled, and nothing is to be mended
				s.do(execution.Delete)
				s.gone()
				var writes []string
				for _, a := range s.cluster.Actions() {
					what := a.GetVerb() + " " + a.GetResource().Resource
					switch {
					case slices.Contains([]string{"get", "list", "watch"}, a.GetVerb()), what == "update pods": // the node's, above
					case a.GetResource().Resource == "leases": // one a second, whatever runs
					default:
						writes = append(writes, what)
					}
				}
				if len(writes) != want {
					t.Errorf("%d writes, want %d: %q", len(writes), want, writes)
				}
			})
		})
	}
}

// The policy is there before the pod, and belongs to what belongs to the pod.
func TestPolicyComesBeforeThePod(t *testing.T) {
	s := newStage(t)
	s.on("create", "configmaps", func(a ktesting.Action) (bool, runtime.Object, error) {
		a.(ktesting.CreateAction).GetObject().(*corev1.ConfigMap).UID = "u1"
		return false, nil, nil
	})
	s.on("create", "pods", func(ktesting.Action) (bool, runtime.Object, error) {
		policy, err := s.cluster.Tracker().Get(networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), "scripts", "execution-x1")
		if err != nil || policy.(*networkingv1.NetworkPolicy).OwnerReferences[0].UID != "u1" {
			t.Errorf("%v, %v", policy, err)
		}
		return false, nil, nil
	})
	x := task()
	x.Egress = []execution.Egress{{CIDR: "192.0.2.0/24"}}
	if err := s.Do(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}
