package client

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The clock of synctest starts at midnight UTC 2000-01-01.
const runsJSON = `
	{"id":"019-run","status":"running","language":"python","version":"3.11","created_at":"1999-12-31T23:59:50Z","started_at":"1999-12-31T23:59:55.5Z","result":null}`
const olderJSON = `
	{"id":"018-failed","status":"failed","language":"node","version":"22","created_at":"1999-12-31T22:00:00Z","started_at":"1999-12-31T22:00:00Z","finished_at":"1999-12-31T22:00:00.031Z","result":{"exit_code":3}},
	{"id":"017-cancelled-in-the-queue","status":"cancelled","language":"bash","version":"5.3","created_at":"1999-12-01T00:00:00Z","finished_at":"1999-12-01T00:00:09Z","result":null}`

// shown is what the API answers to the commands of TestTables.
var shown = map[string]string{
	"/executions?limit=50":                               `{"items":[` + runsJSON + `,` + olderJSON + `],"next_cursor":null}`,
	"/executions?limit=200":                              `{"items":[` + runsJSON + `],"next_cursor":"c1"}`,
	"/executions?cursor=c1&limit=200":                    `{"items":[` + olderJSON + `],"next_cursor":null}`,
	"/executions?language=node&limit=2&status=completed": `{"items":[],"next_cursor":null}`,
	"/executions/x1/events": `{"items":[
			{"id":"x1/saga/execution_requested","type":"execution_requested","source":"saga","occurred_at":"2000-01-01T00:00:00.100Z"},
			{"id":"2","type":"execution_queued","source":"saga","occurred_at":"2000-01-01T00:00:00.104Z","queue":{"position":3,"eta_seconds":4}},
			{"id":"3","type":"pod_scheduled","source":"kube","occurred_at":"2000-01-01T00:00:01.6Z","pod":{"name":"run-x1","node":"node-a"}},
			{"id":"4","type":"execution_failed","source":"kube","occurred_at":"2000-01-01T00:01:02.7Z","outcome":{"status":"failed","error_type":"resource_limit","limit":"memory","exit_code":137,"signal":"SIGKILL"}}]}`,
	"/executions/x2": `{"id":"x2","status":"completed","error_type":null,"language":"go","version":"1.22","entry_point":"cmd/main.go","created_at":"2000-01-01T00:00:00Z","scheduled_for":"2000-01-01T00:00:09Z",
			"attempt":1,"parent_id":null,"retries":["x3","x4"],"interactive":true,"network":{"egress":[{"cidr":"192.0.2.0/24","ports":[443,80]},{"cidr":"fd00::/8"}]},"retry":{"max_attempts":3,"on_loss":true},
			"callback_url":"https://example.com/x","schedule_id":"s1","batch_id":"b1","batch_index":0,
			"result":{"exit_code":0,"compile_output_bytes":7,"compile_output_truncated":true,"compile_wall_time_seconds":1.5,"compile_cpu_time_seconds":2.25,"queue_seconds":0.25,"gib_seconds":0.06254,
				"artifacts":[{"path":"a.txt","bytes":2048,"sha256":"00","url":"/x"}],"artifacts_skipped":1,"judge":{"passed":false,"detail":"line 1"}}}`,
	"/executions/x3": `{"id":"x3","status":"queued","language":"go","version":"1.22","created_at":"2000-01-01T00:00:00Z","network":null,"retry":null,"retries":[],"batch_index":null,
			"queue":{"position":3,"eta_seconds":4.4},"waiting_reason":{"reason":"ImagePullBackOff","message":"no such image"},"result":null}`,
	"/executions/x1": `{"id":"x1","status":"failed","error_type":"script_error","language":"python","version":"3.11","priority":"normal","pool":"default","user_id":"ann",
			"created_at":"2000-01-01T00:00:00Z","started_at":"2000-01-01T00:00:01Z","finished_at":"2000-01-01T00:00:02Z","attempt":2,"parent_id":"x0","queue":null,"labels":{"course":"cs1"},
			"result":{"stdout":"a\u001b","stdout_bytes":12,"stderr_bytes":9,"stderr_truncated":true,"exit_code":139,"signal":"SIGSEGV","wall_time_seconds":0.031,"cpu_time_seconds":0.024,"peak_memory_bytes":9100000}}`,
}

const allRuns = `
ID                          STATUS     LANGUAGE     AGE  DURATION  EXIT
019-run                     running    python 3.11  10s  4.5s      -
018-failed                  failed     node 22      2h   31ms      3
017-cancelled-in-the-queue  cancelled  bash 5.3     31d  -         -
`

// tables are what TestTables shows.
var tables = []struct{ args, want string }{
	{"list", allRuns},
	{"list --all", allRuns},
	{"list --limit 2 --status completed --language node", "\nID  STATUS  LANGUAGE  AGE  DURATION  EXIT\n"},
	{"languages", `
ID      NAME     VERSIONS    SUFFIX  ALIASES
node    Node.js  22, 20      .js     js, javascript
python  Python   3.12, 3.11  .py     py, python3
`},
	{"events x1", `
TIME                      SINCE START  SOURCE  EVENT                DETAIL
2000-01-01T00:00:00.100Z  0s           saga    execution_requested  -
2000-01-01T00:00:00.104Z  4ms          saga    execution_queued     position 3
2000-01-01T00:00:01.600Z  1.5s         kube    pod_scheduled        run-x1, node-a
2000-01-01T00:01:02.700Z  1m3s         kube    execution_failed     resource_limit, memory, SIGKILL, exit code 137
`},
	{"get x1", `
id           x1
status       failed: script_error
language     python 3.11
user         ann
priority     normal
pool         default
label        course=cs1
attempt      2, of x0
created      2000-01-01T00:00:00.000Z
started      2000-01-01T00:00:01.000Z
finished     2000-01-01T00:00:02.000Z
exit code    139
signal       SIGSEGV
wall time    31ms
CPU time     24ms
peak memory  8.7 MiB
stdout       12 bytes
stderr       9 bytes, not all kept
`},
	{"get x2", `
id            x2
status        completed
language      go 1.22
entry point   cmd/main.go
retry         up to 3 attempts, also when the node is lost
retried as    x3
retried as    x4
schedule      s1
batch         b1, item 0
interactive   yes
egress        192.0.2.0/24:443,80
egress        fd00::/8
callback      https://example.com/x
created       2000-01-01T00:00:00.000Z
not before    2000-01-01T00:00:09.000Z
exit code     0
judge         failed: line 1
compile time  1.5s
compile CPU   2.25s
queue time    250ms
GiB-seconds   0.063
compile       7 bytes, not all kept
stdout        0 bytes
stderr        0 bytes
artifact      a.txt, 2 KiB
artifacts     1 more were not kept
`},
	{"get x3", `
id           x3
status       queued
language     go 1.22
queue        position 3, about 4 s
waiting for  ImagePullBackOff: no such image
created      2000-01-01T00:00:00.000Z
`},
}

func TestTables(t *testing.T) {
	for _, tt := range tables {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				code, stdout, stderr := doUnreal(t, &platform{answers: shown}, strings.Fields(tt.args)...)
				if diff := cmp.Diff(tt.want, "\n"+stdout); code != 0 || stderr != "" || diff != "" {
					t.Errorf("%d %q %s", code, stderr, diff)
				}
			})
		})
	}
}

func TestJSONIsAsTheAPIGivesIt(t *testing.T) {
	answers := map[string]string{
		"/executions?limit=1":            `{"items":[{"id":"b","n":12345678901234567890}],"next_cursor":"c"}`,
		"/executions?limit=200":          `{"items":[{"id":"b"}],"next_cursor":"c"}`,
		"/executions?cursor=c&limit=200": `{"items":[{"id":"a"}],"next_cursor":null}`,
		"/executions/x1":                 `{"id":"x1","new":true}`,
		"/executions/x1/events":          `{"items":[]}`,
	}
	for args, want := range map[string]string{
		"list --limit 1 --json": `{"items":[{"id":"b","n":12345678901234567890}],"next_cursor":"c"}`,
		"list --all --json":     `{"items":[{"id":"b"},{"id":"a"}],"next_cursor":null}`,
		"get x1 --json":         `{"id":"x1","new":true}`,
		"events --json x1":      `{"items":[]}`,
	} {
		code, stdout, stderr := do(t, &platform{answers: answers}, strings.Fields(args)...)
		if got := strings.NewReplacer("\n", "", " ", "").Replace(stdout); code != 0 || got != want {
			t.Errorf("%s: %d %q %q", args, code, stdout, stderr)
		}
	}
}

func TestLogsOfNow(t *testing.T) {
	p := &platform{answers: map[string]string{
		"/executions/x1/output?stream=compile": "a.c: warning\n", "/executions/x1/output?stream=stdout": "a\xffb", "/executions/x1/output?stream=stderr": "err",
	}}
	if code, stdout, stderr := do(t, p, "logs", "x1"); code != 0 || stdout != "a\xffb" || stderr != "a.c: warning\nerr" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if code, stdout, stderr := do(t, p, "logs", "../x2"); code != exitPlatform || stdout != "" || !strings.Contains(stderr, "404") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if last := p.asked[len(p.asked)-1]; last != "GET /executions/..%2Fx2/output?stream=compile" {
		t.Errorf("asked %s", last)
	}
}

func TestCancel(t *testing.T) {
	tests := []struct {
		name, args, final string
		refuse            []string
		code              int
		stderr            string
	}{
		{"asks and leaves", "cancel x1 --reason enough", "", nil, 0, ""},
		{"waits", "cancel --wait --reason enough x1", `{"id":"x1","status":"cancelled"}`, nil, 0, ""},
		{"too late to matter", "cancel --wait --reason enough x1", completed(3, 0), nil, 0, "codesaga: the run ended before it could be cancelled: completed\n"},
		{"too late", "cancel --reason enough x1", "", []string{"409"}, exitPlatform, "codesaga: Conflict: it is completed\n"},
		{"not there", "cancel --reason enough x1", "", []string{"404"}, exitPlatform, "codesaga: Conflict: it is completed\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &platform{frames: []string{out("1.1", "stdout", 0, "abc"), ended(tt.final)}, refuse: tt.refuse, problem: `{"title":"Conflict","detail":"it is completed"}`}
			code, stdout, stderr := do(t, p, strings.Fields(tt.args)...)
			if code != tt.code || stdout != "" || stderr != tt.stderr || p.bodies[0] != `{"reason":"enough"}` {
				t.Errorf("%d %q %q %q", code, stdout, stderr, p.bodies)
			}
		})
	}
}

func TestLanguageBySuffix(t *testing.T) {
	languages := []language{
		{ID: "python", Aliases: []string{"py", "py3"}, FileExtension: ".py"},
		{ID: "node", Aliases: []string{"js", "mjs", "r"}, FileExtension: ".js"},
		{ID: "r", FileExtension: ".R"},
		{ID: "go", FileExtension: ""},
	}
	for name, want := range map[string]string{
		"a.py": "python", "dir.js/a.PY": "python", "a.py3": "python", "a.mjs": "node", "A.MJS": "node", "a.b.js": "node",
		"a.r":  "r", // an extension before an alias
		"a.go": "go", "py": "", "a.": "", "a.txt": "", ".py": "python", "": "",
	} {
		if got, ok := bySuffix(languages, name); got != want || ok != (want != "") {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestQuantities(t *testing.T) {
	sizes := map[string]int64{"4096": 4096, "1k": 1000, "1Ki": 1024, "256Mi": 256 << 20, "1GiB": 1 << 30, "1G": 1e9, "7B": 7, "-1": -1}
	for s, want := range sizes {
		if got, ok := parseSize(s); !ok || got != want {
			t.Errorf("size %s = %d %t", s, got, ok)
		}
	}
	for s, want := range map[string]int64{"500m": 500, "1": 1000, "0.5": 500, "1.25": 1250, "0.1": 100} {
		if got, ok := parseCPU(s); !ok || got != want {
			t.Errorf("cpu %s = %d %t", s, got, ok)
		}
	}
	for s, want := range map[string]int64{"10": 10, "10s": 10, "1m30s": 90} {
		if got, ok := parseSeconds(s); !ok || got != want {
			t.Errorf("time %s = %d %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "Mi", "1.5Gi", "1Ti", "1iM", "0x10", "9999999999Gi"} {
		if got, ok := parseSize(s); ok {
			t.Errorf("size %q = %d", s, got)
		}
	}
	for d, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", 90 * time.Minute: "1h", 47 * time.Hour: "47h", 48 * time.Hour: "2d"} {
		if got := age(d); got != want {
			t.Errorf("age %s = %s", d, got)
		}
	}
}
