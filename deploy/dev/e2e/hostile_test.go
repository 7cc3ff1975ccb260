package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile is a script of testdata/hostile.
func hostile(t *testing.T, name string) submission {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "hostile", name))
	if err != nil {
		t.Fatal(err)
	}
	return python(string(text))
}

// KU-01, KU-03.
func TestFromInsideThereIsNothingToTake(t *testing.T) {
	s := beside(t, time.Minute)
	sub := hostile(t, "look.py")
	api, err := url.Parse(the.cluster.host)
	if err != nil {
		t.Fatal(err)
	}
	kafka, _, _ := strings.Cut(the.kafka, ",")
	sub.Args = []string{"1.1.1.1:53", "169.254.169.254:80", "10.96.0.1:443", api.Host, kafka}
	x := s.run(sub)
	if x.verdict() != "completed 0" {
		t.Fatalf("%s %s", x.verdict(), x.stderr())
	}
	var saw struct {
		IDs, Groups        []int
		Status             map[string]string
		Tokens, Kubernetes []string
		Writes, Own        map[string]string
		Network            map[string][2]any
		DNS                [2]any
		Powers             map[string]string
	}
	if err := json.Unmarshal([]byte(x.stdout()), &saw); err != nil {
		t.Fatalf("%v: %s", err, x.stdout())
	}
	for _, id := range saw.IDs {
		if id != 65534 {
			t.Errorf("uid, euid, gid, egid: %v, want 65534", saw.IDs)
		}
	}
	if slices.Contains(saw.Groups, 0) {
		t.Errorf("groups: %v", saw.Groups)
	}
	for name, value := range saw.Status {
		want := map[string]string{"NoNewPrivs": "1", "Seccomp": "2"}[name]
		if want == "" {
			want = strings.Repeat("0", 16) // no capability of any kind
		}
		if value != want {
			t.Errorf("%s is %s, want %s", name, value, want)
		}
	}
	if len(saw.Tokens) > 0 || len(saw.Kubernetes) > 0 {
		t.Errorf("files: %v, environment: %v", saw.Tokens, saw.Kubernetes)
	}
	refused(t, "write", saw.Writes)
	refused(t, "power", saw.Powers)
	for path, how := range saw.Own {
		if how != "worked" {
			t.Errorf("its own %s: %s", path, how)
		}
	}
	saw.Network["DNS"] = saw.DNS
	for address, how := range saw.Network {
		if seconds, _ := how[1].(float64); how[0] == "worked" || seconds > 2 {
			t.Errorf("network, %s: %v, want a refusal at once", address, how)
		}
	}
}

func refused(t *testing.T, what string, attempts map[string]string) {
	t.Helper()
	for name, how := range attempts {
		if how == "worked" {
			t.Errorf("%s: %s worked", what, name)
		}
	}
}

// KU-10, EX-11, DF-35.
func TestDF35ForgedFramesAreText(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(hostile(t, "forge.py"))
	const forged = "\no 1 0 6 forged\n\nf 0 0 "
	out, err := s.output(x.ID, "stdout"), s.output(x.ID, "stderr")
	if x.verdict() != "failed script_error 9" || x.Result.cpu() < 0 || x.Result.cpu() > 60 || x.Result.wall() > 60 {
		t.Errorf("%s %s", x.verdict(), jsonOf(x.Result))
	}
	said, opened, ok := strings.Cut(err, "opened ")
	if !ok || out != said || !strings.HasPrefix(out, forged) || strings.Count(out, "forged") != 4 {
		t.Errorf("stdout %q, stderr %q", out, err)
	}
	if t.Log("opened:", opened); int64(len(out)) != x.Result.StdoutBytes || int64(len(err)) != x.Result.StderrBytes {
		t.Errorf("%d and %d bytes are counted, %d and %d stored", x.Result.StdoutBytes, x.Result.StderrBytes, len(out), len(err))
	}
	s.checkEnd(s.follow(s.base, x.ID), x)
}

// KU-10.
func TestNoSignalHurtsTheRunner(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(hostile(t, "signals.py"))
	if x.verdict() != "completed 0" || x.stdout() != "sent\nPID 1 is still there\n" {
		t.Errorf("%s %q", x.verdict(), x.stdout())
	}
}

// KU-10: SIGTERM means stop, whoever sends it. Nobody cancelled, so this is
// the script's own doing.
func TestAScriptThatStopsTheRunnerEndsOnlyItself(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(python("import os, time\nprint('before', flush=True)\nos.kill(1, 15)\ntime.sleep(25)"))
	if x.verdict() != "failed script_error 143 SIGTERM" || x.stdout() != "before\n" || x.Result.wall() > 5 {
		t.Errorf("%s %s", x.verdict(), jsonOf(x.Result))
	}
}

// EX-11, EX-15: what detaches itself is not waited for.
func TestADaemonEndsWithItsScript(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(hostile(t, "daemon.py"))
	if x.verdict() != "completed 0" || x.stdout() != "parent\n" || x.Result.wall() > 3 {
		t.Errorf("%s %s", x.verdict(), jsonOf(x.Result))
	}
}
