package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"
)

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// EX-15, EX-18, DF-07.
func TestDF07ATimeoutKeepsWhatWasPrintedAndUsed(t *testing.T) {
	s := begin(t, time.Minute)
	sub := python(`
import sys, time
print("before", flush=True)
print("warned", file=sys.stderr, flush=True)
while time.process_time() < 0.5:
    pass
time.sleep(60)
`)
	sub.Limits = &limits{Timeout: 2}
	x := s.run(sub)
	r := x.Result
	if x.Status != "timeout" || x.ErrorType == nil || *x.ErrorType != "timeout" || x.stdout() != "before\n" || x.stderr() != "warned\n" {
		t.Errorf("%s, stdout %q, stderr %q", x.verdict(), x.stdout(), x.stderr())
	}
	if r.cpu() < 0.5 || r.wall() < 2 || r.wall() > 5 || r.PeakMemory == nil || *r.PeakMemory < 1e6 {
		t.Errorf("usage: %s", jsonOf(r))
	}
}

// EX-15, DF-08.
func TestDF08AScriptThatIgnoresSIGTERMIsDeadSoonAfterItsLimit(t *testing.T) {
	s := begin(t, time.Minute)
	sub := python(`
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, b"deaf\n")
while True:
    time.sleep(1)
`)
	sub.Limits = &limits{Timeout: 3}
	x := s.run(sub)
	if r := x.Result; x.Status != "timeout" || r.wall() < 3 || r.wall() > 6 || x.stdout() != "deaf\ndeaf\n" {
		t.Errorf("%s %s", x.verdict(), jsonOf(r))
	}
	if x.StartedAt == nil || x.FinishedAt.Sub(*x.StartedAt) > 6*time.Second {
		t.Errorf("started at %v, finished at %v", x.StartedAt, x.FinishedAt)
	}
}

// EX-16, DF-10.
func TestDF10MemoryThatRunsOutIsALimitWhoeverDies(t *testing.T) {
	group(t)
	const eat = `
def eat():
    held = []
    while True:
        held.append(b"x" * (8 << 20))
`
	for name, script := range map[string]string{
		"the main process": eat + `
print("before", flush=True)
eat()
`,
		"a child only": eat + `
import os
print("before", flush=True)
if os.fork() == 0:
    eat()
os.wait()
`,
	} {
		t.Run(name, func(t *testing.T) {
			s := beside(t, time.Minute)
			sub := python(script)
			sub.Limits = &limits{Memory: 64 << 20}
			x := s.run(sub)
			if r := x.Result; x.verdict() != "failed resource_limit memory 137" && x.verdict() != "failed resource_limit memory 137 SIGKILL" || !r.OOMKilled || x.stdout() != "before\n" {
				t.Errorf("%s %s", x.verdict(), jsonOf(r))
			}
		})
	}
}

// EX-17: and its neighbour does not feel it.
func TestAForkBombIsContained(t *testing.T) {
	s := beside(t, time.Minute)
	bomb := s.submit(python(`
import os
print("before", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
`))
	neighbour := s.submit(python(`
import subprocess, time
for i in range(10):
    subprocess.run(["/bin/true"], check=True)
    time.sleep(0.2)
print("unharmed")
`))
	if x := s.ended(neighbour.ID); x.verdict() != "completed 0" || x.stdout() != "unharmed\n" {
		t.Errorf("the neighbour: %s %s", x.verdict(), x.stderr())
	}
	x := s.ended(bomb.ID)
	if x.Status != "failed" || x.ErrorType == nil || *x.ErrorType != "resource_limit" || x.Limit == nil || *x.Limit != "processes" {
		t.Errorf("the bomb: %s %s", x.verdict(), jsonOf(x.Result))
	}
}

// EX-15: the clock is the script's: what comes before its start is not counted.
func TestAScriptThatIsDoneInTimeIsNotTimedOut(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python("import time; time.sleep(1.2); print('done')")
	sub.Limits = &limits{Timeout: 2}
	for _, x := range s.runs(sub, sub, sub) {
		if x.verdict() != "completed 0" || x.stdout() != "done\n" {
			t.Errorf("%s", jsonOf(x))
		}
	}
}
