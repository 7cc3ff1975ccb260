package web

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/codesaga/codesaga/execution"
)

func TestOutput(t *testing.T) {
	s, m, _ := serve(nil)
	m.outputs = map[execution.Stream]string{execution.Stdout: "a\xff\x00", execution.Stderr: "<script>", execution.Compile: "warning"}
	for query, want := range map[string]string{"": "a\xff\x00", "?stream=stdout": "a\xff\x00", "?stream=stderr": "<script>", "?stream=compile&format=raw": "warning"} {
		w := ask(s, "GET", executions+"/x1/output"+query, "")
		h := w.Header()
		if w.Body.String() != want || h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment;") {
			t.Errorf("%s: %q %v", query, w.Body, h)
		}
	}
	m.set("x1", func(*execution.Execution) {})
	defer func() {
		if r, _ := recover().(error); !errors.Is(r, http.ErrAbortHandler) {
			t.Errorf("an answer that broke off looks whole: %v", r)
		}
	}()
	s.Executions = &memory{rows: m.rows}
	m.err = errSecret
	ask(s, "GET", executions+"/x1/output", "")
}

func TestOutputAsText(t *testing.T) {
	s, m, _ := serve(nil)
	m.outputs = map[execution.Stream]string{execution.Stdout: "a\xff\xc3", execution.Compile: "é"}
	for query, want := range map[string]string{"?format=text": "a\uFFFD\uFFFD", "?format=text&stream=compile": "é", "?format=text&stream=stderr": ""} {
		w := ask(s, "GET", executions+"/x1/output"+query, "")
		if h := w.Header(); w.Body.String() != want || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Disposition") != "" {
			t.Errorf("%s: %q %v", query, w.Body, h)
		}
	}
}

// However the bytes are cut, the text is the same, and valid.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "aé€😀", "\xff\xc3\xa9\xf0\x9f", "\xed\xa0\x80", "\xc3"} {
		f.Add([]byte(seed), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		var got bytes.Buffer
		w := textWriter{to: &got}
		for rest := b; len(rest) > 0; {
			n := min(max(size, 1), len(rest))
			if wrote, err := w.Write(rest[:n]); wrote != n || err != nil {
				t.Fatal(wrote, err)
			}
			rest = rest[n:]
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		for _, r := range string(b) { // ranging makes each wrong byte U+FFFD
			want.WriteRune(r)
		}
		if got.String() != want.String() || !utf8.Valid(got.Bytes()) {
			t.Errorf("%q became %q, want %q", b, &got, want.String())
		}
	})
}
