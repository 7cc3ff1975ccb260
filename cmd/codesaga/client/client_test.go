package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// platform plays a server with one execution, x1. It is a handler for a real
// connection, and a transport where time is not real.
type platform struct {
	frames  []string          // of the stream, with ids; "WAIT" waits for a cancel
	cut     []int             // after so many bytes the connections end, in this order; then none is cut
	streams []string          // if not nil: what the connections give, whatever they ask for; the last again and again
	refuse  []string          // "503 5" answers the next submission, stream or cancel with that status and Retry-After; "cut" with nothing
	problem string            // body of a refusal
	final   string            // GET of x1
	answers map[string]string // by path; but for GET, with the method in front

	mu        sync.Mutex
	asked     []string // "GET /executions/x1", with the values of the headers that matter
	bodies    []string // of what is no GET
	cancelled chan struct{}
}

const languagesJSON = `{"items":[
	{"id":"node","name":"Node.js","aliases":["js","javascript"],"versions":["22","20"],"file_extension":".js"},
	{"id":"python","name":"Python","aliases":["py","python3"],"versions":["3.12","3.11"],"file_extension":".py"}]}`

// ended is the last frame of a stream.
func ended(x string) string { return "id: end\nevent: result_stored\ndata: " + x + "\n\n" }

// completed is x1 as it is after exit code 0 and so many bytes of output.
func completed(stdout, stderr int) string {
	return fmt.Sprintf(`{"id":"x1","status":"completed","language":"python","version":"3.11","result":{"exit_code":0,"signal":null,"stdout_bytes":%d,"stderr_bytes":%d}}`, stdout, stderr)
}

// out is a frame of output.
func out(id, stream string, position int, text string) string {
	data, err := json.Marshal(map[string]any{"stream": stream, "position": position, "text": text})
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("id: %s\nevent: output\ndata: %s\n\n", id, data)
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.RequestURI(), prefix)
	line := r.Method + " " + path
	for _, name := range []string{"Idempotency-Key", "Last-Event-ID"} {
		if v := r.Header.Get(name); v != "" {
			line += " " + v
		}
	}
	p.mu.Lock()
	p.asked = append(p.asked, line)
	if r.Method != "GET" {
		p.bodies = append(p.bodies, string(body))
	}
	refuse := ""
	if r.Method != "GET" || strings.HasSuffix(path, "/stream") {
		refuse = pop(&p.refuse)
	}
	p.mu.Unlock()
	answer, known := p.answers[strings.TrimPrefix(r.Method+" "+path, "GET ")]
	if p.cancelled != nil && strings.HasSuffix(path, "/cancel") && (refuse == "" || refuse == "409") {
		close(p.cancelled)
	}
	switch {
	case refuse == "cut":
		panic(http.ErrAbortHandler)
	case refuse != "":
		p.refuseWith(w, refuse)
	case r.Method == "POST" && path == "/executions":
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"x1","status":"queued"}`)
	case r.Method == "POST" && path == "/executions/x1/cancel":
		w.WriteHeader(http.StatusAccepted)
	case strings.HasSuffix(path, "/stream"):
		p.stream(w, r)
	case known:
		_, _ = io.WriteString(w, answer)
	case path == "/languages":
		_, _ = io.WriteString(w, languagesJSON)
	case path == "/executions/x1" && p.final != "":
		_, _ = io.WriteString(w, p.final)
	default:
		p.refuseWith(w, "404")
	}
}

func (p *platform) refuseWith(w http.ResponseWriter, refusal string) {
	status, after := 0, ""
	_, _ = fmt.Sscan(refusal, &status, &after)
	if after != "" {
		w.Header().Set("Retry-After", after)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, p.problem)
}

// stream gives all frames behind the Last-Event-ID, in the way that a
// connection may end anywhere.
func (p *platform) stream(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	size, cut := 1<<30, len(p.cut) > 0
	if cut {
		size, p.cut = p.cut[0], p.cut[1:]
	}
	frames, last := p.frames, r.Header.Get("Last-Event-ID")
	if len(p.streams) > 0 {
		frames, last = p.streams[:1], ""
		if len(p.streams) > 1 {
			p.streams = p.streams[1:]
		}
	}
	p.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if len(frames) == 1 && frames[0] == "204" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	for _, f := range frames {
		if last != "" {
			if strings.HasPrefix(f, "id: "+last+"\n") {
				last = ""
			}
			continue
		}
		if f == "WAIT" {
			<-p.cancelled
			continue
		}
		n := min(size, len(f))
		_, _ = io.WriteString(w, f[:n])
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		if size -= n; size == 0 {
			return
		}
	}
}

func pop(list *[]string) (s string) {
	if len(*list) > 0 {
		s, *list = (*list)[0], (*list)[1:]
	}
	return s
}

// RoundTrip answers without a network, so that it can be where time is not
// real.
func (p *platform) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			err = io.ErrUnexpectedEOF
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	resp = w.Result()
	resp.Request = r
	return resp, nil
}

// do runs one command against p, over a real connection.
func do(t *testing.T, p *platform, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	s := httptest.NewServer(p)
	defer s.Close()
	var o, e bytes.Buffer
	code = Run(t.Context(), args, IO{Stdin: strings.NewReader(""), Stdout: &o, Stderr: &e, Getenv: env(s.URL)})
	return code, o.String(), e.String()
}

// doUnreal runs one command against p without a connection.
func doUnreal(t *testing.T, p http.RoundTripper, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), args, IO{Stdout: &o, Stderr: &e, transport: p})
	return code, o.String(), e.String()
}

func env(server string) func(string) string {
	return func(name string) string { return map[string]string{serverEnv: server}[name] }
}

// scriptFile makes a file in a folder of the test's own.
func scriptFile(t *testing.T, name, content string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWrongCommandLines(t *testing.T) {
	p, py := &platform{}, scriptFile(t, "a.py", "print(1)")
	latin1 := scriptFile(t, "b.py", "print('\xe9')")
	tests := []struct {
		args []string
		want string
	}{
		{nil, "no such command"},
		{[]string{"fly"}, "no such command"},
		{[]string{"run"}, "which script"},
		{[]string{"run", "--nonsense", py}, "-nonsense"},
		{[]string{"run", "--timeout", "1500ms", py}, "whole seconds"},
		{[]string{"run", "--timeout", "0", py}, "whole seconds"},
		{[]string{"run", "--memory", "lots", py}, "256Mi"},
		{[]string{"run", "--memory", "9223372036854775807Gi", py}, "256Mi"},
		{[]string{"run", "--cpu", "0.0001", py}, "500m"},
		{[]string{"run", "--cpu", "nan", py}, "500m"},
		{[]string{"run", "--env", "A", py}, "NAME=VALUE"},
		{[]string{"run", "--file", ":x", py}, "LOCAL"},
		{[]string{"run", "-"}, "needs --language"},
		{[]string{"run", "--language", "python", "--stdin", "-", "-"}, "stdin cannot be"},
		{[]string{"run", "--stdin", "a", "--stdin-file", py, py}, "exclude"},
		{[]string{"run", "/nowhere/a.py"}, "no such file"},
		{[]string{"run", latin1}, "not UTF-8"},
		{[]string{"run", py, "\xff"}, "not UTF-8"},
		{[]string{"run", scriptFile(t, "a.cobol", "x")}, ".js, .py"},
		{[]string{"run", "--server", "ftp://x", py}, "not the address"},
		{[]string{"get"}, "usage: codesaga get"},
		{[]string{"get", ""}, "usage: codesaga get"},
		{[]string{"get", "a", "b"}, "usage: codesaga get"},
		{[]string{"list", "--limit", "0"}, "--limit"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, stdout, stderr := do(t, p, tt.args...)
			if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "codesaga: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("%d %q %q, want 2 and %q", code, stdout, stderr, tt.want)
			}
		})
	}
	for _, line := range p.asked {
		if !strings.HasPrefix(line, "GET /languages") {
			t.Errorf("sent %s", line)
		}
	}
}

func TestHelpOfEachCommand(t *testing.T) {
	for _, cmd := range Commands {
		names := []string{cmd.Name}
		for _, sub := range cmd.Sub {
			names = append(names, cmd.Name+" "+sub.Name)
		}
		for i, name := range names {
			code, stdout, stderr := do(t, &platform{}, append(strings.Fields(name), "--help")...)
			if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "usage: codesaga "+name+" ") || !strings.Contains(stdout, "--server URL") {
				t.Errorf("%s --help: %d %q %q", name, code, stdout, stderr)
			}
			if i == 0 && len(names) > 1 && !strings.Contains(stdout, "\ncommands:\n  "+names[1]) {
				t.Errorf("%s --help does not name %s: %q", name, names[1], stdout)
			}
		}
	}
}

func TestRefusalsNameFieldAndRule(t *testing.T) {
	tests := []struct {
		status, problem string
		code            int
		want            string
	}{
		{"422", `{"title":"Invalid","status":422,"errors":[{"field":"limits.timeout_seconds","rule":"1..300"},{"field":"pool","rule":"unknown"}]}`,
			exitUsage, "codesaga: limits.timeout_seconds: 1..300; pool: unknown\n"},
		{"400", `{"title":"Malformed","detail":"line 1:\nno JSON"}`, exitUsage, "codesaga: Malformed: line 1: no JSON\n"},
		{"413", `{"title":"Too large"}`, exitUsage, "codesaga: Too large\n"},
		{"401", `{"title":"Sign in"}`, exitPlatform, "codesaga: Sign in\n"},
		{"429 9", `{"title":"Too many","detail":"3 runs at once"}`, exitPlatform, "codesaga: Too many: 3 runs at once\n"},
		{"500", `<html>`, exitPlatform, "500 Internal Server Error\n"},
	}
	for _, tt := range tests {
		t.Run(tt.status, func(t *testing.T) {
			p := &platform{refuse: []string{tt.status}, problem: tt.problem}
			code, stdout, stderr := do(t, p, "run", scriptFile(t, "a.py", "1"))
			if code != tt.code || stdout != "" || !strings.HasSuffix(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%d %q %q, want %d %q", code, stdout, stderr, tt.code, tt.want)
			}
		})
	}
}
