package client

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

const (
	replayJSON = `{"id":"r1","name":"again","type":"user","status":"running","target":{"kind":"kafka","topic":"replay.a","partitions":3},"speed_multiplier":10,"created_by":"op",
		"created_at":"1999-12-31T23:00:00Z","started_at":"1999-12-31T23:00:01Z","duration_seconds":90,
		"progress":{"status":"running","total":1000,"replayed":490,"failed":10,"skipped":0,"progress_percentage":50,"events_per_second":100,"eta_seconds":5,"errors":[{"event_id":"e1","reason":"too large"}]}}`
	previewJSON = `{"matched":250,"count":100,"batches":1,"target":{"kind":"test"},"filter":{"user_id":"ann"},"events":[{"id":"e1","type":"pod_running","execution_id":"x1","source":"kube","recorded_at":"1999-12-31T23:00:00Z"}]}`
)

func TestReplays(t *testing.T) {
	answers := map[string]string{
		"POST /admin/replays":                    replayJSON,
		"POST /admin/replays/preview":            previewJSON,
		"/admin/replays?limit=20&status=running": `{"items":[` + replayJSON + `],"next_cursor":null}`,
		"/admin/replays/r1":                      replayJSON,
		"/admin/replays/r1/download":             `{"id":"e1"}` + "\n",
		"POST /admin/replays/r1/start":           `{}`,
		"POST /admin/replays/r1/pause":           `{}`,
		"POST /admin/replays/r1/resume":          `{}`,
		"POST /admin/replays/r1/cancel":          `{}`,
		"POST /admin/replays/r1/retry-failed":    `{}`,
	}
	for _, tt := range []struct{ args, body, want string }{
		{
			"create again --topic replay.a --user ann --type a --type b --type c --from 2026-08-01 --speed 100 --max 9 --skip-errors=false --start",
			`{"name":"again","filter":{"user_id":"ann","event_types":["a","b","c"],"from":"2026-08-01T00:00:00Z"},"target":{"kind":"kafka","topic":"replay.a"},"speed_multiplier":100,"batch_size":100,"max_events":9,"skip_errors":false,"retry_attempts":3,"start":true}`,
			"r1\n",
		},
		{"create --event e1 --event e2 --url https://example.org n", `{"name":"n","filter":{"event_ids":["e1","e2"]},"target":{"kind":"callback","url":"https://example.org"},"speed_multiplier":1,"batch_size":100,"skip_errors":true,"retry_attempts":3}`, "r1\n"},
		{
			"preview --user ann", `{"filter":{"user_id":"ann"},"target":{"kind":"test"},"speed_multiplier":1,"batch_size":100,"skip_errors":true,"retry_attempts":3}`,
			"matched            250\nwould be replayed  100\nin batches         1\nto                 test\n\nRECORDED                  TYPE         RUN  SOURCE\n1999-12-31T23:00:00.000Z  pod_running  x1   kube\n",
		},
		{"list --limit 20 --status running", "", "ID  NAME   STATUS   TARGET          EVENTS  DONE  FAILED  TOOK\nr1  again  running  kafka replay.a  1000    50 %  10      1m30s\n"},
		{"download r1", "", `{"id":"e1"}` + "\n"},
		{"start r1", "null", ""}, {"pause r1", "null", ""}, {"resume r1", "null", ""}, {"cancel r1", "null", ""}, {"retry-failed r1", "null", ""},
	} {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{answers: answers}
				code, stdout, stderr := doUnreal(t, p, append([]string{"replay"}, strings.Fields(tt.args)...)...)
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
	code, stdout, _ := doUnreal(t, p, "replay", "show", "r1")
	for _, want := range []string{"running, 50.0 %, 490 of 1000, 10 failed, 100/s, ETA 5s", "e1: too large", "10×", "kafka replay.a"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%d: no %q in\n%s", code, want, stdout)
		}
	}
	file := filepath.Join(t.TempDir(), "f")
	for _, want := range []int{0, exitUsage} { // what is there is not overwritten
		if code, _, _ := doUnreal(t, p, "replay", "download", "--output", file, "r1"); code != want {
			t.Errorf("%d, want %d", code, want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != answers["/admin/replays/r1/download"] {
		t.Errorf("%q %v", b, err)
	}
}

func TestReplayIsWatched(t *testing.T) {
	frame := func(id, status string, replayed, failed string) string {
		return id + "event: progress\ndata: {\"status\":\"" + status + "\",\"total\":10,\"replayed\":" + replayed + ",\"failed\":" + failed + ",\"progress_percentage\":50,\"events_per_second\":2,\"eta_seconds\":3}\n\n"
	}
	for _, tt := range []struct {
		end  string
		code int
	}{{frame("id: end\n", "completed", "10", "0"), 0}, {frame("id: end\n", "completed", "9", "1"), exitFailed}, {frame("id: end\n", "cancelled", "5", "0"), exitFailed}} {
		synctest.Test(t, func(t *testing.T) {
			p := &platform{streams: []string{frame("", "running", "5", "0") + tt.end}}
			var stdout, stderr bytes.Buffer
			code := Run(t.Context(), []string{"replay", "watch", "r1"}, IO{Stdout: &stdout, Stderr: &stderr, Terminal: true, transport: p})
			if code != tt.code || !strings.Contains(stderr.String(), "running, 50.0 %, 5 of 10, 2/s, ETA 3s") || strings.Count(stdout.String(), "\n") != 1 {
				t.Errorf("%d %q %q", code, stdout.String(), stderr.String())
			}
			p = &platform{streams: []string{frame("", "running", "5", "0") + tt.end}}
			stdout.Reset()
			Run(t.Context(), []string{"replay", "watch", "--json", "r1"}, IO{Stdout: &stdout, Stderr: io.Discard, transport: p})
			if strings.Count(stdout.String(), "{") != 2 || strings.Count(stdout.String(), "\n") != 2 {
				t.Errorf("%q", stdout.String())
			}
		})
	}
}
