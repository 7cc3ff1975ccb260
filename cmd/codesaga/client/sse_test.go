package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readFrames reads r to its end.
func readFrames(r io.Reader) (got []frame, retry time.Duration, err error) {
	f := newFrames(r)
	for {
		fr, err := f.next()
		if err != nil {
			return got, f.retry, err
		}
		got = append(got, fr)
	}
}

func TestFrames(t *testing.T) {
	tests := []struct {
		name, in string
		want     []frame
	}{
		{"all fields", "id: 1.2\nevent: output\ndata: {}\n\n", []frame{{"1.2", "output", []byte("{}")}}},
		{"one blank is no part of a value", "id:1\nevent:  x\ndata:a: b\n\n", []frame{{"1", " x", []byte("a: b")}}},
		{"CRLF, CR and LF", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", []frame{{data: []byte("a")}, {data: []byte("b")}, {data: []byte("c")}}},
		{"CRLF in a frame", "id: 1\r\nevent: x\r\ndata: a\r\ndata: b\r\n\r\n", []frame{{"1", "x", []byte("a\nb")}}},
		{"lines of data", "data: a\ndata:\ndata: b\n\n", []frame{{data: []byte("a\n\nb")}}},
		{"comments and unknown fields", ": x\n\n:\nfoo: bar\ndata\n\n", []frame{{data: nil}}},
		{"nothing without data", "id: 7\nevent: x\n\ndata: a\n\n", []frame{{data: []byte("a")}}},
		{"an id with NUL", "id: a\x00\ndata: a\n\n", []frame{{data: []byte("a")}}},
		{"cut in the middle", "data: a\n\nid: 9\ndata: b\n", []frame{{data: []byte("a")}}},
		{"cut in a line", "data: a\n\ndata: b", []frame{{data: []byte("a")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				got, _, err := readFrames(r)
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(frame{})); diff != "" || !errors.Is(err, io.EOF) {
					t.Errorf("%v %s", err, diff)
				}
			}
		})
	}
}

func TestRetryOfAStream(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"retry: 1500\n": 1500 * time.Millisecond, "retry: x\n": 0, "retry: -1\n": 0, "retry: 99999999999999999999\n": 0, "": 0,
	} {
		if _, got, _ := readFrames(strings.NewReader(in)); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestLargestLine(t *testing.T) {
	in := "data: " + strings.Repeat("x", maxLine-100) + "\n\n"
	if got, _, err := readFrames(strings.NewReader(in)); len(got) != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("%d frames, %v", len(got), err)
	}
}

func FuzzFramesDoNotDependOnPackets(f *testing.F) {
	f.Add("id: 1\r\nevent: x\rdata: a\n\n: c\n\nretry: 5\ndata: b\r\r\ndata")
	f.Fuzz(func(t *testing.T, in string) {
		whole, retry, err := readFrames(strings.NewReader(in))
		bytewise, again, err2 := readFrames(iotest.OneByteReader(strings.NewReader(in)))
		if diff := cmp.Diff(whole, bytewise, cmp.AllowUnexported(frame{})); diff != "" || retry != again || !errors.Is(err, io.EOF) || !errors.Is(err2, io.EOF) {
			t.Errorf("%v %v %s", err, err2, diff)
		}
	})
}
