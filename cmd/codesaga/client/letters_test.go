package client

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

const letterJSON = `{"id":"l1","status":"parked","origin":{"topic":"execution_events","partition":3,"offset":1207,"consumer_group":"codesaga-results","timestamp":"1999-12-31T23:00:00Z"},
	"event_id":"e1","event_type":"pod_running","execution_id":"x1","error_class":"invalid","error":"the value\u001b[2J breaks off","attempts":3,"round":2,"retries":1,
	"first_failure_at":"1999-12-31T23:00:01Z","captured_at":"1999-12-31T23:00:02Z","updated_at":"1999-12-31T23:00:02Z","reason":"its policy gave up","key":"x1","value_bytes":17,
	"payload":{"type":"pod_running"},"headers":[{"key":"ce_id","value":"e1"}],"history":[{"at":"1999-12-31T23:00:02Z","what":"died","error_class":"invalid","note":"the value breaks off","round":0}]}`

func TestLetters(t *testing.T) {
	report := func(ids, next string) string {
		return `{"total":1,"successful":1,"failed":0,"details":[{"id":"` + ids + `","status":"scheduled"}],"dry_run":false,"next_cursor":` + next + `}`
	}
	answers := map[string]string{
		"/admin/letters?limit=50": `{"items":[` + letterJSON + `],"next_cursor":null}`,
		"/admin/letters?consumer_group=g&error_class=invalid&event_type=e&execution_id=x1&limit=5&older_than_seconds=3600&status=parked&status=pending&topic=t": `{"items":[],"next_cursor":null}`,
		"/admin/letters/l1":                 letterJSON,
		"POST /admin/letters/l1/retry":      letterJSON,
		"POST /admin/letters/l1/discard":    letterJSON,
		"POST /admin/letters/l1/archive":    letterJSON,
		"POST /admin/letters/l1/restore":    letterJSON,
		"POST /admin/letters/retry":         report("l1", "null"),
		"/admin/letters/statistics":         `{"by_status":{"parked":1,"retried":3},"by_topic":{"execution_events":1},"by_event_type":{},"by_consumer_group":{"g":1},"by_error_class":{"invalid":1},"waiting":1,"oldest_age_seconds":90,"redriven":4,"retried":3,"retry_success_rate":0.75}`,
		"/admin/letters/policies":           `{"items":[{"id":"p1","topic":"t","strategy":"exponential_backoff","max_retries":5,"initial_delay_seconds":30,"max_delay_seconds":300,"multiplier":2},{"id":"p2","strategy":"manual","max_retries":0,"updated_by":"op"}]}`,
		"PUT /admin/letters/policies":       `{"policy":{"id":"p1"},"letters":2}`,
		"DELETE /admin/letters/policies/p1": `{"letters":0}`,
	}
	for _, tt := range []struct{ args, body, want string }{
		{"list", "", "ID  STATUS  AGE  FROM                     GROUP             EVENT        RETRIES  NEXT  CLASS    ERROR\nl1  parked  59m  execution_events 3/1207  codesaga-results  pod_running  1        -     invalid  the value [2J breaks off\n"},
		{"list --status parked --status pending --topic t --type e --group g --class invalid --execution x1 --older-than 1h --limit 5", "", "ID  STATUS  AGE  FROM  GROUP  EVENT  RETRIES  NEXT  CLASS  ERROR\n"},
		{"retry l1", "null", ""},
		{"discard l1 --reason gone", `{"reason":"gone"}`, ""},
		{"archive --reason gone l1", `{"reason":"gone"}`, ""},
		{"restore --reason back l1", `{"reason":"back"}`, ""},
		{"retry l1 l2", `{"ids":["l1","l2"]}`, "letters     1\nsuccessful  1\nfailed      0\n\nID  STATUS     ERROR\nl1  scheduled  -\n"},
		{"retry --all --dry-run", `{"filter":{},"dry_run":true,"limit":200}`, "letters     1\nsuccessful  1\nfailed      0\n\nID  STATUS     ERROR\nl1  scheduled  -\n"},
		{
			"retry --status parked --older-than 60 --topic t", `{"filter":{"older_than_seconds":60,"status":["parked"],"topic":"t"},"limit":200}`,
			"letters     1\nsuccessful  1\nfailed      0\n\nID  STATUS     ERROR\nl1  scheduled  -\n",
		},
		{
			"stats", "",
			"waiting      1\noldest       1m\nredriven     4\ntook effect  3, 75.0 %\n\nSTATUS   LETTERS\nretried  3\nparked   1\n\nTOPIC             WAITING\nexecution_events  1\n\nGROUP  WAITING\ng      1\n\nCLASS    WAITING\ninvalid  1\n",
		},
		{"policies", "", "ID  TOPIC  TYPE  CLASS  STRATEGY             RETRIES  DELAY            BY\np1  t      -     -      exponential_backoff  5        30s to 5m0s, ×2  default\np2  -      -     -      manual               0        -                op\n"},
		{
			"set-policy --topic t --strategy exponential_backoff --initial-delay 30 --max-delay 5m --max-retries 7 --multiplier 1.5",
			`{"initial_delay_seconds":30,"max_delay_seconds":300,"max_retries":7,"multiplier":1.5,"strategy":"exponential_backoff","topic":"t"}`, "p1, 2 letters wait by it\n",
		},
		{"remove-policy p1", "null", ""},
	} {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{answers: answers}
				code, stdout, stderr := doUnreal(t, p, append([]string{"letters"}, strings.Fields(tt.args)...)...)
				body := strings.Join(p.bodies, " ")
				if tt.body == "null" {
					body = tt.body
				}
				if diff := cmp.Diff(tt.want, stdout) + cmp.Diff(tt.body, body); code != 0 || stderr != "" || diff != "" {
					t.Errorf("%d %q %s", code, stderr, diff)
				}
			})
		})
	}
	p := &platform{answers: answers}
	code, stdout, _ := doUnreal(t, p, "letters", "show", "l1")
	for _, want := range []string{"execution_events 3/1207", "its policy gave up", "2 times, 1 of them since a person asked", "ce_id", "died", `"type": "pod_running"`, "17 bytes"} {
		if code != 0 || !strings.Contains(stdout, want) || strings.Contains(stdout, "\x1b") {
			t.Errorf("%d: no %q in\n%s", code, want, stdout)
		}
	}
}

func TestRetryOfManyLetters(t *testing.T) {
	p := &platform{answers: map[string]string{"POST /admin/letters/retry": `{"total":2,"successful":1,"failed":1,"details":[{"id":"l1","status":"scheduled"},{"id":"l2","error":"no letter l2"}],"next_cursor":null}`}}
	code, stdout, _ := doUnreal(t, p, "letters", "retry", "l1", "l2")
	if code != exitFailed || !strings.Contains(stdout, "no letter l2") {
		t.Errorf("%d %s", code, stdout)
	}
	p.bodies = nil
	args := []string{"letters", "retry", "--json"}
	for i := range 401 {
		args = append(args, fmt.Sprint("l", i))
	}
	if code, stdout, _ := doUnreal(t, p, args...); code != exitFailed || len(p.bodies) != 3 || !strings.Contains(stdout, `"total": 6`) || strings.Count(p.bodies[2], `"l`) != 1 {
		t.Errorf("%d %s %d", code, stdout, len(p.bodies))
	}
	p = &platform{answers: map[string]string{"POST /admin/letters/retry": `{"total":1,"successful":1,"failed":0,"details":[{"id":"l1"}],"next_cursor":"c1"}`}}
	pages := counting{p, 3}
	if code, stdout, stderr := doUnreal(t, &pages, "letters", "retry", "--all", "--json"); code != 0 || !strings.Contains(stdout, `"total": 3`) || len(p.bodies) != 3 || !strings.Contains(p.bodies[2], `"cursor":"c1"`) {
		t.Errorf("%d %s %s %v", code, stdout, stderr, p.bodies)
	}
	for _, args := range []string{"retry", "retry l1 --all", "retry l1 --topic t", "discard l1", "discard --reason x", "set-policy", "set-policy --strategy manual --initial-delay soon", "list --older-than soon", "list x", "show", ""} {
		p := &platform{}
		code, _, stderr := doUnreal(t, p, append([]string{"letters"}, strings.Fields(args)...)...)
		if code != exitUsage || strings.Count(stderr, "\n") != 1 || len(p.asked) > 0 {
			t.Errorf("%s: %d %q", args, code, stderr)
		}
	}
}

// counting is a platform where nothing is left after so many requests.
type counting struct {
	*platform
	left int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.left--; c.left == 0 {
		c.answers["POST /admin/letters/retry"] = strings.Replace(c.answers["POST /admin/letters/retry"], `"c1"`, "null", 1)
	}
	return c.platform.RoundTrip(r)
}
