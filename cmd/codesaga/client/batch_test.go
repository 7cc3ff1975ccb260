package client

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// items of a batch, as its list has them.
const (
	passedItem  = `{"index":0,"name":"1","id":"x0","status":"completed","passed":true,"result":{"exit_code":0,"wall_time_seconds":0.03,"peak_memory_bytes":9437184,"judge":{"passed":true}}}`
	wrongItem   = `{"index":1,"name":"2","id":"x1","status":"completed","passed":false,"result":{"exit_code":0,"wall_time_seconds":0.04,"judge":{"passed":false,"detail":"line 1: want \"5\", got \"4\""}}}`
	failedItem  = `{"index":2,"name":"10","id":"x2","status":"failed","error_type":"resource_limit","limit":"memory","passed":false,"result":{"exit_code":137}}`
	runningItem = `{"index":3,"name":null,"id":"x3","status":"running","passed":null,"result":null}`
	refusedItem = `{"index":4,"name":"bad\u001b","passed":null,"errors":[{"field":"language","rule":"one of python"}]}`
)

// batchFrames are the stream of a batch, as it stands at each of its steps.
func batchFrames(items ...string) []string {
	frames := []string{"retry: 1\n\n", "event: batch\ndata: {\"id\":\"b1\",\"total\":2,\"items\":[[0,\"queued\",null],[1,\"running\",null]]}\n\n"}
	for _, i := range items {
		frames = append(frames, "event: item\ndata: "+i+"\n\n")
	}
	return append(frames, "id: end\nevent: end\ndata: {\"id\":\"b1\"}\n\n")
}

func itemsJSON(items ...string) string {
	return `{"items":[` + strings.Join(items, ",") + `],"next_cursor":null}`
}

func TestBatchIsFollowedToItsEnd(t *testing.T) {
	const path = "/batches/b1/items?limit=200"
	tests := []struct {
		name, items  string
		streams      []string
		code         int
		want, stderr string
	}{
		{"all is well", itemsJSON(passedItem), []string{strings.Join(batchFrames(`[0,"completed",true]`, `[1,"completed",true]`), "")}, 0, `
ITEM  VERDICT  STATUS     EXIT  TIME  MEMORY  DETAIL  ID
1     passed   completed  0     30ms  9 MiB   -       x0
`, "codesaga: all 1 passed\n"},
		{"not all", itemsJSON(passedItem, wrongItem, failedItem, refusedItem), []string{strings.Join(batchFrames(`[0,"completed",true]`, `[1,"failed",false]`), "")}, exitFailed, `
ITEM  VERDICT  STATUS     EXIT  TIME  MEMORY  DETAIL                                                    ID
1     passed   completed  0     30ms  9 MiB   -                                                         x0
2     failed   completed  0     40ms  -       the output is not as expected: line 1: want "5", got "4"  x1
10    failed   failed     137   -     -       ended by its limit of memory                              x2
bad   refused  -          -     -     -       language: one of python                                   -
`, "codesaga: 1 of 4 passed\n"},
		{"over several connections", itemsJSON(passedItem), []string{batchFrames()[0] + batchFrames()[1], "event: shutdown\ndata: {}\n\n", strings.Join(batchFrames(), "")}, 0, `
ITEM  VERDICT  STATUS     EXIT  TIME  MEMORY  DETAIL  ID
1     passed   completed  0     30ms  9 MiB   -       x0
`, "codesaga: all 1 passed\n"},
		{"which is long past", itemsJSON(passedItem), []string{"204"}, 0, `
ITEM  VERDICT  STATUS     EXIT  TIME  MEMORY  DETAIL  ID
1     passed   completed  0     30ms  9 MiB   -       x0
`, "codesaga: all 1 passed\n"},
		{"a stream that is none", itemsJSON(passedItem), []string{"event: batch\ndata: {\"items\":[7]}\n\n"}, exitPlatform, "\n", "codesaga: a frame of a batch: json: cannot unmarshal number into Go struct field .items of type []interface {}\n"},
		{"forbidden in the middle", itemsJSON(passedItem), []string{"event: error\ndata: {\"title\":\"Forbidden\",\"status\":403}\n\n"}, exitPlatform, "\n", "codesaga: Forbidden\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{streams: tt.streams, answers: map[string]string{path: tt.items}}
				code, stdout, stderr := doUnreal(t, p, "batch", "follow", "b1")
				if diff := cmp.Diff(tt.want, "\n"+stdout); code != tt.code || stderr != tt.stderr || diff != "" {
					t.Errorf("%d %q %s\n%s", code, stderr, diff, stdout)
				}
			})
		})
	}
}

func TestProgressOfABatch(t *testing.T) {
	p := &platform{streams: []string{strings.Join(batchFrames(`[1,"failed",false]`, `[0,"running",null]`, `[0,"completed",true]`), "")}, answers: map[string]string{"/batches/b1/items?limit=200": itemsJSON(passedItem)}}
	var stderr bytes.Buffer
	Run(t.Context(), []string{"batch", "follow", "--json", "b1"}, IO{Stdout: io.Discard, Stderr: &stderr, Terminal: true, transport: p})
	want := eraseLine + "0 of 2 ended, 1 running" + eraseLine + "1 of 2 ended, 1 failed" + eraseLine + "1 of 2 ended, 1 running, 1 failed" +
		eraseLine + "2 of 2 ended, 1 failed" + eraseLine + "codesaga: all 1 passed\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBatchSubmit(t *testing.T) {
	const answer = `{"id":"b1","accepted":1,"rejected":1,"items":[{"index":0,"name":null,"id":"x0"},{"index":1,"name":"two\u001b","id":null,"errors":[{"field":"language","rule":"one of python"}]}]}`
	const fine = `{"id":"b1","accepted":1,"rejected":0,"items":[{"index":0,"name":null,"id":"x0"}]}`
	tests := []struct {
		args, stdin, answer string
		refuse              []string
		code                int
		body, stdout        string
		stderr              string
	}{
		{"submit -", `{"language":"python","script":"1","items":[{}]}`, fine, nil, 0, `{"items":[{}],"language":"python","script":"1"}`, "b1\n", ""},
		{"submit - --max-parallel 3", `{"max_parallel":9,"items":[{"n":12345678901234567890}]}`, fine, []string{"503", "cut"}, 0, `{"items":[{"n":12345678901234567890}],"max_parallel":3}`, "b1\n", ""},
		{"submit --max-parallel 3 -", `[{"script":"1"}]`, answer, nil, exitFailed, `{"items":[{"script":"1"}],"max_parallel":3}`, "b1\n", "codesaga: item two  was refused: language: one of python\n"},
		{"submit --follow -", `[{}]`, answer, nil, exitFailed, `{"items":[{}]}`, "ITEM", "codesaga: item two  was refused: language: one of python\ncodesaga: 1 of 2 passed\n"},
		{"submit -", `[{}]`, "", []string{"422"}, exitUsage, `{"items":[{}]}`, "", "codesaga: items[0].language: one of python\n"},
		{"submit -", `7`, "", nil, exitUsage, "", "", "codesaga: -: json: cannot unmarshal number into Go value of type map[string]json.RawMessage\n"},
		{"submit -", `{`, "", nil, exitUsage, "", "", "codesaga: -: unexpected end of JSON input\n"},
		{"submit - --max-parallel -1", `[{}]`, "", nil, exitUsage, "", "", "codesaga: batch submit: --max-parallel must be at least 1\n"},
		{"submit", ``, "", nil, exitUsage, "", "", "codesaga: usage: codesaga batch submit [flags] FILE.json|-\n"},
		{"submit /nowhere.json", ``, "", nil, exitUsage, "", "", "codesaga: open /nowhere.json: no such file or directory\n"},
		{"submit -", `[{}]`, `{}`, nil, exitPlatform, `{"items":[{}]}`, "", "codesaga: the answer names no batch: {}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.args+" "+tt.stdin, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{refuse: tt.refuse, problem: `{"title":"Invalid","errors":[{"field":"items[0].language","rule":"one of python"}]}`, frames: batchFrames(),
					answers: map[string]string{"POST /batches": tt.answer, "/batches/b1/items?limit=200": itemsJSON(passedItem, refusedItem)}}
				var stdout, stderr bytes.Buffer
				code := Run(t.Context(), append([]string{"batch"}, strings.Fields(tt.args)...), IO{Stdin: strings.NewReader(tt.stdin), Stdout: &stdout, Stderr: &stderr, transport: p})
				if code != tt.code || !strings.HasPrefix(stdout.String(), tt.stdout) || stderr.String() != tt.stderr {
					t.Errorf("%d %q %q", code, &stdout, &stderr)
				}
				if bodies := slices.Compact(p.bodies); len(bodies) > 1 || strings.Join(bodies, "") != tt.body {
					t.Errorf("sent %q", p.bodies)
				}
				posts := slices.DeleteFunc(p.asked, func(s string) bool { return !strings.HasPrefix(s, "POST") })
				if len(slices.Compact(posts)) > 1 {
					t.Errorf("under other keys: %q", posts)
				}
			})
		})
	}
}

func TestBatchRunJudgesByCases(t *testing.T) {
	cases := folder(t, map[string]string{"10.in": "3 1", "10.out": "4\n", "2.in": "2 2", "2.out": "4", "b.out": "", "a.out": "é", "1.in": "1 1\n", "1.out": "2\n", "notes.txt": "x", ".out": "no name"})
	script := scriptFile(t, "sum.py", "print(sum())")
	p := &platform{frames: batchFrames(), answers: map[string]string{
		"POST /batches": `{"id":"b1","items":[]}`, "/batches/b1/items?limit=200": itemsJSON(passedItem, wrongItem, failedItem)}}
	args := strings.Fields("batch run python " + script + " --cases " + cases + " --max-parallel 4 --timeout 2s --env A=b --comparison float --tolerance 0.5 --stop-on-failure -- a --b")
	code, stdout, stderr := doUnreal(t, p, args...)
	if code != exitFailed || stderr != "codesaga: 1 of 3 passed\n" || strings.Count(stdout, "\n") != 4 {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	const how = `"comparison":"float","tolerance":0.5}}`
	want := `{"args":["a","--b"],"env":{"A":"b"},"items":[{"name":"1","stdin":"1 1\n","expected_output":{"stdout":"2\n",` + how + `,{"name":"2","stdin":"2 2","expected_output":{"stdout":"4",` + how +
		`,{"name":"10","stdin":"3 1","expected_output":{"stdout":"4\n",` + how + `,{"name":"a","expected_output":{"stdout":"é",` + how + `,{"name":"b","expected_output":{"stdout":"",` + how +
		`],"language":"python","limits":{"timeout_seconds":2},"max_parallel":4,"script":"print(sum())","stop_on_failure":true}`
	if diff := cmp.Diff(want, p.bodies[0]); diff != "" {
		t.Error(diff)
	}
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "9.in"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"batch run python " + script, "usage: codesaga batch run"},
		{"batch run --cases " + cases + " python", "usage: codesaga batch run"},
		{"batch run --cases " + empty + " python " + script, "there is 9.in but no 9.out"},
		{"batch run --cases " + t.TempDir() + " python " + script, "there is no NAME.out"},
		{"batch run --cases /nowhere python " + script, "no such file"},
		{"batch run --cases " + cases + " python /nowhere", "no such file"},
		{"batch run --cases " + cases + " --stdin x python " + script, "flag provided but not defined"},
	} {
		asked := len(p.asked)
		if code, _, stderr := doUnreal(t, p, strings.Fields(tt.args)...); code != exitUsage || !strings.Contains(stderr, tt.want) || len(p.asked) != asked {
			t.Errorf("%s: %d %q", tt.args, code, stderr)
		}
	}
}

func TestInterruptCancelsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		p := &platform{streams: []string{batchFrames()[0] + batchFrames()[1]}, cancelled: make(chan struct{}), refuse: []string{"", "", ""},
			answers: map[string]string{"POST /batches": `{"id":"b1","items":[]}`, "POST /batches/b1/cancel": `{}`, "/batches/b1/items?limit=200": itemsJSON(passedItem)}}
		time.AfterFunc(3*time.Second, func() { signals <- os.Interrupt })
		go func() { // it ends when it was cancelled
			<-p.cancelled
			p.mu.Lock()
			defer p.mu.Unlock()
			p.streams = batchFrames()[2:]
		}()
		var stderr bytes.Buffer
		code := Run(t.Context(), []string{"batch", "submit", "--follow", "-"}, IO{Stdin: strings.NewReader("[{}]"), Stdout: io.Discard, Stderr: &stderr, transport: p, Interrupts: signals})
		if code != exitCancelled || !slices.Contains(p.bodies, `{"reason":"interrupted"}`) {
			t.Errorf("%d %q %q", code, &stderr, p.bodies)
		}
	})
}
