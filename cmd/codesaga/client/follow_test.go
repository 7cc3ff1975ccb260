package client

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutputIsByteExactAndApart(t *testing.T) {
	raw := "\xff\xfe\x00bytes\r\n\xc3"
	frames := []string{
		"retry: 1\n\n", "event: status\ndata: {\"status\":\"running\"}\n\n", ": still here\n\n",
		out("1.1", "stdout", 0, "é 世界 \r\n\ttab \u2028 </script> \x1b[1m\n"),
		out("1.2", "stderr", 0, "no line end"),
		"id: 1.3\nevent: output\ndata: {\"stream\":\"stdout\",\"position\":30,\"data_base64\":\"" + base64.StdEncoding.EncodeToString([]byte(raw)) + "\"}\n\n",
		"id: 1.4\nevent: output\ndata: {\"stream\":\"stdout\",\"position\":41,\"text\":\"\"}\n\n",
		"event: heartbeat\ndata: {}\n\n", "event: of_the_future\ndata: x\n\n",
		out("1.5", "stdlog", 0, "a stream of the future"),
		ended(completed(41, 11)),
	}
	wantOut := "é 世界 \r\n\ttab \u2028 </script> \x1b[1m\n"
	frames[5] = strings.Replace(frames[5], "30", fmt.Sprint(len(wantOut)), 1)
	frames[6] = strings.Replace(frames[6], "41", fmt.Sprint(len(wantOut+raw)), 1)
	frames[10] = ended(completed(len(wantOut+raw), 11))
	code, stdout, stderr := do(t, &platform{frames: frames}, "run", scriptFile(t, "a.py", "1"))
	if code != 0 || stdout != wantOut+raw || stderr != "no line end" {
		t.Errorf("%d\n%q\n%q", code, stdout, stderr)
	}
}

// abcStream is a stream of every kind of frame, with what it prints.
func abcStream() (frames []string, stdout, stderr string) {
	frames = append(frames, "retry: 1\n\n", "event: status\ndata: {\"status\":\"queued\"}\n\n",
		"id: 1.0\nevent: status\ndata: {\"status\":\"running\",\"type\":\"pod_running\"}\n\n")
	for i := range 5 {
		a, b := strings.Repeat(string(rune('a'+i)), 3), fmt.Sprintf("%dé\n", i)
		frames = append(frames, out(fmt.Sprintf("1.%d", 2*i+1), "stdout", len(stdout), a), out(fmt.Sprintf("1.%d", 2*i+2), "stderr", len(stderr), b), ":\n\n")
		stdout, stderr = stdout+a, stderr+b
	}
	return append(frames, ended(completed(len(stdout), len(stderr)))), stdout, stderr
}

func TestReconnectHasNeitherGapNorDouble(t *testing.T) {
	frames, wantOut, wantErr := abcStream()
	all := len(strings.Join(frames, ""))
	synctest.Test(t, func(t *testing.T) {
		for cut := 1; cut < all; cut++ {
			p := &platform{frames: frames, cut: []int{cut, cut / 2, cut/3 + 1}}
			code, stdout, stderr := doUnreal(t, p, "logs", "-f", "x1")
			if code != 0 || stdout != wantOut || stderr != wantErr {
				t.Fatalf("cut after %d bytes: %d %q %q after %q", cut, code, stdout, stderr, p.asked)
			}
		}
	})
}

func TestReconnectOverTheNetwork(t *testing.T) {
	frames, wantOut, wantErr := abcStream()
	p := &platform{frames: frames, cut: []int{400, 300}, refuse: []string{"", "503", "cut"}}
	code, stdout, stderr := do(t, p, "run", scriptFile(t, "a.py", "1"))
	if code != 0 || stdout != wantOut || stderr != wantErr {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if want := "GET /executions/x1/stream 1.3"; !slices.Contains(p.asked, want) {
		t.Errorf("asked %q, without %q", p.asked, want)
	}
}

func TestRepeatsAndGaps(t *testing.T) {
	head, end := "retry: 1\n\n"+out("1.1", "stdout", 0, "abc"), ended(completed(9, 0))
	tests := []struct {
		name           string
		streams        []string
		stdout, stderr string
		connections    int
	}{
		{"repeated", []string{head + out("1.2", "stdout", 0, "abc") + out("1.3", "stdout", 3, "defghi") + end}, "abcdefghi", "", 1},
		{"overlapping", []string{head + out("1.2", "stdout", 1, "bcdefghi") + end}, "abcdefghi", "", 1},
		{"a gap once", []string{head + out("1.3", "stdout", 6, "ghi") + end, out("1.2", "stdout", 3, "def") + out("1.3", "stdout", 6, "ghi") + end}, "abcdefghi", "", 2},
		{"a gap for ever", []string{head + out("1.3", "stdout", 6, "ghi") + end}, "abcghi", "codesaga: 3 bytes of stdout are missing at 3\n", 4},
		{"a gap and no end", []string{head + out("1.3", "stdout", 6, "gh") + end}, "abcgh",
			"codesaga: 3 bytes of stdout are missing at 3\ncodesaga: stdout is incomplete: 1 bytes at its end are missing\n", 4},
		{"a gap that the server knows", []string{head + "event: gap\ndata: {}\n\n" + out("1.3", "stdout", 6, "ghi") + end}, "abcghi", "\ncodesaga: 3 bytes of stdout are missing at 3\n", 1},
		{"the end alone", []string{end}, "abcdefghi", "", 1},
		{"not even stored", []string{head + ended(completed(12, 0))}, "abcdefghi", "codesaga: stdout is incomplete: 3 bytes at its end are missing\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &platform{streams: tt.streams, answers: map[string]string{"/executions/x1/output?stream=stdout": "abcdefghi"}}
			code, stdout, stderr := do(t, p, "logs", "-f", "x1")
			if code != 0 || stdout != tt.stdout || stderr != strings.TrimPrefix(tt.stderr, "\n") {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
			n := 0
			for _, line := range p.asked {
				if strings.Contains(line, "/stream") {
					n++
				}
				if n == 2 && tt.connections > 1 && line != "GET /executions/x1/stream 1.1" {
					t.Errorf("came back with %q, not from the last good id", line)
				}
			}
			if n != tt.connections {
				t.Errorf("%d connections, want %d: %q", n, tt.connections, p.asked)
			}
		})
	}
}

func TestComesBackInTime(t *testing.T) {
	status := "event: status\ndata: {\"status\":\"running\"}\n\n"
	moved := "id: 1.0\n" + status
	end := ended(completed(0, 0))
	tests := []struct {
		name    string
		streams []string
		refuse  []string
		want    time.Duration
	}{
		{"as the server says", []string{"retry: 1234\n\n" + moved, end}, nil, 1234 * time.Millisecond},
		{"without a word of it", []string{moved, end}, nil, time.Second},
		{"slower and slower", []string{status, status, status, status, status, end}, nil, (1 + 2 + 4 + 5 + 5) * time.Second},
		{"fast again after progress", []string{status, status, moved, end}, nil, (1 + 2 + 1) * time.Second},
		{"at once after shutdown", []string{moved + "event: shutdown\ndata: {\"grace_seconds\":30}\n\n", end}, nil, 0},
		{"after a shutdown, when another goes on", []string{moved + "event: shutdown\ndata: {\"grace_seconds\":30,\"reconnect_after\":3}\n\n", end}, nil, 3 * time.Second},
		{"not in a day", []string{moved + "event: shutdown\ndata: {\"reconnect_after\":86400}\n\n", end}, nil, 5 * time.Second},
		{"not for ever at once", []string{"event: shutdown\ndata: {}\n\n", "event: shutdown\ndata: {}\n\n", end}, nil, 2 * time.Second},
		{"after an error of the server", []string{"event: error\ndata: {\"title\":\"x\",\"status\":503}\n\n", end}, nil, time.Second},
		{"later, when asked to", []string{end}, []string{"503 7"}, 7 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				code, _, stderr := doUnreal(t, &platform{streams: tt.streams, refuse: tt.refuse}, "logs", "-f", "x1")
				if took := time.Since(start); code != 0 || took != tt.want {
					t.Errorf("%d %q after %s, want %s", code, stderr, took, tt.want)
				}
			})
		})
	}
}

func TestGivesUpAfterAMinuteAndSaysHowToGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		refuse := append([]string{""}, slices.Repeat([]string{"503"}, 100)...)
		code, stdout, stderr := doUnreal(t, &platform{streams: []string{out("1.1", "stdout", 0, "abc")}, refuse: refuse}, "logs", "-f", "x1")
		if code != exitPlatform || stdout != "abc" || !strings.HasSuffix(stderr, "follow it with: codesaga logs -f x1\n") {
			t.Errorf("%d %q %q", code, stdout, stderr)
		}
		if took := time.Since(start); took < 50*time.Second || took > time.Minute {
			t.Errorf("gave up after %s", took)
		}
	})
}

func TestWhatNoReconnectMends(t *testing.T) {
	tests := []struct {
		name, stream, refuse, want string
	}{
		{"not there", "", "404", "404 Not Found"},
		{"a line without an end", "data: " + strings.Repeat("x", maxLine), "", "frame of more than"},
		{"data without an end", strings.Repeat("data: "+strings.Repeat("x", maxLine/4)+"\n", 5), "", "frame of more than"},
		{"output that is none", "event: output\ndata: {\"position\":\"x\"}\n\n", "", "a frame of output"},
		{"a result that is none", "event: result_stored\ndata: {}\n\n", "", "without id or status"},
		{"forbidden in the middle", "event: error\ndata: {\"title\":\"Forbidden\",\"status\":403}\n\n", "", "Forbidden"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &platform{streams: []string{tt.stream}, refuse: []string{tt.refuse}}
			code, _, stderr := do(t, p, "logs", "-f", "x1")
			if code != exitPlatform || !strings.Contains(stderr, tt.want) || len(p.asked) != 1 {
				t.Errorf("%d %q after %q", code, stderr, p.asked)
			}
		})
	}
}

func TestStreamThatIsOver(t *testing.T) {
	p := &platform{streams: []string{"204"}, final: `{"id":"x1","status":"failed","result":{"exit_code":7,"stdout_bytes":3}}`,
		answers: map[string]string{"/executions/x1/output?stream=stdout": "abc"}}
	if code, stdout, stderr := do(t, p, "run", scriptFile(t, "a.py", "1")); code != 7 || stdout != "abc" || stderr != "" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

// silent accepts the first stream, says hello a few times, a minute apart, and
// then nothing; its successor ends.
type silent struct{ streams, hellos int }

func (s *silent) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(ended(completed(0, 0))))
	if s.streams++; s.streams == 1 {
		pr, pw := io.Pipe()
		go func() {
			for range s.hellos {
				_, _ = io.WriteString(pw, ": hello\n\n")
				time.Sleep(time.Minute)
			}
			<-r.Context().Done()
			pw.CloseWithError(r.Context().Err())
		}()
		body = pr
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body, Request: r}, nil
}

func TestDeadConnectionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &silent{hellos: 10}
		code, _, stderr := doUnreal(t, s, "logs", "-f", "x1")
		if took := time.Since(start); code != 0 || s.streams != 2 || took != 9*time.Minute+silence+firstRetry {
			t.Errorf("%d %q, %d streams in %s", code, stderr, s.streams, took)
		}
	})
}

// full is a writer to a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	var stderr strings.Builder
	p := &platform{streams: []string{out("1.1", "stdout", 0, "abc") + ended(completed(3, 0))}}
	if code := Run(t.Context(), []string{"logs", "-f", "x1"}, IO{Stdout: full{}, Stderr: &stderr, transport: p}); code != exitPlatform {
		t.Errorf("%d %q", code, stderr.String())
	}
}
