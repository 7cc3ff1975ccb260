package client

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestBatchesAndSchedules(t *testing.T) {
	answers := map[string]string{
		"/batches/b1": `{"id":"b1","status":"cancelled","user_id":"ann","total":5,"rejected":1,"by_status":{"completed":3,"cancelled":2},"passed":2,"failed":3,"max_parallel":4,"stop_on_failure":true,
			"cancelled_by":"ann","reason":"enough","created_at":"1999-12-31T23:00:00Z","finished_at":"1999-12-31T23:01:00Z","summary":{"wall_seconds":7.5,"cpu_seconds":3,"gib_seconds":0.25,"queue_seconds":1}}`,
		"/batches?all=true&limit=100":              `{"items":[{"id":"b1","status":"running","total":5,"passed":2,"failed":1,"created_at":"1999-12-31T23:00:00Z","finished_at":null}],"next_cursor":"c"}`,
		"/batches?all=true&cursor=c&limit=100":     `{"items":[{"id":"b0","status":"completed","total":1,"passed":1,"failed":0,"created_at":"1999-12-30T00:00:00Z","finished_at":"1999-12-30T00:00:03Z"}],"next_cursor":null}`,
		"/batches/b1/items?limit=5&status=running": itemsJSON(runningItem),
		"/schedules?":                            `{"items":[` + scheduleJSON("s1", `"cron":"30 6 * * 1-5","every_seconds":null,"paused":false`) + `,` + scheduleJSON("s2", `"cron":null,"every_seconds":5400,"paused":true`) + `],"next_cursor":null}`,
		"/schedules/s1":                          scheduleJSON("s1", `"cron":"30 6 * * 1-5","every_seconds":null,"paused":true`),
		"/executions/x1/callback":                `{"url":"https://example.com/x","state":"delivered","items":[{"number":1,"delivery":1,"at":"2000-01-01T00:00:00Z","seconds":10,"status_code":null,"failure":"timeout"},{"number":2,"delivery":1,"at":"2000-01-01T00:00:15Z","seconds":0.2,"status_code":204,"failure":""}]}`,
		"/executions/x2/callback":                `{"url":null,"state":null,"items":[]}`,
		"POST /schedules/s1/pause":               `{}`,
		"POST /schedules/s1/resume":              `{}`,
		"POST /schedules/s1/trigger":             `{}`,
		"DELETE /schedules/s1":                   ``,
		"POST /executions/x1/callback/redeliver": `{"delivery":2}`,
		"POST /batches/b1/cancel":                `{}`,
		"POST /schedules":                        scheduleJSON("s1", `"cron":"@daily"`),
	}
	for _, tt := range listed {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{answers: answers}
				code, stdout, stderr := doUnreal(t, p, strings.Fields(tt.args)...)
				if diff := cmp.Diff(tt.want, "\n"+stdout); code != 0 || stderr != "" || diff != "" {
					t.Errorf("%d %q %s\n%s", code, stderr, diff, stdout)
				}
			})
		})
	}
}

func scheduleJSON(id, times string) string {
	return fmt.Sprintf(`{"id":%q,"name":"report","user_id":"ann",%s,"time_zone":"Europe/Vienna","overlap":"skip","catch_up_seconds":3600,"created_at":"1999-12-31T00:00:00Z",
		"next_runs":["2000-01-03T05:30:00Z"],"recent_runs":[{"execution_id":"x1","scheduled_for":"1999-12-31T05:30:00Z","started_at":"1999-12-31T05:30:01Z"}],"submission":{"language":"python","version":"3.11"}}`, id, times)
}

// listed is what the commands of TestBatchesAndSchedules show.
var listed = []struct{ args, want string }{
	{"batch get b1", `
id            b1
status        cancelled
user          ann
items         5: 2 cancelled, 3 completed
refused       1
passed        2
failed        3
at once       4
stops         on failure
cancelled by  ann: enough
created       1999-12-31T23:00:00.000Z
finished      1999-12-31T23:01:00.000Z
wall time     7.5s
CPU time      3s
queue time    1s
GiB-seconds   0.25
`},
	{"batch list --all --all-users", `
ID  STATUS     ITEMS  PASSED  FAILED  AGE  TOOK
b1  running    5      2       1       1h   -
b0  completed  1      1       0       2d   3s
`},
	{"batch items b1 --status running --limit 5", `
ITEM  VERDICT  STATUS   EXIT  TIME  MEMORY  DETAIL  ID
3     -        running  -     -     -       -       x3
`},
	{"batch cancel b1 --reason enough", "\n"},
	{"schedule list", `
ID  NAME    TIMES                       OVERLAP  NEXT
s1  report  30 6 * * 1-5 Europe/Vienna  skip     2000-01-03T05:30:00.000Z
s2  report  every 1h30m0s               skip     paused
`},
	{"schedule get s1", `
id        s1
name      report
user      ann
times     30 6 * * 1-5 Europe/Vienna
overlap   skip
catch up  1h0m0s
language  python 3.11
paused    yes
created   1999-12-31T00:00:00.000Z
next run  2000-01-03T05:30:00.000Z
run       1999-12-31T05:30:00.000Z x1
`},
	{"schedule pause s1", "\n"}, {"schedule resume s1", "\n"}, {"schedule trigger s1", "\n"}, {"schedule delete s1", "\n"},
	{"callback x1", `
url    https://example.com/x
state  delivered

ATTEMPT  DELIVERY  TIME                      TOOK   STATUS  RESULT
1        1         2000-01-01T00:00:00.000Z  10s    -       timeout
2        1         2000-01-01T00:00:15.000Z  200ms  204     delivered
`},
	{"callback x2", "\nstate  none\n"},
	{"callback redeliver x1", "\n"},
}

func TestScheduleCreate(t *testing.T) {
	py := scriptFile(t, "a.py", "1")
	const submission = `"submission":{"language":"python","script":"1"`
	tests := []struct{ args, body, stderr string }{
		{"--cron @daily report FILE", `{"name":"report","cron":"@daily",` + submission + `}}`, ""},
		{"report FILE --every 1h --overlap cancel_previous --time-zone Europe/Vienna --catch-up 10m --timeout 5s --label a=b -- x --y",
			`{"name":"report","every_seconds":3600,"time_zone":"Europe/Vienna","overlap":"cancel_previous","catch_up_seconds":600,` + submission + `,"args":["x","--y"],"limits":{"timeout_seconds":5},"labels":{"a":"b"}}}`, ""},
		{"report FILE", "", "usage: codesaga schedule create"},
		{"--cron @daily --every 1h report FILE", "", "usage: codesaga schedule create"},
		{"--cron @daily", "", "usage: codesaga schedule create"},
		{"--cron @daily report", "", "which script"},
		{"--cron @daily report FILE x", "", "usage: codesaga schedule create"},
		{"--every 1.5s report FILE", "", "whole seconds"},
		{"--at 5m --every 1h report FILE", "", "flag provided but not defined"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			p := &platform{answers: map[string]string{"POST /schedules": scheduleJSON("s1", `"cron":"@daily"`)}}
			code, stdout, stderr := doUnreal(t, p, append([]string{"schedule", "create"}, strings.Fields(strings.ReplaceAll(tt.args, "FILE", py))...)...)
			if good := tt.stderr == ""; good != (code == 0) || good != (stdout == "s1\n") || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
			if diff := cmp.Diff(tt.body, strings.Join(p.bodies, "")); diff != "" {
				t.Error(diff)
			}
			if tt.body != "" && !json.Valid([]byte(p.bodies[0])) {
				t.Error("no JSON")
			}
		})
	}
}
