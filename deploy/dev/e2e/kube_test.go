package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sentence is what can be said of the development cluster, and no more.
const sentence = "isolated: pods have no network at all here (no interface but lo): isolation does not come from NetworkPolicy, whose enforcement could not be tested"

// KU-03, DF-38.
func TestDF38TheDoctorSaysWhatKeepsScriptsIn(t *testing.T) {
	s := beside(t, 3*time.Minute)
	text := s.finish(the.command(s, "doctor"))
	if text.code != 0 || !strings.HasPrefix(text.out, sentence+"\n") || !strings.Contains(text.out, "shut  connect to 169.254.169.254:80") {
		t.Errorf("%+v", text)
	}
	var found struct {
		Isolated bool
		Sentence string
		Missing  string
		Findings []struct {
			What string
			Open bool
		}
	}
	inJSON := s.finish(the.command(s, "doctor", "-json"))
	if err := json.Unmarshal([]byte(inJSON.out), &found); err != nil || inJSON.code != 0 {
		t.Fatalf("%v: %+v", err, inJSON)
	}
	if !found.Isolated || found.Sentence != sentence || found.Missing != "" || len(found.Findings) < 10 {
		t.Errorf("%+v", found)
	}
	for _, f := range found.Findings {
		if f.Open {
			t.Errorf("open: %s", f.What)
		}
	}
	if left, err := the.cluster.list(s.ctx, pods+"?labelSelector="+probeLabel); err != nil || s.unfinished(left) > 0 {
		t.Errorf("left: %s, %v", jsonOf(left), err)
	}

	// A worker found out the same at its start.
	for _, name := range []string{"kube-1", "kube-2"} {
		body, status, err := fetch(s.ctx, the.process(name).ready)
		if err != nil || status != http.StatusOK || !strings.Contains(string(body), sentence) {
			t.Errorf("readiness of %s: %d %s, %v", name, status, body, err)
		}
	}
	elsewhere := s.finish(the.command(s, "doctor", "-pod-namespace", podNamespace+"-none"))
	if elsewhere.code != 1 || !strings.Contains(elsewhere.err, "run `codesaga setup`") {
		t.Errorf("where nothing is set up: %+v", elsewhere)
	}
}

// unfinished counts pods that nobody deletes.
func (s *story) unfinished(all []object) (n int) {
	for _, o := range all {
		if o.Metadata.DeletionTimestamp == "" {
			n++
		}
	}
	return n
}

// KU-15, KU-17, DF-26: what a crash may have left is removed within two minutes.
func TestDF26OrphansAreRemoved(t *testing.T) {
	s := beside(t, 4*time.Minute)
	id := "0197f0a0-0000-7000-8000-" + fmt.Sprintf("%012d", time.Now().UnixMilli()%1e12)
	meta := map[string]any{"name": "execution-" + id, "labels": map[string]string{"app.kubernetes.io/managed-by": "codesaga", executionLabel: id}}
	for path, o := range map[string]map[string]any{
		configMaps: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta},
		policies:   {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": map[string]any{"podSelector": map[string]any{}}},
	} {
		if err := the.cluster.do(s.ctx, http.MethodPost, path, []byte(jsonOf(o)), nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 150*time.Second, func() (bool, string) {
		left, err := the.cluster.left(s.ctx, id)
		return err == nil && len(left) == 0, fmt.Sprint(left, err)
	})
}

// leader is the kube worker that tells of pods, by its own account.
func (s *story) leader() *process {
	s.Helper()
	var found *process
	eventually(s, 20*time.Second, func() (bool, string) {
		found = nil
		var said []string
		for _, name := range []string{"kube-1", "kube-2"} {
			body, _, err := fetch(s.ctx, strings.TrimSuffix(the.process(name).ready, "/readyz")+"/metrics")
			if err == nil && strings.Contains(string(body), "\ncodesaga_kube_leader 1\n") {
				found = the.process(name)
				said = append(said, name)
			}
		}
		return len(said) == 1, fmt.Sprintf("leaders: %v", said)
	})
	return found
}

// TestDF47KubeWorkers stops and kills them when all other tests are done.
func TestDF47KubeWorkers(t *testing.T) {
	atLast(t)
	the.crashing()
	t.Run("the leader is killed", func(t *testing.T) { leaderEnds(t, syscall.SIGKILL) })
	t.Run("the leader is asked to stop", func(t *testing.T) { leaderEnds(t, syscall.SIGTERM) })
	t.Run("none is there for a while", noKubeWorker)
}

// KU-19, DF-47: whoever follows a run sees nothing of it.
func leaderEnds(t *testing.T, how syscall.Signal) {
	s := begin(t, 3*time.Minute)
	leader := s.leader()
	trial := s.try3()
	if err := leader.end(how, 20*time.Second); err != nil {
		t.Error(err)
	}
	gone := time.Now()
	late := s.submit(python("print('late')")) // its task may be the other's, or was
	next := s.leader()
	t.Logf("%s led, and %.1f s after its end %s", leader.name, time.Since(gone).Seconds(), next.name)
	if next == leader {
		t.Errorf("%s is gone and leads", leader.name)
	}
	if took := time.Since(gone); how == syscall.SIGTERM && took > 5*time.Second || took > 15*time.Second {
		t.Errorf("nobody led for %s", took)
	}
	trial.check(leader.name)
	s.unharmed(late.ID, "late\n")
	if err := leader.start(); err != nil {
		t.Fatal(err)
	}
	if err := leader.awaitReady(s.ctx, time.Minute); err != nil {
		t.Error(err)
	}
}

// AD-17: submits are taken, and wait; when a worker is back, all run, once each.
func noKubeWorker(t *testing.T) {
	s := begin(t, 4*time.Minute)
	workers := []*process{the.process("kube-1"), the.process("kube-2")}
	for _, w := range workers {
		if err := w.end(syscall.SIGTERM, 20*time.Second); err != nil {
			t.Error(err)
		}
	}
	ids := make([]string, capacity+5) // more than fit
	for i := range ids {
		began := time.Now()
		ids[i] = s.submit(python("print('late')")).ID
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("POST took %s", took)
		}
	}
	f := s.pursue(ids[0], nil)
	pause(s.ctx, 20*time.Second)
	for _, id := range ids {
		if x := s.get(id); terminal[x.Status] || x.StartedAt != nil {
			t.Errorf("without a worker: %s", jsonOf(x))
		}
	}
	for _, w := range workers {
		if err := w.start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		s.unharmed(id, "late\n")
	}
	s.checkEnd(f.wait(), s.get(ids[0]))
	if err := the.awaitReady(s.ctx, time.Minute); err != nil {
		t.Error(err)
	}
}
