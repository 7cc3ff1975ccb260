package client

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// conversation is a server with one interactive run, x1: it starts after a
// while and ends, as final says, when it was told what ends it.
type conversation struct {
	starts time.Duration
	ends   string   // what a body has that ends it
	refuse []string // how the next feeds are refused, as in platform
	final  string

	mu   sync.Mutex
	got  []string // bodies of what was accepted, with "cancel" among them
	keys []string // of all that were sent
	pipe *io.PipeWriter
}

func (v *conversation) RoundTrip(r *http.Request) (*http.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	resp := &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Body: http.NoBody, Request: r}
	switch path := strings.TrimPrefix(r.URL.Path, prefix); path {
	case "/executions":
		resp.Body = io.NopCloser(strings.NewReader(`{"id":"x1","status":"queued"}`))
	case "/executions/x1/stream":
		resp.StatusCode, resp.Header = http.StatusOK, http.Header{"Content-Type": {"text/event-stream"}}
		resp.Body, v.pipe = io.Pipe()
		go v.begin()
	case "/executions/x1/cancel":
		v.hear("cancel")
	case "/executions/x1/input":
		body, _ := io.ReadAll(r.Body)
		v.keys = append(v.keys, r.Header.Get("Idempotency-Key"))
		switch refusal := pop(&v.refuse); refusal {
		case "":
			v.hear(string(body))
		case "cut":
			return nil, io.ErrUnexpectedEOF
		default:
			_, _ = fmt.Sscan(refusal, &resp.StatusCode)
		}
	}
	return resp, nil
}

func (v *conversation) begin() {
	_, _ = io.WriteString(v.pipe, "event: status\ndata: {\"status\":\"queued\",\"type\":\"snapshot\"}\n\n")
	time.Sleep(v.starts)
	_, _ = io.WriteString(v.pipe, "id: 1.0\nevent: status\ndata: {\"status\":\"running\",\"type\":\"pod_running\"}\n\n")
}

// hear takes what was sent.
func (v *conversation) hear(body string) {
	v.got = append(v.got, body)
	if strings.Contains(body, v.ends) {
		go func() { _, _ = io.WriteString(v.pipe, ended(v.final)) }()
	}
}

// talk runs "run -i" against v, with a stdin that type writes to and interrupts
// that it sends.
func talk(t *testing.T, v *conversation, talking func(stdin *io.PipeWriter, signals chan<- os.Signal)) (code int, stderr string) {
	t.Helper()
	in, stdin := io.Pipe()
	defer in.Close()
	defer stdin.Close()
	signals := make(chan os.Signal)
	go talking(stdin, signals)
	var e bytes.Buffer
	code = Run(t.Context(), []string{"run", "-i", "--language", "python", scriptFile(t, "a.py", "1")},
		IO{Stdin: in, Stdout: io.Discard, Stderr: &e, Interrupts: signals, transport: v})
	return code, e.String()
}

func TestInputIsSentLiveAndInOrder(t *testing.T) {
	tests := []struct {
		name   string
		refuse []string
		took   time.Duration
	}{
		{"at once", nil, 3 * time.Second},
		{"the server away", []string{"503", "cut", "502"}, 3*time.Second + (250+500+1000)*time.Millisecond},
		{"the start not known everywhere", []string{"409", "409"}, 3*time.Second + 750*time.Millisecond},
		{"more than it takes", []string{"429", "", "429", "", "503"}, 3*time.Second + 750*time.Millisecond},
		{"away for long", slices.Repeat([]string{"503"}, 40), 3*time.Second + 3750*time.Millisecond + 36*4*time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, v := time.Now(), &conversation{starts: 3 * time.Second, ends: "close", refuse: tt.refuse, final: completed(0, 0)}
				code, stderr := talk(t, v, func(stdin *io.PipeWriter, _ chan<- os.Signal) {
					for _, line := range []string{"one\n", "zw\xff", "drei"} {
						_, _ = io.WriteString(stdin, line)
					}
					_ = stdin.Close()
				})
				if took := time.Since(start); code != 0 || stderr != "" || took != tt.took {
					t.Errorf("%d %q after %s, want %s", code, stderr, took, tt.took)
				}
				want := []string{`{"data":"one\n"}`, `{"data_base64":"enf/"}`, `{"data":"drei"}`, `{"close":true}`}
				if diff := cmp.Diff(want, v.got); diff != "" {
					t.Error(diff)
				}
				if len(slices.Compact(v.keys)) != 4 {
					t.Errorf("keys %q, want one for each piece", v.keys)
				}
			})
		})
	}
}

func TestLongInputIsSentInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("0123456789abcde\n", 20_000)
		v := &conversation{ends: "close", final: completed(0, 0)}
		code, stderr := talk(t, v, func(stdin *io.PipeWriter, _ chan<- os.Signal) {
			_, _ = io.WriteString(stdin, long)
			_ = stdin.Close()
		})
		var all strings.Builder
		for _, body := range v.got[:len(v.got)-1] {
			data := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(body, `{"data":"`), `"}`), `\n`, "\n")
			if len(data) > 64<<10 {
				t.Errorf("a piece of %d bytes", len(data))
			}
			all.WriteString(data)
		}
		if code != 0 || all.String() != long {
			t.Errorf("%d %q, %d bytes of %d", code, stderr, all.Len(), len(long))
		}
	})
}

func TestInterruptsOfAnInteractiveRun(t *testing.T) {
	const sigint = `{"signal":"SIGINT"}`
	tests := []struct {
		name   string
		starts time.Duration
		ends   string
		final  string
		pauses []time.Duration // before each interrupt
		kind   os.Signal
		code   int
		want   []string
	}{
		{"the script heeds it", 0, sigint, `{"id":"x1","status":"failed","result":{"exit_code":130,"signal":"SIGINT"}}`, []time.Duration{time.Second}, os.Interrupt, 130, []string{sigint}},
		{"the script makes something of it", 0, sigint, completed(0, 0), []time.Duration{time.Second}, os.Interrupt, 0, []string{sigint}},
		{"each one, in its own time", 0, "cancel", `{"id":"x1","status":"cancelled"}`, []time.Duration{time.Second, 3 * time.Second, 3 * time.Second, time.Second}, os.Interrupt,
			130, []string{sigint, sigint, sigint, "cancel"}},
		{"twice cancels", 0, "cancel", `{"id":"x1","status":"cancelled"}`, []time.Duration{time.Second, time.Second}, os.Interrupt, 130, []string{sigint, "cancel"}},
		{"three times leaves", 0, "never", "", []time.Duration{time.Second, time.Second, time.Second}, os.Interrupt, 130, []string{sigint, "cancel"}},
		{"before it runs", time.Minute, "cancel", `{"id":"x1","status":"cancelled"}`, []time.Duration{time.Second}, os.Interrupt, 130, []string{"cancel"}},
		{"SIGTERM is for the client", 0, "cancel", `{"id":"x1","status":"cancelled"}`, []time.Duration{time.Second}, syscall.SIGTERM, 130, []string{"cancel"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &conversation{starts: tt.starts, ends: tt.ends, final: tt.final}
				code, stderr := talk(t, v, func(_ *io.PipeWriter, signals chan<- os.Signal) {
					for _, d := range tt.pauses {
						time.Sleep(d)
						signals <- tt.kind
					}
				})
				if diff := cmp.Diff(tt.want, v.got); code != tt.code || diff != "" {
					t.Errorf("%d %q %s", code, stderr, diff)
				}
				if v.pipe.Close(); tt.starts > 0 {
					time.Sleep(tt.starts)
				}
			})
		})
	}
}

func TestInputThatIsRefusedDoesNotEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &conversation{ends: "cancel", refuse: []string{"413"}, final: `{"id":"x1","status":"cancelled"}`}
		code, stderr := talk(t, v, func(stdin *io.PipeWriter, signals chan<- os.Signal) {
			_, _ = io.WriteString(stdin, "too much")
			time.Sleep(time.Second)
			signals <- os.Interrupt // nothing can be sent: it cancels
		})
		if code != exitCancelled || !strings.HasPrefix(stderr, "codesaga: no more input is sent: ") || !slices.Equal(v.got, []string{"cancel"}) {
			t.Errorf("%d %q %q", code, stderr, v.got)
		}
	})
}

func TestInputAndSignalOfAnotherTerminal(t *testing.T) {
	file := scriptFile(t, "in", "from a file")
	tests := []struct {
		args   string
		refuse []string
		code   int
		want   []string
		stderr string
	}{
		{"input x1", nil, 0, []string{`{"data":"from stdin"}`}, ""},
		{"input x1 -", nil, 0, []string{`{"data":"from stdin"}`}, ""},
		{"input x1 FILE", nil, 0, []string{`{"data":"from a file"}`}, ""},
		{"input --close x1", nil, 0, []string{`{"close":true}`}, ""},
		{"input x1 FILE --close", nil, 0, []string{`{"data":"from a file"}`, `{"close":true}`}, ""},
		{"input x1 FILE --close", []string{"503"}, 0, []string{`{"data":"from a file"}`, `{"data":"from a file"}`, `{"close":true}`}, ""},
		{"input x1 FILE --close", []string{"409"}, exitPlatform, []string{`{"data":"from a file"}`}, "codesaga: Conflict: it has ended\n"},
		{"input x1 /nowhere", nil, exitUsage, nil, "codesaga: open /nowhere: no such file or directory\n"},
		{"input", nil, exitUsage, nil, "codesaga: usage: codesaga input [--close] ID [FILE|-]\n"},
		{"signal x1 SIGUSR1", nil, 0, []string{`{"signal":"SIGUSR1"}`}, ""},
		{"signal x1 int", nil, 0, []string{`{"signal":"SIGINT"}`}, ""},
		{"signal x1 KILL", nil, exitUsage, nil, "codesaga: signal: \"KILL\" is none of SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH\n"},
		{"signal x1 TERM", []string{"409"}, exitPlatform, []string{`{"signal":"SIGTERM"}`}, "codesaga: Conflict: it has ended\n"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{refuse: tt.refuse, problem: `{"title":"Conflict","detail":"it has ended"}`, answers: map[string]string{"POST /executions/x1/input": `{"id":"f1"}`}}
				var stderr bytes.Buffer
				args := strings.Fields(strings.ReplaceAll(tt.args, "FILE", file))
				code := Run(t.Context(), args, IO{Stdin: strings.NewReader("from stdin"), Stdout: io.Discard, Stderr: &stderr, transport: p})
				if diff := cmp.Diff(tt.want, p.bodies); code != tt.code || stderr.String() != tt.stderr || diff != "" {
					t.Errorf("%d %q %s", code, &stderr, diff)
				}
			})
		})
	}
}
