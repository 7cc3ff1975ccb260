package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// replaced are the marks in place of bytes that are no text: how many of them
// stand for a run of such bytes is not promised.
var replaced = regexp.MustCompile("\uFFFD+")

func shown(raw string) string { return strings.ToValidUTF8(raw, "\uFFFD") }

// EX-12, DF-04.
func TestDF04OutputIsKeptByteForByte(t *testing.T) {
	s := beside(t, time.Minute)
	var every []byte
	for i := range 256 {
		every = append(every, byte(i))
	}
	const text = "é 漢字 🐘 \u0000\r\n\\n\r \\"
	cases := []struct{ name, script, stdout, stderr string }{
		{"text", `os.write(1, text); os.write(2, text + text)`, text, text + text},
		{"half a code point", `os.write(1, b"a\xe2\x82"); os.write(2, b"\xa9b\xf0\x9f")`, "a\xe2\x82", "\xa9b\xf0\x9f"},
		{"a code point in two writes", `os.write(1, b"\xe2\x82"); time.sleep(0.5); os.write(1, b"\xac")`, "€", ""},
		{"every byte", `os.write(1, bytes(range(256))*50); os.write(2, bytes(range(256)))`, strings.Repeat(string(every), 50), string(every)},
		{"no newline at the end", `print("x", end="")`, "x", ""},
		{"nothing", `pass`, "", ""},
	}
	var subs []submission
	for _, c := range cases {
		subs = append(subs, python("import os, time\ntext = "+pythonBytes(text)+"\n"+c.script))
	}
	for i, x := range s.runs(subs...) {
		c := cases[i]
		out, err := s.output(x.ID, "stdout"), s.output(x.ID, "stderr")
		if x.verdict() != "completed 0" || out != c.stdout || err != c.stderr {
			t.Errorf("%s: %s, stdout: %s, stderr: %s", c.name, x.verdict(), difference(out, c.stdout), difference(err, c.stderr))
		}
		if replaced.ReplaceAllString(x.stdout(), "\uFFFD") != shown(c.stdout) || replaced.ReplaceAllString(x.stderr(), "\uFFFD") != shown(c.stderr) {
			t.Errorf("%s: in JSON stdout is %.100q, stderr %.100q", c.name, x.stdout(), x.stderr())
		}
		if x.Result.StdoutBytes != int64(len(c.stdout)) || x.Result.StderrBytes != int64(len(c.stderr)) {
			t.Errorf("%s: %d and %d bytes", c.name, x.Result.StdoutBytes, x.Result.StderrBytes)
		}
		s.checkEnd(s.follow(s.base, x.ID), x)
	}
}

// pythonBytes is a literal of Python with the bytes of s.
func pythonBytes(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	b.WriteString(`b"`)
	for i := range len(s) {
		b.WriteString(`\x`)
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	b.WriteString(`"`)
	return b.String()
}

// EX-13, DF-05.
func TestDF05ManyLinesAreAllKept(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(python("for i in range(20000): print(i)"))
	stored := s.output(x.ID, "stdout")
	if n := strings.Count(stored, "\n"); x.verdict() != "completed 0" || n != 20000 || !strings.HasSuffix(stored, "\n19999\n") || x.Result.StdoutTruncated {
		t.Errorf("%s, %d lines, %s", x.verdict(), n, jsonOf(x.Result.StdoutTruncated))
	}
	if x.stdout() != stored {
		t.Error("below 256 KiB GET has all of it: " + difference(x.stdout(), stored))
	}
}

// EX-13, DF-05, DF-06.
func TestDF06WhatIsBeyondTheCapIsCountedAndCut(t *testing.T) {
	group(t)
	const kept = 1 << 20
	for _, c := range []struct {
		name, script, verdict, line string
		bytes                       int64
	}{
		{"1 000 000 lines", "for i in range(1_000_000): print('x')", "completed 0", "x\n", 2_000_000},
		{"100 MiB", "import sys\nline = b'0123456789abcde\\n' * 4096\nfor i in range(1600): sys.stdout.buffer.write(line)\nsys.exit(7)",
			"failed script_error 7", "0123456789abcde\n", 100 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := beside(t, 2*time.Minute)
			sub := python(c.script)
			sub.Env = map[string]string{"PYTHONUNBUFFERED": ""} // or each line is a write
			sub.Limits = &limits{Timeout: 60}
			x := s.run(sub)
			stored := s.output(x.ID, "stdout")
			if x.verdict() != c.verdict || !x.Result.StdoutTruncated || x.Result.StdoutBytes != c.bytes || x.Result.StderrTruncated {
				t.Errorf("%s, truncated %t, %d bytes, want %s, true, %d", x.verdict(), x.Result.StdoutTruncated, x.Result.StdoutBytes, c.verdict, c.bytes)
			}
			if want := strings.Repeat(c.line, kept/len(c.line)); stored != want {
				t.Errorf("%d bytes are stored, want %d; %s", len(stored), len(want), difference(stored, want))
			}
			if got := x.stdout(); len(got) > 256<<10 || !strings.HasPrefix(stored, got) || got == "" {
				t.Errorf("GET has %d bytes of it, want the first 256 KiB", len(got))
			}
			s.checkEnd(s.follow(s.base, x.ID), x)
		})
	}
}

// EX-13.
func TestOutputIsCutBetweenCharacters(t *testing.T) {
	s := beside(t, time.Minute)
	sub := python(`print("x" + "é" * 1000, end="")`)
	sub.Limits = &limits{Output: 1 << 10}
	x := s.run(sub)
	stored := s.output(x.ID, "stdout")
	if want := "x" + strings.Repeat("é", 511); stored != want || !utf8.ValidString(stored) {
		t.Errorf("%d bytes, %s", len(stored), difference(stored, want))
	}
	if x.verdict() != "completed 0" || !x.Result.StdoutTruncated || x.Result.StdoutBytes != 2001 {
		t.Errorf("%s %t %d", x.verdict(), x.Result.StdoutTruncated, x.Result.StdoutBytes)
	}
}
