package e2e

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What the chaos is made of. "make chaos" asks for much more of it.
var (
	chaosRuns  = flag.Int("chaos.runs", 60, "runs that TestDF21Chaos submits at least; it goes on until the last kill")
	chaosKills = flag.Int("chaos.kills", 12, "kills at random that they have to live through")
	chaosSeed  = flag.Uint64("chaos.seed", 0, "seed of what is killed, when; 0: another one each time")
	chaosOut   = flag.String("chaos.report", "", "file that the report is added to; empty: it is only logged")
)

// TestDF21Chaos kills roles and servers at random while runs of all kinds are under
// way. Each run that was accepted ends, and as it should (I1, I4); what else
// must be true then, the auditor looks for. BY-04, DF-21, DF-25, DF-26.
func TestDF21Chaos(t *testing.T) {
	atLast(t)
	the.crashing()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("at least %d runs, %d kills, -chaos.seed=%d", *chaosRuns, *chaosKills, seed)
	s := begin(t, time.Duration(*chaosRuns)*3*time.Second+time.Duration(*chaosKills)*15*time.Second+5*time.Minute)
	c := &chaos{story: s, killed: map[string]int{}, verdicts: map[string]int{}}
	c.left.Store(int64(*chaosKills))
	began := time.Now()

	var callers, killers sync.WaitGroup
	killers.Go(func() { c.kill(rand.New(rand.NewPCG(seed, 1)), c.killRole) })
	killers.Go(func() { c.kill(rand.New(rand.NewPCG(seed, 2)), c.killPart) })
	next := make(chan int)
	for range 12 {
		callers.Go(func() {
			for i := range next {
				c.live(i)
			}
		})
	}
	for i := 0; s.ctx.Err() == nil && (i < *chaosRuns || c.left.Load() > 0); i++ {
		next <- i
		pause(s.ctx, 250*time.Millisecond)
	}
	close(next)
	killers.Wait()
	s.heal()
	callers.Wait()
	if err := await(s.ctx, 3*time.Minute, the.ledger.empty(s.ctx)); err != nil { // two sweeps at most
		t.Error(err)
	}
	c.report(seed, time.Since(began))
}

// chaos is one such trial.
type chaos struct {
	*story
	left atomic.Int64 // kills

	mu       sync.Mutex
	killed   map[string]int
	verdicts map[string]int
	took     []time.Duration // from the submission of each run to its end
	fragile  bool            // containerd was killed: what ran then may be lost with it, and says so
}

// kind is a sort of run, and how it may end.
type kind struct {
	name     string
	sub      submission
	verdicts []string
	cancel   bool
}

func kinds(i int) kind {
	all := []kind{
		{"counter", counter(12), []string{"completed 0"}, false},
		{"quick", python("print('quick')"), []string{"completed 0"}, false},
		{"fails", python("print('x'); raise SystemExit(3)"), []string{"failed script_error 3"}, false},
		{"times out", limited(python("import time; print('on', flush=True); time.sleep(60)"), limits{Timeout: 2}), []string{"timeout timeout 143 SIGTERM"}, false},
		{"too much memory", python("b = b'x' * (1 << 30)"), []string{"failed resource_limit memory 137 SIGKILL", "failed resource_limit memory 137", "failed script_error 1"}, false},
		{"is cancelled", counter(200), []string{"cancelled", "cancelled 143 SIGTERM", "cancelled 137 SIGKILL", "completed 0"}, true},
		{"prints much", python("for i in range(40000): print('line', i)"), []string{"completed 0"}, false},
	}
	return all[i%len(all)]
}

func limited(sub submission, l limits) submission {
	sub.Limits = &l
	return sub
}

// live has one run through its life: submitted until it is accepted, perhaps
// cancelled, and awaited, whatever answers or does not.
func (c *chaos) live(i int) {
	k := kinds(i)
	began := time.Now()
	id := c.surely(i, http.MethodPost, "/api/v1/executions", k.sub, http.StatusAccepted, "Idempotency-Key", c.word())
	if id == "" {
		return
	}
	c.note(id)
	if k.cancel {
		pause(c.ctx, time.Duration(i%5)*700*time.Millisecond)
		c.surely(i, http.MethodPost, "/api/v1/executions/"+id+"/cancel", nil, http.StatusAccepted)
	}
	for {
		var x execution
		a, err := c.tryAt(i, http.MethodGet, "/api/v1/executions/"+id, nil)
		if err == nil && a.status == http.StatusOK {
			c.into(a, http.StatusOK, &x)
		}
		if terminal[x.Status] {
			c.judge(k, x, time.Since(began))
			return
		}
		if pause(c.ctx, 500*time.Millisecond); c.ctx.Err() != nil {
			c.Errorf("%s: %s has not ended: %s", k.name, id, jsonOf(x))
			return
		}
	}
}

// judge wants a verdict of its kind. What was lost with its node may say so,
// once containerd or etcd was killed; a platform that was too long away to start
// a script may, too: what it did not clean up in time fills the node and the
// quota.
func (c *chaos) judge(k kind, x execution, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := x.verdict()
	c.verdicts[k.name+": "+v]++
	c.took = append(c.took, took)
	if slices.Contains(k.verdicts, v) || k.cancel && x.Status == "cancelled" {
		return
	}
	if reason := deref(x.Reason); c.fragile && x.Status == "error" && slices.Contains([]string{"node_lost", "internal", "unschedulable"}, reason) {
		return
	}
	c.Errorf("%s: %s: %s, want one of %q (%s)", k.name, x.ID, v, k.verdicts, deref(x.Message))
}

// surely repeats a request until it is answered as wanted, by whichever web
// process, and returns the id in the answer. A 409 says that it is too late for
// it, and is fine.
func (c *chaos) surely(i int, method, path string, body any, want int, header ...string) (id string) {
	for c.ctx.Err() == nil {
		a, err := c.tryAt(i, method, path, body, header...)
		switch {
		case err == nil && a.status == want:
			var x execution
			c.into(a, want, &x)
			return x.ID
		case err == nil && a.status == http.StatusConflict:
			return ""
		case err == nil && a.status < 500 && a.status != http.StatusTooManyRequests:
			c.Errorf("%s %s: %d %.300s", method, path, a.status, a.body)
			return ""
		}
		i++ // the other one
		pause(c.ctx, 300*time.Millisecond)
	}
	c.Errorf("%s %s: never answered", method, path)
	return ""
}

// tryAt is try, at the i-th web process.
func (c *chaos) tryAt(i int, method, path string, body any, header ...string) (answer, error) {
	at := &story{T: c.T, ctx: c.ctx, base: the.urls[i%len(the.urls)]}
	ctx, stop := context.WithTimeout(c.ctx, 15*time.Second)
	defer stop()
	return at.try(ctx, method, path, body, header...)
}

// kill kills something and has it back a moment later, again and again until
// there were kills enough.
func (c *chaos) kill(random *rand.Rand, something func(*rand.Rand, time.Duration)) {
	for c.left.Add(-1) >= 0 {
		if pause(c.ctx, time.Second+time.Duration(random.Int64N(int64(3*time.Second)))); c.ctx.Err() != nil {
			return
		}
		something(random, time.Duration(random.Int64N(int64(3*time.Second))))
	}
}

func (c *chaos) killRole(random *rand.Rand, away time.Duration) {
	p := the.all[random.IntN(len(the.all))]
	c.count(p.name)
	if err := p.end(syscall.SIGKILL, 10*time.Second); err != nil {
		c.Error(err)
	}
	pause(c.ctx, away)
	if err := p.start(); err != nil {
		c.Error(err)
	}
}

func (c *chaos) killPart(random *rand.Rand, away time.Duration) {
	parts := []string{"temporal", "kafka", "registry", "mongo", "apiserver", "kubelet", "containerd", "etcd"}
	part := parts[random.IntN(len(parts))]
	c.count(part)
	c.dev("kill", part)
	pause(c.ctx, away)
	c.dev("start", part)
	c.revive()
}

func (c *chaos) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed[what]++
	c.fragile = c.fragile || what == "containerd" || what == "etcd"
}

// report says what happened.
func (c *chaos) report(seed uint64, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.took)
	at := func(part float64) time.Duration { // of those that ended
		if len(c.took) == 0 {
			return 0
		}
		return c.took[int(part*float64(len(c.took)-1))].Round(100 * time.Millisecond)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d runs, %d kills, seed %d, %s; from submission to end p50 %s, p99 %s, at most %s\n", time.Now().UTC().Format(time.DateOnly),
		len(c.took), *chaosKills, seed, took.Round(time.Second), at(.5), at(.99), at(1))
	for _, what := range slices.Sorted(maps.Keys(c.killed)) {
		fmt.Fprintf(&b, "  killed %-12s %4d\n", what, c.killed[what])
	}
	for _, v := range slices.Sorted(maps.Keys(c.verdicts)) {
		fmt.Fprintf(&b, "  %4d  %s\n", c.verdicts[v], v)
	}
	c.Log("\n" + b.String())
	if *chaosOut == "" {
		return
	}
	f, err := os.OpenFile(*chaosOut, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		c.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.WriteString(b.String()); err != nil {
		c.Error(err)
	}
}
