package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

func noEnv(string) string { return "" }

func TestFlagsWinOverEnvironmentOverDefaults(t *testing.T) {
	env := map[string]string{"CODESAGA_MAX_CONCURRENT_EXECUTIONS": "2", "CODESAGA_MONGO_URI": "mongodb://env"}
	c, err := load([]string{"-max-concurrent-executions", "9"}, func(k string) string { return env[k] }, io.Discard)
	if err != nil || c.Concurrent != 9 || c.MongoURI != "mongodb://env" || c.Listen != "127.0.0.1:8080" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAllThatIsWrongIsReported(t *testing.T) {
	env := map[string]string{"CODESAGA_POOL_CPU_MILLIS": "many", "CODESAGA_START_TIMEOUT": "1ms"}
	_, err := load(nil, func(k string) string { return env[k] }, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "CODESAGA_POOL_CPU_MILLIS") || !strings.Contains(err.Error(), "start-timeout: ") {
		t.Errorf("err = %v", err)
	}
}

func TestSettingsOfThePlatformAreChecked(t *testing.T) {
	for setting, ok := range map[string]bool{
		"-egress-allowed=203.0.113.0/24:443,2001:db8::/32": true, "-egress-allowed=203.0.113.7/24": false,
		"-operators=ann, bob@example.com": true, "-operators=ann b": false,
		"-link-secret=0123456789abcdef0123456789abcdef": true, "-link-secret=short": false,
		"-max-streams-per-user=100": true, "-max-streams-per-user=0": true, "-max-streams-per-user=101": false, "-tls-cert-file=a": false,
		"-stream-heartbeat=5s": true, "-stream-heartbeat=61s": false, "-drain-notify=0s": true, "-drain-notify=6m": false, "-drain-streams=-1s": false, "-drain-close=0s": false,
		"-event-retention=168h": true, "-event-retention=167h": false, "-letters-warning=0": false, "-letters-critical=99": false, "-letters-age=59s": false, "-letters-url=https://example.com": false,
		"-trace-exporter=otlp-grpc": true, "-trace-exporter=paper": false, "-trace-endpoint=http://127.0.0.1:4318": true, "-trace-endpoint=127.0.0.1:4318": false,
		"-trace-sample-ratio=0.1": true, "-trace-sample-ratio=1.1": false, "-trace-url=https://traces/{trace_id}": true, "-trace-url=https://traces": false, "-trace-url={trace_id}": false,
		"-pools=default,gpu-1": true, "-pools=GPU": false, "-pools=,": false,
	} {
		if _, err := load([]string{setting}, noEnv, io.Discard); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), setting[1:strings.Index(setting, "=")]+": ") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// Without a proxy that knows who asks, everybody is local, and runs the place.
func TestWhoIsWho(t *testing.T) {
	a := &app{Config: Config{Operators: "op"}}
	user, operators := a.users()
	if name, err := user(&http.Request{}); name != "local" || err != nil || !slices.Equal(operators, []string{"op", "local"}) {
		t.Errorf("%s, %v, %v", name, err, operators)
	}
	a.UserHeader = "X-User"
	user, operators = a.users()
	if name, err := user(&http.Request{Header: http.Header{"X-User": {"ann"}}}); name != "ann" || err != nil || !slices.Equal(operators, []string{"op"}) {
		t.Errorf("%s, %v, %v", name, err, operators)
	}
	if name, err := user(&http.Request{}); err == nil {
		t.Errorf("nobody is %s", name)
	}
}

// Without a login, everybody who can connect can run scripts.
func TestListensOnLoopbackOnlyUnlessToldOtherwise(t *testing.T) {
	tests := []struct {
		args []string
		ok   bool
	}{
		{nil, true},
		{[]string{"-listen", "127.0.0.1:1"}, true},
		{[]string{"-listen", "localhost:1"}, true},
		{[]string{"-listen", "[::1]:1"}, true},
		{[]string{"-listen", ":1"}, false},
		{[]string{"-listen", "0.0.0.0:1"}, false},
		{[]string{"-listen", "192.0.2.1:1"}, false},
		{[]string{"-listen", "localhost.example.com:1"}, false},
		{[]string{"-listen", "0.0.0.0:1", "-insecure-listen"}, true},
		{[]string{"-listen", "nonsense"}, false},
	}
	for _, tt := range tests {
		if _, err := load(tt.args, noEnv, io.Discard); (err == nil) != tt.ok {
			t.Errorf("%v: %v", tt.args, err)
		}
	}
}

var update = flag.Bool("update", false, "write the reference of settings anew")

// The reference is what users read: each setting is in it, with its default.
func TestEachSettingIsInTheReference(t *testing.T) {
	const name = "../../deploy/env.reference"
	var want strings.Builder
	want.WriteString("# All settings of codesaga, with their defaults. A flag of the same name wins: -mongo-uri over CODESAGA_MONGO_URI.\n" +
		"# Written by \"go test ./cmd/codesaga -update\".\n")
	fs := flag.NewFlagSet("codesaga", flag.ContinueOnError)
	new(Config).settings(fs)
	fs.VisitAll(func(f *flag.Flag) { fmt.Fprintf(&want, "\n# %s\n%s=%s\n", f.Usage, variable(f.Name), f.DefValue) })
	if *update {
		if err := os.WriteFile(name, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want.String() {
		t.Errorf("%s is not what the settings are (%v); run the test with -update", name, err)
	}
}
