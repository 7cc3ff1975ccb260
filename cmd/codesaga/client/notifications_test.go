package client

import (
	"strings"
	"testing"
	"testing/synctest"
)

const noticeJSON = `{"id":"n1","severity":"high","subject":"run x1 failed","body":"exit code 1","tags":["failed"],"execution_id":"x1","created_at":"1999-12-31T23:00:00Z"}`

// Notices are listed, read and deleted: each command asks for just that.
func TestNotifications(t *testing.T) {
	const head = "ID  SEVERITY  AGE  READ  SUBJECT        BODY         RUN\n"
	list := `{"items":[` + noticeJSON + `],"unread_count":1,"next_cursor":null}`
	for args, want := range map[string]struct {
		code              int
		asks, out, stderr string
	}{
		"notifications list": {0, "GET /notifications?limit=50", head + "n1  high      1h   -     run x1 failed  exit code 1  x1\n", ""},
		"notifications list --unread --severity high --tag exec:*": {0, "GET /notifications?limit=50&severity=high&tag=exec%3A%2A&unread=true", head + "n1  high      1h   -     run x1 failed  exit code 1  x1\n", ""},
		"notifications list --unread=false":                        {0, "GET /notifications?limit=50", head + "n1  high      1h   -     run x1 failed  exit code 1  x1\n", ""},
		"notifications read n1":                                    {0, "POST /notifications/n1/read", "", ""},
		"notifications read --all":                                 {0, "POST /notifications/read-all", "", ""},
		"notifications read":                                       {exitUsage, "", "", "say which notice, or --all"},
		"notifications read n1 --all":                              {exitUsage, "", "", "say which notice, or --all"},
		"notifications delete n/1":                                 {0, "DELETE /notifications/n%2F1", "", ""},
		"notifications delete":                                     {exitUsage, "", "", "notifications delete"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &platform{answers: map[string]string{
				"/notifications?limit=50": list, "/notifications?limit=50&severity=high&tag=exec%3A%2A&unread=true": list,
				"POST /notifications/n1/read": noticeJSON, "POST /notifications/read-all": `{"read":3}`, "DELETE /notifications/n%2F1": "",
			}}
			code, stdout, stderr := doUnreal(t, p, strings.Fields(args)...)
			if code != want.code || stdout != want.out || !strings.Contains(stderr, want.stderr) || len(p.asked) > 1 || !strings.HasPrefix(strings.Join(p.asked, ";"), want.asks) {
				t.Errorf("%s: %d\n%s\n%s\nasked %q", args, code, stdout, stderr, p.asked)
			}
		})
	}
}

// What is watched comes once, also when connections end in the middle, and what
// stands in a notice does not reach the terminal as it is.
func TestNotificationsAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{streams: []string{
			"event: connected\ndata: {}\n\nevent: unread_count\ndata: {\"unread_count\":1}\n\nid: 7\nevent: notification\ndata: " + noticeJSON + "\n\nid: 8\nevent: notifi",
			"id: 8\nevent: notification\ndata: {\"id\":\"n2\",\"severity\":\"low\",\"subject\":\"run \\u001b[2J\",\"body\":\"a\\nb\",\"created_at\":\"1999-12-31T23:00:01Z\"}\n\n",
			"",
		}, refuse: []string{"", "", "403"}}
		_, stdout, stderr := doUnreal(t, p, "notifications", "watch")
		const want = "1999-12-31T23:00:00.000Z  high    run x1 failed: exit code 1\n1999-12-31T23:00:01.000Z  low     run  [2J: a b\n"
		if stdout != want || strings.Join(p.asked[:3], ";") != "GET /notifications/stream;GET /notifications/stream 7;GET /notifications/stream 8" {
			t.Errorf("%q\n%s\n%q", stdout, stderr, p.asked)
		}
	})
}

// What happened to the platform is shown to operators.
func TestPlatformEventsAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{answers: map[string]string{"/admin/platform-events?event_type=dlq_message_parked&limit=50": `{"items":[{"id":"e1","type":"dlq_message_parked","source":"letters","user_id":"op",
			"occurred_at":"1999-12-31T23:00:00Z","letter":{"id":"l1","topic":"execution_events","partition":3,"offset":7,"consumer_group":"projector","error_class":"invalid","round":2}}],"next_cursor":null}`}}
		code, stdout, stderr := doUnreal(t, p, "events", "platform", "--type", "dlq_message_parked")
		if code != 0 || !strings.Contains(stdout, "dlq_message_parked") || !strings.Contains(stdout, "l1") || !strings.Contains(stdout, "projector") || stderr != "" {
			t.Errorf("%d\n%s\n%s\nasked %q", code, stdout, stderr, p.asked)
		}
	})
}
