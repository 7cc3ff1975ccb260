package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestDF25Crash kills what there is to kill, one after the other, when all other
// tests are done. Whatever dies, each run that was accepted ends as if nothing
// had happened (I1), and nothing is there twice (I6, I7).
func TestDF25Crash(t *testing.T) {
	atLast(t)
	the.crashing()
	for _, role := range []string{"worker", "bridge", "kube-1", "kube-2", "web-1"} { // SA-06, SA-07, DF-25, DF-26
		t.Run(role, func(t *testing.T) { crashRole(t, role) })
	}
	for _, part := range []string{"temporal", "kafka", "registry", "mongo", "apiserver", "kubelet", "containerd", "etcd"} {
		t.Run(part, func(t *testing.T) { crashPart(t, part) })
	}
	t.Run("kafka and web", crashKafkaAndWeb)
	t.Run("mongo and worker while runs wait", crashWhileRunsWait)
}

// trial is three runs that a crash meets at different steps, and who follows
// them meanwhile.
type trial struct {
	story     *story
	lines     []int
	followers []*follower
}

// try3 starts them, and returns when one is about to end, one is in the middle
// and one was just submitted.
func (s *story) try3() *trial {
	s.Helper()
	t := &trial{story: s}
	t.add(25)
	t.add(60)
	eventually(s, 40*time.Second, func() (bool, string) {
		a, b := strings.Count(t.followers[0].stdout(), "\n"), strings.Count(t.followers[1].stdout(), "\n")
		return a >= 20 && b >= 10, jsonOf([]int{a, b}) + " lines of output"
	})
	t.add(20)
	return t
}

func (t *trial) add(lines int) {
	x := t.story.submit(counter(lines))
	t.lines = append(t.lines, lines)
	t.followers = append(t.followers, t.story.pursue(x.ID, nil))
}

// check waits for the ends and wants each as if nothing had happened.
func (t *trial) check(part string) {
	s := t.story
	s.Helper()
	for i, f := range t.followers {
		if want := counted(t.lines[i]); part != "containerd" || i > 0 || !s.lost(f.id, want) {
			s.unharmed(f.id, want)
		}
		s.checkEnd(f.wait(), s.get(f.id))
	}
}

// lost reports whether a script ended while containerd was away, and what it
// said last, its final frame with it, went with containerd. To say so is
// honest; to say anything else of such a run would not be.
func (s *story) lost(id, output string) bool {
	s.Helper()
	x := s.ended(id)
	if x.Status != "error" {
		return false
	}
	s.Logf("lost with containerd: %s %s: %s", id, deref(x.Reason), deref(x.Message))
	if got := s.output(id, "stdout"); x.Reason == nil || !strings.HasPrefix(output, got) {
		s.Errorf("%s: %s", id, jsonOf(x))
	}
	s.gone(id, time.Minute)
	return true
}

// unharmed wants a run to have completed, once, with its output whole, and to
// have left nothing.
func (s *story) unharmed(id, output string) {
	s.Helper()
	s.unharmedWithin(id, output, 30*time.Second)
}

// unharmedWithin is unharmed, with so much time for the projection.
func (s *story) unharmedWithin(id, output string, behind time.Duration) {
	s.Helper()
	x := s.ended(id)
	if x.verdict() != "completed 0" {
		s.Errorf("%s: %s", id, jsonOf(x))
	}
	if got := s.output(id, "stdout"); got != output {
		s.Errorf("%s: stdout: %s", id, difference(got, output))
	}
	s.gone(id, time.Minute)
	var count map[string]int
	eventually(s, behind, func() (bool, string) { // the projection may be behind
		count = map[string]int{}
		for _, e := range s.timeline(id) {
			count[e.Type]++
		}
		return count["result_stored"] > 0 && count["pod_deleted"] > 0, fmt.Sprintf("%s: in the timeline are %v", id, count)
	})
	for _, once := range []string{"execution_requested", "pod_created", "pod_running", "execution_completed", "result_stored"} {
		if count[once] != 1 {
			s.Errorf("%s: %d times %s", id, count[once], once)
		}
	}
}

func crashRole(t *testing.T, name string) {
	s := begin(t, 3*time.Minute)
	s.base = the.urls[1]
	trial, process := s.try3(), the.process(name)
	if err := process.end(syscall.SIGKILL, 5*time.Second); err != nil {
		t.Error(err)
	}
	pause(s.ctx, time.Second)
	if err := process.start(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	trial.check(name)
	t.Logf("all done %.1f s after the start; at best it takes 4 s", time.Since(back).Seconds())
	if err := process.awaitReady(s.ctx, time.Minute); err != nil {
		t.Error(err)
	}
}

func crashPart(t *testing.T, part string) {
	s := begin(t, 4*time.Minute)
	trial := s.try3()
	s.dev("kill", part)
	down := time.After(2 * time.Second)
	late := s.submitMeanwhile(part)
	<-down
	s.dev("start", part)
	back := time.Now()
	s.heal()
	trial.check(part)
	t.Logf("all done %.1f s after the start", time.Since(back).Seconds())
	s.unharmed(late(), "late\n")
	for _, base := range the.urls { // each process streams live again, as before
		s.live(base, 8)
	}
}

// submitMeanwhile submits while part is away: a good answer is 202, or 503 with
// Retry-After, and soon. The function it returns repeats what was refused.
func (s *story) submitMeanwhile(part string) (id func() string) {
	s.Helper()
	key, sub := []string{"Idempotency-Key", s.word()}, python("print('late')")
	began := time.Now()
	a, err := s.try(s.ctx, http.MethodPost, "/api/v1/executions", sub, key...)
	took := time.Since(began)
	s.Logf("without %s: POST answered %d after %.1f s", part, a.status, took.Seconds())
	switch {
	case err != nil:
		s.Errorf("without %s: POST: %v", part, err)
	case took > 10*time.Second:
		s.Errorf("without %s: POST took %s", part, took)
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
		s.Errorf("without %s: POST: 503 without Retry-After", part)
	case a.status != http.StatusServiceUnavailable && a.status != http.StatusAccepted:
		s.Errorf("without %s: POST: %d %s", part, a.status, a.body)
	}
	return func() string { // EX-22: the key is the same, and a failed submission does not hold it
		s.Helper()
		return s.submit(sub, key...).ID
	}
}

// dev tells codesaga-dev to do something with a part.
func (s *story) dev(command, part string) {
	s.Helper()
	if out, err := exec.CommandContext(s.ctx, the.dev, command, part).CombinedOutput(); err != nil {
		s.Errorf("codesaga-dev %s %s: %v: %s", command, part, err, out)
	}
}

// heal starts the parts that a crash took with it, and waits until all
// processes of the product are ready.
func (s *story) heal() {
	s.Helper()
	s.revive()
	if err := the.awaitReady(s.ctx, 90*time.Second); err != nil {
		s.Error(err)
	}
}

// revive starts the parts that a crash took with it.
func (s *story) revive() {
	s.Helper()
	out, _ := exec.CommandContext(s.ctx, the.dev, "status").Output() // which exits 1 if one is down
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "PART" && f[1] != "ready" && f[1] != "given" {
			s.Logf("%s went down, too", f[0])
			s.dev("start", f[0])
		}
	}
}

// DF-19: what was accepted while Kafka was away is not lost with the process
// that accepted it.
func crashKafkaAndWeb(t *testing.T) {
	s := begin(t, 3*time.Minute)
	web := the.process("web-1")
	s.dev("kill", "kafka")
	var ids []string
	for range 5 {
		a, err := s.try(s.ctx, http.MethodPost, "/api/v1/executions", python("print('late')"))
		var x execution
		if err == nil && a.status == http.StatusAccepted {
			s.into(a, http.StatusAccepted, &x)
			s.note(x.ID)
			ids = append(ids, x.ID)
		}
	}
	if err := web.end(syscall.SIGKILL, 5*time.Second); err != nil {
		t.Error(err)
	}
	s.dev("start", "kafka")
	if err := web.start(); err != nil {
		t.Fatal(err)
	}
	s.heal()
	t.Logf("%d of 5 were accepted", len(ids))
	for _, id := range ids {
		s.unharmed(id, "late\n")
	}
}

// DF-22, I2.
func crashWhileRunsWait(t *testing.T) {
	s := begin(t, 3*time.Minute)
	worker := the.process("worker")
	all := make([]execution, capacity+4)
	for i := range all {
		all[i] = s.submit(counter(20))
	}
	var crashes sync.WaitGroup
	crashes.Go(func() {
		s.dev("kill", "mongo")
		s.dev("start", "mongo")
	})
	crashes.Go(func() {
		if err := worker.end(syscall.SIGKILL, 5*time.Second); err != nil {
			t.Error(err)
		}
		pause(s.ctx, time.Second)
		if err := worker.start(); err != nil {
			t.Error(err)
		}
	})
	crashes.Wait()
	s.heal()
	for i := range all {
		s.unharmed(all[i].ID, counted(20))
		all[i] = s.get(all[i].ID)
	}
	if n := mostAtOnce(all); n > capacity {
		t.Errorf("%d ran at once, the capacity is %d", n, capacity)
	}
	if err := await(s.ctx, 10*time.Second, the.ledger.empty(s.ctx)); err != nil {
		t.Error(err)
	}
}
