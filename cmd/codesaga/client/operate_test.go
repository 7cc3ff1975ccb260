package client

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

const queueJSON = `{"pools":[
	{"pool":"default","policy":{"max_executions":10,"cpu_millis":32000,"memory_bytes":68719476736,"reserve_percent":10,"overcommit":1.2,"paused":false,"paused_languages":["bash","go"],"weights":[{"user_id":"ann","weight":2},{"user_id":"bob","weight":3}]},
	 "budget":{"cpu_millis":36000,"memory_bytes":77309411328},"running":10,"waiting":120,"waiting_by_priority":{"normal":100,"low":20},"top_users":[{"user_id":"ann\u001b[2J","waiting":119,"running":5},{"user_id":"bob","waiting":1,"running":5}],
	 "cpu_millis_used":10500,"memory_bytes_used":1342177280,"oldest_wait_seconds":75,"mean_run_seconds":1.23456},
	{"pool":"gpu","policy":{"max_executions":2,"paused":true},"running":0,"waiting":0,"waiting_by_priority":{},"top_users":[],"cpu_millis_used":0,"memory_bytes_used":0,"oldest_wait_seconds":0,"mean_run_seconds":0}]}`

// told is what the API answers to the commands of TestWhatOperatorsSee.
var told = map[string]string{
	"/admin/queue": queueJSON,
	"/admin/letters?consumer_group=projector&limit=50&older_than_seconds=3600&status=parked&status=pending": `{"items":[
		{"id":"l1","status":"parked","origin":{"topic":"execution_events","partition":3,"offset":7,"consumer_group":"projector","timestamp":"2000-01-01T00:00:00Z"},"event_type":"pod_running","execution_id":"x1","error_class":"invalid","error":"no\n\u001b[2Jgood","round":2,"captured_at":"1999-12-31T23:00:00Z"}],"next_cursor":null}`,
	"/admin/letters/l1": `{"id":"l1","status":"scheduled","origin":{"topic":"execution_events","partition":3,"offset":7,"consumer_group":"projector","timestamp":"2000-01-01T00:00:00Z"},"event_id":"x1/kube/pod_running","event_type":"pod_running","execution_id":"x1",
		"error_class":"internal","error":"no","attempts":6,"round":1,"first_failure_at":"1999-12-31T23:00:00Z","next_retry_at":"2000-01-01T00:01:00Z","value_bytes":70,"decoded":{"type":"pod_running"},
		"headers":[{"key":"ce_id","value":"x1/kube/pod_running"}],"history":[{"at":"1999-12-31T23:00:00Z","what":"died","error_class":"internal","note":"no","round":0},{"at":"1999-12-31T23:01:00Z","what":"asked","by":"op","round":0}]}`,
	"/admin/letters/statistics": `{"statistics":{"by_status":{"parked":2,"retried":3},"by_topic":{"execution_events":2},"by_event_type":{},"by_consumer_group":{"projector":2},"by_error_class":{"invalid":2},"waiting":2,"oldest_at":"1999-12-31T23:00:00Z","redriven":4,"retried":3},"retry_success_rate":0.75,"topics":[]}`,
	"/admin/letters/policies":   `{"items":[{"id":"topic:execution_events","topic":"execution_events","strategy":"exponential_backoff","max_retries":5,"initial_delay_seconds":30,"max_delay_seconds":300,"multiplier":2,"updated_by":"op"},{"id":"rest","strategy":"scheduled","max_retries":1,"at":"03:30"}]}`,
	"/admin/consumers": `{"items":[{"name":"recorder","topic":"execution_output","members":2,"lag":7,"partitions":[{"partition":0,"committed_offset":3,"end_offset":10,"lag":7},{"partition":1,"committed_offset":null,"end_offset":0,"lag":0}],
		"paused":{"by":"op","reason":"a\u001b[2Jlook","at":"2000-01-01T00:00:00Z"}},{"name":"kube","topic":"execution_tasks","members":1,"lag":0,"partitions":[],"paused":null}]}`,
	"/executions/x1/saga": `{"execution_id":"x1","user_id":"ann","state":"failed","failed_step":"create_pod","error":"no\nanswer","started_at":"2000-01-01T00:00:00Z","closed_at":"2000-01-01T00:01:00Z",
		"steps":[{"name":"allocate","state":"undone","attempts":1,"started_at":"2000-01-01T00:00:00.010Z","ended_at":"2000-01-01T00:00:00.020Z","undone_at":"2000-01-01T00:00:59Z"},
			{"name":"create_pod","state":"failed","attempts":3,"started_at":"2000-01-01T00:00:01Z","ended_at":"2000-01-01T00:00:31Z","error":"no answer"}],
		"facts":[{"fact":"started","heard_at":"2000-01-01T00:00:02Z"}]}`,
	"/executions/x2/saga": `{"execution_id":"x2","user_id":"ann","state":"running","current_step":"await","started_at":"2000-01-01T00:00:00Z","closed_at":null,"steps":[],"facts":[]}`,
	"/sagas?limit=50":     `{"items":[{"execution_id":"x1","user_id":"ann","state":"failed","language":"go","pool":"default","priority":"normal","started_at":"1999-12-31T23:00:00Z","closed_at":"1999-12-31T23:00:10Z"}],"next_cursor":null}`,
	"/sagas?execution_id=x1&limit=5&state=running&user_id=ann": `{"items":[],"next_cursor":null}`,
	"/usage?from=1999-12-03T00%3A00%3A00Z&to=2000-01-02T00%3A00%3A00Z": `{"group_by":"day","items":[{"key":"1999-12-31","runs":3,"by_status":{"completed":2,"failed":1},"cpu_seconds":1.23456,"gib_seconds":0.5,"queue_seconds":10,"wall_seconds":7200}],
		"total":{"key":"total","runs":3,"by_status":{"completed":2,"failed":1},"cpu_seconds":1.23456,"gib_seconds":0.5,"queue_seconds":10,"wall_seconds":7200}}`,
	"/usage?all=true&from=1999-01-01T00%3A00%3A00Z&group_by=user&to=1999-01-31T12%3A00%3A00Z": "user,runs,error\r\n\"a,\"\"b\"\"\x1b\",1,1\r\n",
	"/executions?all=true&limit=50&pool=gpu&priority=high":                                    `{"items":[` + runsJSON + `],"next_cursor":null}`,
	"/executions?batch_id=b&label=a%3Db&limit=50&parent_id=p&schedule_id=s&user_id=ann":       `{"items":[],"next_cursor":null}`,
}

// seen is what they show.
var seen = []struct{ args, want string }{
	{"queue", `
POOL     RUNNING   WAITING  OLDEST  MEAN RUN  CPU         MEMORY             PAUSED
default  10 of 10  120      1m15s   1.23s     10.5 of 36  1.3 GiB of 72 GiB  bash, go
gpu      0 of 2    0        -       -         0           0 bytes            all

POOL     CRITICAL  HIGH  NORMAL  LOW  BACKGROUND
default  0         0     100     20   0

POOL     USER     WAITING  RUNNING
default  ann [2J  119      5
default  bob      1        5
`},
	{"letters list --status parked --status pending --group projector --older 1h", `
ID  STATUS  TOPIC             GROUP      TYPE         CLASS    RUN  RETRIES  AGE  NEXT  ERROR
l1  parked  execution_events  projector  pod_running  invalid  x1   2        1h   -     no  [2Jgood
`},
	{"letters show l1", `
id              l1
status          scheduled
from            execution_events, partition 3, offset 7
consumer group  projector
event           x1/kube/pod_running
type            pod_running
run             x1
error           internal: no
attempts        6
first failure   1999-12-31T23:00:00.000Z
next retry      2000-01-01T00:01:00.000Z
value           70 bytes
says            {"type":"pod_running"}

AT                        WHAT   RETRY  BY  CLASS     NOTE
1999-12-31T23:00:00.000Z  died   0      -   internal  no
1999-12-31T23:01:00.000Z  asked  0      op  -         -

HEADER  VALUE
ce_id   x1/kube/pod_running
`},
	{"letters stats", `
waiting              2
oldest               1h
retries that helped  75 %

STATUS   LETTERS
parked   2
retried  3

TOPIC             LETTERS
execution_events  2

GROUP      LETTERS
projector  2

CLASS    LETTERS
invalid  2
`},
	{"letters policies", `
POLICY                  STRATEGY             RETRIES  DELAY            SET BY
topic:execution_events  exponential_backoff  5        30s to 5m0s, ×2  op
rest                    scheduled            1        03:30 UTC        -
`},
	{"consumers list", `
GROUP     TOPIC             MEMBERS  LAG  PAUSED BY  SINCE                 REASON
recorder  execution_output  2        7    op         2000-01-01T00:00:00Z  a [2Jlook
kube      execution_tasks   1        0    -          -                     -
`},
	{"consumers list --partitions", `
GROUP     TOPIC             MEMBERS  LAG  PAUSED BY  SINCE                 REASON
recorder  execution_output  2        7    op         2000-01-01T00:00:00Z  a [2Jlook
kube      execution_tasks   1        0    -          -                     -

GROUP     PARTITION  COMMITTED  END  LAG
recorder  0          3          10   7
recorder  1          -          0    0
`},
	{"saga x1", `
execution    x1
user         ann
state        failed
failed step  create_pod
error        no answer
started      2000-01-01T00:00:00.000Z
closed       2000-01-01T00:01:00.000Z

STEP        STATE   ATTEMPTS  SINCE START  TOOK  UNDONE  ERROR
allocate    undone  1         10ms         10ms  59s     -
create_pod  failed  3         1s           30s   -       no answer

FACT     SINCE START
started  2s
`},
	{"saga x2", `
execution     x2
user          ann
state         running
current step  await
started       2000-01-01T00:00:00.000Z
`},
	{"sagas", `
EXECUTION  STATE   LANGUAGE  POOL     PRIORITY  USER  AGE  TOOK
x1         failed  go        default  normal    ann   1h   10s
`},
	{"sagas --state running --limit 5 --execution x1 --user ann", `
EXECUTION  STATE  LANGUAGE  POOL  PRIORITY  USER  AGE  TOOK
`},
	{"usage", `
DAY         RUNS  COMPLETED  FAILED  CPU SECONDS  GIB SECONDS  QUEUE SECONDS  WALL SECONDS
1999-12-31  3     2          1       1.235        0.5          10             7200
total       3     2          1       1.235        0.5          10             7200
`},
	{"usage --from 1999-01-01 --to 1999-01-31T13:00:00+01:00 --group-by user --all-users --csv", `
user,runs,error
"a,""b"" ",1,1
`},
	{"list --all-users --pool gpu --priority high", `
ID       STATUS   LANGUAGE     AGE  DURATION  EXIT  USER  POOL
019-run  running  python 3.11  10s  4.5s      -     -     -
`},
	{"list --batch b --parent p --schedule s --user ann --label a=b", "\nID  STATUS  LANGUAGE  AGE  DURATION  EXIT\n"},
}

func TestWhatOperatorsSee(t *testing.T) {
	for _, tt := range seen {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				code, stdout, stderr := doUnreal(t, &platform{answers: told}, strings.Fields(tt.args)...)
				if diff := cmp.Diff(tt.want, "\n"+stdout); code != 0 || stderr != "" || diff != "" {
					t.Errorf("%d %q %s\n%s", code, stderr, diff, stdout)
				}
				if strings.Contains(stdout, "\x1b") {
					t.Errorf("controls the terminal: %q", stdout)
				}
			})
		})
	}
}

func TestWhatOperatorsDo(t *testing.T) {
	const conflict = `{"title":"Conflict","detail":"execution x1 does not wait for capacity: running"}`
	tests := []struct {
		args, asked, body string
		refuse            []string
		code              int
	}{
		{"queue pause", "POST /admin/queue/pause", `{}`, nil, 0},
		{"queue resume --language go", "POST /admin/queue/resume", `{"language":"go"}`, nil, 0},
		{"queue pause gpu", "POST /admin/pools/gpu/pause", `{}`, []string{"503"}, 0},
		{"queue resume ../x --language go", "POST /admin/pools/..%2Fx/resume", `{"language":"go"}`, nil, 0},
		{"queue set default --max-executions 20 --cpu 1.5 --memory 0 --max-running-per-user 5 --max-queued-per-user 0 --max-queued 1000 --max-queue-time 10m --ageing 0s", "PATCH /admin/pools/default",
			`{"ageing_seconds":0,"cpu_millis":1500,"max_executions":20,"max_queue_seconds":600,"max_queued":1000,"max_queued_per_user":0,"max_running_per_user":5,"memory_bytes":0}`, nil, 0},
		{"queue set default --reserve 5 --overcommit 1.5", "PATCH /admin/pools/default", `{"overcommit":1.5,"reserve_percent":5}`, nil, 0},
		{"queue set default --weight bob=1 --weight cat=0.5", "PATCH /admin/pools/default", `{"weights":[{"user_id":"ann","weight":2},{"user_id":"cat","weight":0.5}]}`, nil, 0},
		{"queue move x1 high", "PUT /admin/executions/x1/priority", `{"priority":"high"}`, nil, 0},
		{"queue move x1 low", "PUT /admin/executions/x1/priority", `{"priority":"low"}`, []string{"409"}, exitPlatform},
		{"queue drop x1", "POST /admin/executions/x1/drop", `{}`, nil, 0},
		{"queue drop x1 --reason enough", "POST /admin/executions/x1/drop", `{"reason":"enough"}`, []string{"409"}, exitPlatform},
		{"letters discard l1 --reason rubbish", "POST /admin/letters/l1/discard", `{"reason":"rubbish"}`, nil, 0},
		{"letters archive ../x --reason y", "POST /admin/letters/..%2Fx/archive", `{"reason":"y"}`, []string{"404"}, exitPlatform},
		{"letters restore l1 --reason z", "POST /admin/letters/l1/restore", `{"reason":"z"}`, []string{"409"}, exitPlatform},
		{"letters set-policy manual --topic execution_events --max-retries 0", "PUT /admin/letters/policies", `{"id":"","topic":"execution_events","strategy":"manual","max_retries":0,"initial_delay_seconds":30,"max_delay_seconds":300,"multiplier":2}`, nil, 0},
		{"letters unset-policy topic:execution_events", "DELETE /admin/letters/policies/topic:execution_events", ``, nil, 0},
		{"consumers resume recorder", "POST /admin/consumers/recorder/resume", ``, nil, 0},
		{"consumers resume ../x", "POST /admin/consumers/..%2Fx/resume", ``, []string{"404"}, exitPlatform},
		{"saga retry-step x1", "POST /sagas/x1/retry-step", ``, nil, 0},
		{"saga retry-step x1", "POST /sagas/x1/retry-step", ``, []string{"403"}, exitPlatform},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{refuse: tt.refuse, problem: conflict, answers: map[string]string{tt.asked: `{}`, "/admin/queue": queueJSON}}
				code, stdout, stderr := doUnreal(t, p, strings.Fields(tt.args)...)
				last, _, _ := strings.Cut(p.asked[len(p.asked)-1], " 0")
				if code != tt.code || stdout != "" || (code == 0) != (stderr == "") || last != tt.asked {
					t.Errorf("%d %q %q after %q", code, stdout, stderr, p.asked)
				}
				if diff := cmp.Diff(tt.body, p.bodies[len(p.bodies)-1]); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// Who pauses a group is told what waits now.
func TestPausingAConsumerGroupSaysWhatThatMeans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{answers: map[string]string{"POST /admin/consumers/recorder/pause": `{"name":"recorder","purpose":"Stores\noutput.","paused":{}}`}}
		code, stdout, stderr := doUnreal(t, p, "consumers", "pause", "recorder", "--reason", "a look")
		if code != 0 || stdout != "Stores output.\n" || stderr != "" || p.bodies[0] != `{"reason":"a look"}` {
			t.Errorf("%d %q %q %q", code, stdout, stderr, p.bodies)
		}
	})
}

func TestOperatorsWhoAreWrong(t *testing.T) {
	tests := []struct{ args, want string }{
		{"queue fly", "usage: codesaga queue"},
		{"queue pause a b", "usage: codesaga queue pause"},
		{"queue set default", "nothing to change"},
		{"queue set --cpu 1", "usage: codesaga queue set"},
		{"queue set default --cpu -1", "must be cores"},
		{"queue set default --max-executions many", "a whole number"},
		{"queue set default --weight ann", "USER=W"},
		{"queue set default --weight ann=nan", "USER=W"},
		{"queue set default --weight ann=2x", "USER=W"},
		{"queue set other --weight ann=2", "there is no pool other"},
		{"queue move x1", "usage: codesaga queue move"},
		{"queue move x1 urgent", "none of critical"},
		{"queue drop", "usage: codesaga queue drop"},
		{"consumers", "which of its commands"},
		{"letters retry", "which letters"},
		{"letters retry l1 --all", "not both"},
		{"letters retry --older soon", "such as 1h30m"},
		{"letters discard l1", "--reason is needed"},
		{"consumers pause recorder", "--reason is needed"},
		{"batch", "which of its commands"},
		{"batch fly", "which of its commands"},
		{"usage --csv --json", "exclude each other"},
		{"usage --from yesterday", "must be a day"},
		{"batch list --limit 0", "--limit"},
		{"sagas --limit 0", "--limit"},
		{"artifacts --force x1", "--force needs"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			p := &platform{answers: map[string]string{"/admin/queue": queueJSON}}
			code, stdout, stderr := do(t, p, strings.Fields(tt.args)...)
			if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) || len(p.bodies) > 0 {
				t.Errorf("%d %q %q, want 2 and %q", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestNothingOfAServerControlsTheTerminal(t *testing.T) {
	const evil = `\u001b]0;x\u0007\u009b2J\u202e\u2028\r\n`
	raw := "{\"id\":\"x1\",\"status\":\"completed\",\"language\":\"py\u009b2J\u007f\",\"message\":\"" + evil + "\",\"labels\":{\"" + evil + "\":\"" + evil + "\"}}"
	answers := map[string]string{
		"/executions/x1": raw, "/executions?limit=50": `{"items":[` + raw + `]}`,
		"POST /executions/x1/retry": `{"id":"` + evil + `","status":"queued"}`,
		"/executions/x1/artifacts":  `{"items":[{"path":"` + evil + `","bytes":1,"sha256":"` + evil + `"}]}`,
		"/executions/x1/saga":       `{"state":"` + evil + `","steps":[{"name":"` + evil + `"}]}`,
		"/usage?from=2026-01-01T00%3A00%3A00Z&to=2026-02-01T00%3A00%3A00Z": `{"group_by":"` + evil + `","items":[{"key":"` + evil + `","by_status":{"` + evil + `":1}}]}`,
		"/admin/queue": `{"pools":[{"pool":"` + evil + `","policy":{"paused_languages":["` + evil + `"]},"top_users":[{"user_id":"` + evil + `"}]}]}`,
	}
	for _, args := range []string{"get x1", "get --json x1", "list", "list --json", "retry x1", "retry --json x1", "artifacts x1", "artifacts --json x1", "artifacts --download D x1", "saga x1", "usage --from 2026-01-01 --to 2026-02-01", "usage --from 2026-01-01 --to 2026-02-01 --csv", "queue", "events x1"} {
		code, stdout, stderr := do(t, &platform{answers: answers, problem: `{"title":"` + evil + `"}`}, strings.Fields(strings.ReplaceAll(args, "D", t.TempDir()))...)
		if all := strings.ReplaceAll(stdout+stderr, "\n", ""); strings.ContainsFunc(all, moves) || code == exitUsage {
			t.Errorf("%s: %d %q", args, code, all)
		}
	}
}
