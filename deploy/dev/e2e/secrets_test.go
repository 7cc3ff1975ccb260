package e2e

import (
	"bytes"
	"net/http"
	"os"
	"testing"
	"time"
)

// I10, EX-29, DF-37.
func TestDF37WhatUsersWriteIsInNoLogAndNoEvent(t *testing.T) {
	s := beside(t, time.Minute)
	secrets := map[string]string{}
	for _, kind := range []string{"script", "arg", "stdin", "env", "file", "stdout", "stderr"} {
		secrets[kind] = s.word()
	}
	half := func(s string) string { return "'" + s[:13] + "' + '" + s[13:] + "'" }
	sub := python("import sys # " + secrets["script"] + "\nprint(" + half(secrets["stdout"]) + ")\nprint(" + half(secrets["stderr"]) + ", file=sys.stderr)\nsys.exit(2)")
	sub.Args, sub.Stdin = []string{secrets["arg"]}, secrets["stdin"]
	sub.Env = map[string]string{"SECRET": secrets["env"]}
	sub.Files = []file{{Path: "x", Content: secrets["file"]}}
	x := s.run(sub)
	if x.stdout() != secrets["stdout"]+"\n" || x.stderr() != secrets["stderr"]+"\n" {
		t.Errorf("stdout %q, stderr %q", x.stdout(), x.stderr())
	}
	sub.Limits = &limits{Timeout: 1_000_000}
	refused := s.do(http.MethodPost, "/api/v1/executions", sub) // refusals are logged as well
	s.refuse(refused, http.StatusUnprocessableEntity, "limits.timeout_seconds")
	s.gone(x.ID, 15*time.Second)
	events := s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/events", nil).body
	for kind, secret := range secrets {
		if bytes.Contains(events, []byte(secret)) {
			t.Errorf("the %s is in the timeline", kind)
		}
		if bytes.Contains(refused.body, []byte(secret)) {
			t.Errorf("the %s is in a problem", kind)
		}
		for _, p := range the.all {
			if text, err := os.ReadFile(p.log); err != nil || bytes.Contains(text, []byte(secret)) {
				t.Errorf("the %s is in the log of %s (%v)", kind, p.name, err)
			}
		}
	}
}
