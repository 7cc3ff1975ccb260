package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// notice is one, as users get it.
type notice struct {
	ID          string     `json:"id"`
	Severity    string     `json:"severity"`
	Subject     string     `json:"subject"`
	Body        string     `json:"body"`
	Tags        []string   `json:"tags"`
	ExecutionID string     `json:"execution_id"`
	ReadAt      *time.Time `json:"read_at"`
}

// inbox is what a user was told.
func (s *story) inbox(query string) (items []notice, unread int) {
	s.Helper()
	var page struct {
		Items  []notice `json:"items"`
		Unread int      `json:"unread_count"`
	}
	s.into(s.do(http.MethodGet, "/api/v1/notifications"+query, nil), http.StatusOK, &page)
	return page.Items, page.Unread
}

// noticed reads a stream of notices until one is of an execution, and returns the
// ID of its frame; none of others may come.
func (s *story) noticed(c *connection, id string) (n notice, last string) {
	s.Helper()
	for {
		f, err := c.next()
		if err != nil {
			s.Fatalf("before the notice of %s: %v", id, err)
		}
		if f.event != "notification" {
			continue
		}
		if err := json.Unmarshal(f.data, &n); err != nil || n.ExecutionID != id {
			s.Fatalf("%v: %s, want one of %s", err, f.data, id)
		}
		return n, f.id
	}
}

// NO-01, NO-02, SS-10: the owner of a run is told how it ended, once, by a stream
// that misses nothing over two web processes, and in an inbox.
func TestOwnersAreToldHowTheirRunsEnded(t *testing.T) {
	s := beside(t, 2*time.Minute)
	ann, op := s.as("ann-"+s.word()), s.as(operator)
	const path = "/api/v1/notifications/stream"
	c, err := ann.connectTo(s.ctx, the.urls[0]+path, "")
	if err != nil {
		t.Fatal(err)
	}
	fails := ann.submit(bash("echo secret; exit 3"))
	n, last := ann.noticed(c, fails.ID)
	if n.Severity != "high" || n.Subject != "bash run failed" || n.Body != "The script ended with exit code 3." || !strings.Contains(strings.Join(n.Tags, " "), "failed exec:"+fails.ID) {
		t.Errorf("%+v", n)
	}
	_ = c.body.Close()
	missed := ann.run(bash("exit 0"))
	mine := ann.submit(bash("sleep 60")) // what they end themselves they know
	ann.into(ann.do(http.MethodPost, "/api/v1/executions/"+mine.ID+"/cancel", nil), http.StatusAccepted, &mine)
	ann.ended(mine.ID)
	theirs := ann.submit(bash("sleep 60"))
	op.into(op.do(http.MethodPost, "/api/v1/executions/"+theirs.ID+"/cancel", nil), http.StatusAccepted, &theirs)
	if c, err = ann.connectTo(s.ctx, the.urls[1]+path, last); err != nil {
		t.Fatal(err)
	}
	ann.noticed(c, missed.ID)
	if n, _ = ann.noticed(c, theirs.ID); n.Subject != "bash run was cancelled" || n.Body != "It was cancelled by "+operator+"." {
		t.Errorf("%+v", n)
	}
	_ = c.body.Close()

	all, unread := ann.inbox("")
	if len(all) != 3 || unread != 3 || all[0].ExecutionID != theirs.ID || all[2].ExecutionID != fails.ID {
		t.Fatalf("%d unread, %+v", unread, all)
	}
	if got := ann.do(http.MethodPost, "/api/v1/notifications/"+all[0].ID+"/read", nil); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.as("bob").do(http.MethodPost, "/api/v1/notifications/"+all[1].ID+"/read", nil); got.status != http.StatusNotFound {
		t.Errorf("read by another: %d %s", got.status, got.body)
	}
	if got := ann.do(http.MethodDelete, "/api/v1/notifications/"+all[1].ID, nil); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.body)
	}
	if all, unread = ann.inbox("?unread=true&tag=exec:*"); len(all) != 1 || unread != 1 || all[0].ExecutionID != fails.ID {
		t.Errorf("%d unread, %+v", unread, all)
	}
	if got := ann.cli("", "notifications", "list", "--tag", "failed"); got.code != 0 || !strings.Contains(got.out, "bash run failed") || strings.Contains(got.out, "secret") {
		t.Errorf("%+v", got)
	}
	if got := ann.cli("", "notifications", "read", "--all"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if _, unread = ann.inbox(""); unread != 0 {
		t.Errorf("%d unread", unread)
	}
}
