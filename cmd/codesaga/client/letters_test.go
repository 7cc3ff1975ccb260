package client

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// Letters are retried by name, or by what the flags choose.
func TestLettersAreRetried(t *testing.T) {
	for args, body := range map[string]string{
		"letters retry l1 l2": `{"dry_run":false,"ids":["l1","l2"]}`,
		"letters retry --all": `{"dry_run":false,"filter":{},"limit":200}`,
		"letters retry --dry-run --status parked --topic t --older 1m": `{"dry_run":true,"filter":{"older_than_seconds":60,"status":["parked"],"topic":"t"},"limit":200}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &platform{answers: map[string]string{"POST /admin/letters/retry": `{"total":2,"successful":1,"failed":1,"more":false,"details":[{"id":"l1","status":"scheduled"},{"id":"l2","error":"no dead letter l2"}]}`}}
			code, stdout, stderr := doUnreal(t, p, strings.Fields(args)...)
			verb := "1 of 2 will be retried\n"
			if strings.Contains(args, "--dry-run") {
				verb = "2 of 2 would be retried\n"
			}
			want := "LETTER  STATUS     ERROR\nl1      scheduled  -\nl2      -          no dead letter l2\n" + verb
			if code != exitFailed || stdout != want || stderr != "" || p.bodies[0] != body {
				t.Errorf("%s: %d %q %q %q", args, code, stdout, stderr, p.bodies)
			}
		})
	}
}

// Each request asks for so many that its answer comes soon.
func TestManyLettersAreRetriedInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &inParts{platform{answers: map[string]string{}}, 1}
		args := []string{"letters", "retry"}
		for i := range 401 {
			args = append(args, fmt.Sprint("l", i))
		}
		if code, stdout, _ := doUnreal(t, p, args...); code != 0 || len(p.bodies) != 3 || strings.Count(p.bodies[0], `"l`) != 200 || !strings.Contains(p.bodies[2], `"ids":["l400"]`) || !strings.HasSuffix(stdout, "3 of 3 will be retried\n") {
			t.Errorf("%d %q, %d requests", code, stdout, len(p.bodies))
		}
		p = &inParts{platform{answers: map[string]string{}}, 3}
		if code, stdout, _ := doUnreal(t, p, "letters", "retry", "--all"); code != 0 || len(p.bodies) != 3 || strings.Contains(p.bodies[0], "cursor") || !strings.Contains(p.bodies[2], `"cursor":"c2"`) || !strings.HasSuffix(stdout, "3 of 3 will be retried\n") {
			t.Errorf("%d %q %q", code, stdout, p.bodies)
		}
	})
}

// inParts is a platform where what is chosen are so many parts of one letter.
type inParts struct {
	platform
	parts int
}

func (p *inParts) RoundTrip(r *http.Request) (*http.Response, error) {
	next := ""
	if n := len(p.bodies) + 1; n < p.parts {
		next = fmt.Sprintf(`,"more":true,"next_cursor":"c%d"`, n)
	}
	p.answers["POST /admin/letters/retry"] = `{"total":1,"successful":1,"failed":0,"details":[{"id":"l1"}]` + next + `}`
	return p.platform.RoundTrip(r)
}
