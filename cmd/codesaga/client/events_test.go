package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

const eventJSON = `{"id":"x1/kube/pod_created","type":"pod_created","execution_id":"x1","user_id":"ann","source":"kube","occurred_at":"2000-01-01T00:00:01.5Z","pod":{"name":"exec-x1","node":"n\u001b1"},"partition":3,"offset":7,"recorded_at":"2000-01-01T00:00:01.6Z"}`

var eventAnswers = map[string]string{
	"/events?limit=50": `{"items":[` + eventJSON + `],"next_cursor":null}`,
	"/admin/events?event_type=pod_created&event_type=pod_running&exclude_event_type=saga_started&execution_id=x1&from=1999-12-31T00%3A00%3A00Z&limit=3&order=oldest&service=kube&text=a+b": `{"items":[],"next_cursor":null}`,
	"/admin/events/detail?id=x1%2Fkube%2Fpod_created":     `{"event":` + eventJSON + `,"related":[],"before":[` + eventJSON + `],"after":[]}`,
	"/admin/events/archive?limit=50&user_id=ann":          `{"items":[{"id":"x1/a","deleted_at":"2000-01-01T00:00:00Z","deleted_by":"op","deletion_reason":"a name"}],"next_cursor":null}`,
	"/admin/events/stats?hours=3":                         `{"from":"1999-12-31T22:00:00Z","to":"2000-01-01T01:00:00Z","total":9,"by_type":{"pod_created":5,"execution_error":4},"by_service":{"kube":9},"top_users":[{"user_id":"ann","events":9}],"endings":4,"errors":1,"error_rate":0.25,"durations":{"executions":2,"queue":{"count":2,"mean":0.5,"p50":0.4,"p95":0.6},"start":{"count":2,"mean":1,"p50":1,"p95":1},"run":{"count":1,"mean":2,"p50":2,"p95":2}}}`,
	"/statistics":                                         `{"by":"language","items":[{"key":"go","runs":4,"success_rate":0.75,"cpu_seconds":1.5,"wall_seconds":2,"mean_queue_seconds":0.25,"mean_wall_seconds":0.5}],"total":{"key":"total","runs":4,"success_rate":0.75,"cpu_seconds":1.5,"wall_seconds":2,"mean_queue_seconds":0.25,"mean_wall_seconds":0.5}}`,
	"/admin/statistics?by=user":                           `{"by":"user","items":[],"total":{"key":"total"}}`,
	"/admin/events/export?format=csv&limit=5&user_id=ann": "id,type\r\nx1/a,pod_created\r\n",
	"/admin/events/export?format=ndjson":                  "{}\n",
	"DELETE /admin/events?id=x1%2Fkube%2Fpod_created":     `{}`,
	"POST /admin/events/archive/restore":                  `{}`,
}

func TestEventsAreShown(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"events list", `
TIME                      EXECUTION  USER  SERVICE  EVENT        DETAIL
2000-01-01T00:00:01.500Z  x1         ann   kube     pod_created  exec-x1, n 1
`},
		{"events list --all-users --type pod_created --type pod_running --not-type saga_started --execution x1 --service kube --text a_b --from 1999-12-31 --oldest-first --limit 3", `
TIME  EXECUTION  USER  SERVICE  EVENT  DETAIL
`},
		{"events show x1/kube/pod_created", `
id           x1/kube/pod_created
type         pod_created
execution    x1
user         ann
service      kube
happened     2000-01-01T00:00:01.500Z
published    2000-01-01T00:00:01.600Z
place        partition 3, offset 7
correlation  -
detail       exec-x1, n 1

BEFORE                    EXECUTION  EVENT        DETAIL
2000-01-01T00:00:01.500Z  x1         pod_created  exec-x1, n 1
`},
		{"events archive --user ann", `
ID    DELETED               BY  REASON
x1/a  2000-01-01T00:00:00Z  op  a name
`},
		{"events stats --hours 3", `
from     1999-12-31T22:00Z
to       2000-01-01T01:00Z
events   9
endings  4
errors   1, 25.0 %

TYPE             EVENTS
execution_error  4
pod_created      5

SERVICE  EVENTS
kube     9

USER  EVENTS
ann   9

SECONDS  RUNS  MEAN  P50  P95
queue    2     0.5   0.4  0.6
start    2     1     1    1
run      1     2     2    2
`},
		{"events export csv --limit 5 --user ann", "\nid,type\r\nx1/a,pod_created\r\n"},
		{"events delete x1/kube/pod_created --reason x", "\n"},
		{"events restore x1/a", "\n"},
		{"statistics", `
LANGUAGE  RUNS  COMPLETED  CPU SECONDS  WALL SECONDS  MEAN QUEUE  MEAN WALL
go        4     75.0 %     1.5          2             250ms       500ms
total     4     75.0 %     1.5          2             250ms       500ms
`},
		{"statistics --by user", `
USER   RUNS  COMPLETED  CPU SECONDS  WALL SECONDS  MEAN QUEUE  MEAN WALL
total  0     0.0 %      0            0             0s          0s
`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				args := strings.Fields(tt.args)
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "a_b", "a b")
				}
				code, stdout, stderr := doUnreal(t, &platform{answers: eventAnswers}, args...)
				if diff := cmp.Diff(tt.want, "\n"+stdout); code != 0 || stderr != "" || diff != "" {
					t.Errorf("%d %q %s\n%s", code, stderr, diff, stdout)
				}
			})
		})
	}
}

// A file is whole, or it is not there; none is overwritten.
func TestEventsAreExportedToAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "events.ndjson")
		if code, _, stderr := doUnreal(t, &platform{answers: eventAnswers}, "events", "export", "ndjson", "-o", name); code != 0 {
			t.Errorf("%d %s", code, stderr)
		}
		if text, err := os.ReadFile(name); err != nil || string(text) != "{}\n" {
			t.Errorf("%q, %v", text, err)
		}
		if code, _, _ := doUnreal(t, &platform{answers: eventAnswers}, "events", "export", "ndjson", "-o", name); code != exitUsage {
			t.Errorf("overwritten: %d", code)
		}
		if code, _, _ := doUnreal(t, &platform{answers: eventAnswers}, "events", "export", "json", "-o", name+"2"); code == 0 {
			t.Error("nothing was answered")
		}
		if _, err := os.Stat(name + "2"); err == nil {
			t.Error("half a file is left")
		}
		for _, args := range []string{"events export xml", "events export", "events delete x1/a", "events show", "events stats now"} {
			if code, _, stderr := doUnreal(t, &platform{answers: eventAnswers}, strings.Fields(args)...); code != exitUsage || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s: %d %s", args, code, stderr)
			}
		}
	})
}
