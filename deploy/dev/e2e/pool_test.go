package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hands is a kube worker of a pool of its own, in a namespace of its own.
type hands struct {
	*process
	cluster *cluster
}

// hire sets the namespace of a pool up and describes its worker, which ends with
// the test.
func (s *story) hire(pool string, flags ...string) hands {
	s.Helper()
	namespace := podNamespace + "-" + pool
	c, err := openCluster(the.kubeconfig, namespace)
	if err != nil {
		s.Fatal(err)
	}
	own := []string{"-pool", pool, "-pod-namespace", namespace}
	if out, err := the.command(s, append([]string{"setup"}, own...)...).CombinedOutput(); err != nil {
		s.Fatalf("setup of %s: %v\n%s", pool, err, out)
	}
	account := &account{cluster: c, folder: the.folder}
	if err := account.open(s.ctx, the.kubeconfig); err != nil {
		s.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		s.Fatal(err)
	}
	p := &process{
		name: "kube-" + pool, bin: the.bin, args: append(append([]string{"kube"}, own...), flags...),
		env: append(slices.Clip(the.env), "CODESAGA_HEALTH_LISTEN="+address, "KUBECONFIG="+account.kubeconfig()),
		log: filepath.Join(the.folder, "kube-"+pool+".log"), ready: "http://" + address + "/readyz",
	}
	s.Cleanup(func() {
		if err := p.end(syscall.SIGTERM, 30*time.Second); err != nil {
			s.Error(err)
		}
		for _, fall := range p.fallen() {
			s.Error(fall)
		}
	})
	return hands{p, c}
}

// work starts a worker, and returns when it can work.
func (s *story) work(h hands) {
	s.Helper()
	if err := h.start(); err != nil {
		s.Fatal(err)
	}
	if err := h.awaitReady(s.ctx, time.Minute); err != nil {
		s.Fatal(err)
	}
}

// command is one of the platform's own, with an administrator's rights.
func (p *platform) command(s *story, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, p.bin, args...)
	cmd.Env = p.env
	return cmd
}

// waits returns what GET says that keeps the pod of id from starting, as soon as
// that matches want; it has ten seconds (KU-14, DF-27).
func (s *story) waits(id, want string) {
	s.Helper()
	pattern := regexp.MustCompile(want)
	eventually(s, 12*time.Second, func() (bool, string) {
		var x struct {
			Waiting *struct{ Reason, Message string } `json:"waiting_reason"`
		}
		s.into(s.do(http.MethodGet, "/api/v1/executions/"+id, nil), http.StatusOK, &x)
		return x.Waiting != nil && pattern.MatchString(x.Waiting.Reason), jsonOf(x)
	})
}

// AD-15: what a pool without a worker has to do is no other pool's concern, and
// is done when it has one. DF-27: nor is a full quota.
func TestAPoolHasAWorkerAndANamespaceOfItsOwn(t *testing.T) {
	s := beside(t, 4*time.Minute)
	gpu := s.hire("gpu")
	inGPU := func(script string) submission {
		sub := python(script)
		sub.Pool = "gpu"
		return sub
	}
	early := s.submit(inGPU("print('early')")) // nobody serves the pool yet
	if x := s.run(python("print('elsewhere')")); x.verdict() != "completed 0" {
		t.Errorf("in the other pool: %s", jsonOf(x))
	}
	if x := s.get(early.ID); terminal[x.Status] || x.StartedAt != nil {
		t.Errorf("nobody serves the pool, and %s", jsonOf(x))
	}
	s.work(gpu)
	if x := s.ended(early.ID); x.verdict() != "completed 0" || s.output(x.ID, "stdout") != "early\n" {
		t.Errorf("%s", jsonOf(x))
	}

	// What it makes is in its namespace, and goes.
	x := s.submit(inGPU("import time; print('here', flush=True); time.sleep(5)"))
	eventually(t, 30*time.Second, func() (bool, string) {
		there, err := gpu.cluster.left(s.ctx, x.ID)
		elsewhere, err2 := the.cluster.left(s.ctx, x.ID)
		return len(there) == 2 && len(elsewhere) == 0, fmt.Sprint(there, elsewhere, err, err2)
	})
	s.ended(x.ID)
	eventually(t, time.Minute, func() (bool, string) {
		left, err := gpu.cluster.left(s.ctx, "")
		return err == nil && len(left) == 0, fmt.Sprint(left, err)
	})

	// A quota that is full is told at once, and waited for.
	full := gpu.quota(s, 0)
	x = s.submit(inGPU("print('at last')"))
	s.waits(x.ID, "^QuotaExceeded$")
	if y := s.run(python("print('elsewhere')")); y.verdict() != "completed 0" {
		t.Errorf("in the other pool: %s", jsonOf(y))
	}
	gpu.quota(s, full)
	if x = s.ended(x.ID); x.verdict() != "completed 0" {
		t.Errorf("%s", jsonOf(x))
	}
}

// quota sets how many pods may be at a time, and returns how many it was.
func (h hands) quota(s *story, pods int) (was int) {
	s.Helper()
	path := quotas + "/codesaga-scripts"
	var q map[string]any
	if err := h.cluster.do(s.ctx, http.MethodGet, path, nil, &q); err != nil {
		s.Fatal(err)
	}
	hard := q["spec"].(map[string]any)["hard"].(map[string]any)
	if _, err := fmt.Sscan(hard["pods"].(string), &was); err != nil {
		s.Fatal(err)
	}
	hard["pods"] = fmt.Sprint(pods)
	if err := h.cluster.do(s.ctx, http.MethodPut, path, []byte(jsonOf(q)), nil); err != nil {
		s.Fatal(err)
	}
	return was
}

// KU-14, DF-27: a pod that no node takes is shown as such within ten seconds, and
// is an error at the start timeout.
func TestAPodThatNoNodeTakes(t *testing.T) {
	s := beside(t, 2*time.Minute)
	nowhere := s.hire("nowhere", "-start-timeout", "15s")
	nowhere.args = append(nowhere.args, "-node-selector", "codesaga.example/none=such")
	if err := nowhere.start(); err != nil { // it is not ready: its probes find no node either
		t.Fatal(err)
	}
	sub := python("print('never')")
	sub.Pool = "nowhere"
	x := s.submit(sub)
	eventually(t, 110*time.Second, func() (bool, string) { // after a minute it works although nothing is known of the isolation
		now := s.get(x.ID)
		seen := slices.ContainsFunc(s.timeline(x.ID), func(e event) bool { return strings.HasSuffix(e.ID, "/pod_waiting/Unschedulable") })
		return seen && terminal[now.Status], jsonOf(now)
	})
	if x = s.ended(x.ID); x.verdict() != "error system_error" || deref(x.Reason) != "unschedulable" || !strings.Contains(deref(x.Message), "node") {
		t.Errorf("%s: %s", x.verdict(), jsonOf(x))
	}
}

// KU-14, DF-27.
func TestDF27AnImageThatNobodyHas(t *testing.T) {
	s := beside(t, 3*time.Minute)
	x := s.submit(submission{Language: "missing", Script: "print hello"})
	began := time.Now()
	s.waits(x.ID, "^(ErrImagePull|ImagePullBackOff)$")
	t.Logf("seen after %.1f s", time.Since(began).Seconds())
	if x = s.ended(x.ID); x.verdict() != "error system_error" || deref(x.Reason) != "image_pull" || !strings.Contains(deref(x.Message), "missing") {
		t.Errorf("%s: %s", x.verdict(), jsonOf(x))
	}
	if took := time.Since(began); took > 90*time.Second {
		t.Errorf("took %s, the start timeout is a minute", took)
	}
	s.gone(x.ID, time.Minute)
}

// KU-07: setup has images pulled ahead if it is told to, says so once, and stops
// it again. That they are there then is for clusters that can pull.
func TestImagesArePulledAhead(t *testing.T) {
	s := beside(t, 2*time.Minute)
	said := func(args ...string) string {
		out, err := the.command(s, append([]string{"setup", "-pod-namespace", podNamespace + "-images"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("setup %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	said() // or a suite before this one has left it
	if first := said("-prepull"); !strings.Contains(first, "created daemon set codesaga-prepull") {
		t.Errorf("the first time: %s", first)
	}
	if again := said("-prepull"); !unchanged.MatchString(again) {
		t.Errorf("the second time: %s", again)
	}
	if last := said(); !strings.Contains(last, "deleted daemon set codesaga-prepull") {
		t.Errorf("without: %s", last)
	}
}
