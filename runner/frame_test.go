package runner

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// Whatever is read as frames is the same bytes when it is written again; what
// is not frames is refused without taking more memory than one frame has.
func FuzzFrames(f *testing.F) {
	var few bytes.Buffer
	for _, frame := range []Frame{
		{Stdout, 1, 0, []byte("hello\r\n\\ \x00\xff")},
		{Stderr, 2, 1 << 62, []byte("\n")},
		{Stdout, 3, 9, []byte{}},
		{CompileOut, 4, 0, []byte("x.go:1: no\n")},
		{ArtifactData, 5, 0, []byte{0}},
		{Ack, 0, 0, []byte("id")},
		{Final, 0, 0, []byte(`{"exit_code":0}`)},
	} {
		if _, err := frame.WriteTo(&few); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(few.Bytes())
	for _, s := range []string{
		"o 1 0 9999999999 x\n", "o 1 0 2 h", "o 1 0 2 h\n", "o 01 0 2 x\n", "o 1 0 1 \\x\n", "o 1 0 1 \\", "o 1 0 1 x\\\n", "o 1 0 0 \nnonsense\n", "f 1 1 0 \n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, out := NewReader(bytes.NewReader(in)), new(bytes.Buffer)
		for {
			frame, err := r.Read()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrFrame) {
					t.Errorf("unexpected error: %v", err)
				}
				if errors.Is(err, io.EOF) && out.Len() != len(in) {
					t.Errorf("%d of %d bytes, and no error", out.Len(), len(in))
				}
				break
			}
			if int64(len(frame.Bytes)) > frame.most() || r.lines.Size() > maxLine {
				t.Errorf("%d bytes, buffer %d", len(frame.Bytes), r.lines.Size())
			}
			if _, err := frame.WriteTo(out); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(in, out.Bytes()) {
			t.Errorf("read %q, wrote %q", in, out.Bytes())
		}
	})
}

func TestFrameIsOneLineAndOneWrite(t *testing.T) {
	var w writes
	n, err := Frame{Stdout, 7, 12, []byte("a\r\nb\\n é\xff")}.WriteTo(&w)
	if want := "o 7 12 10 a\\r\\nb\\\\n é\xff\n"; err != nil || len(w) != 1 || w[0] != want || n != int64(len(want)) {
		t.Errorf("wrote %q, %v", w, err)
	}
}

// The longest line there is: every byte escaped, and the longest numbers.
func TestLongestFrame(t *testing.T) {
	for _, want := range []Frame{
		{Stdout, 1<<63 - 1, 1<<63 - 1, bytes.Repeat([]byte("\n"), MaxPayload)},
		{Final, 0, 0, bytes.Repeat([]byte("\\"), maxFinal)},
	} {
		var wire bytes.Buffer
		if n, err := want.WriteTo(&wire); err != nil || n > int64(maxLine) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if got, err := NewReader(&wire).Read(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %d bytes, %v", len(got.Bytes), err)
		}
		want.Bytes = append(want.Bytes, 'x')
		_, _ = want.WriteTo(&wire)
		if _, err := NewReader(&wire).Read(); !errors.Is(err, ErrFrame) {
			t.Errorf("one byte more: %v", err)
		}
	}
}

type writes []string

func (w *writes) Write(b []byte) (int, error) { *w = append(*w, string(b)); return len(b), nil }

func TestReaderTellsWhatIsWrong(t *testing.T) {
	const good = "o 1 0 2 hi\n"
	endless := strings.Repeat("x", 1<<20)
	for in, want := range map[string][]error{
		"":                       {io.EOF},
		good:                     {nil, io.EOF},
		good + good[:4]:          {nil, io.ErrUnexpectedEOF},
		"o 1 0 3 hi\n" + good:    {io.ErrUnexpectedEOF, nil, io.EOF},
		"o 1 0 3 hi\\\n" + good:  {io.ErrUnexpectedEOF, nil, io.EOF},
		"o 1 0 1 hi\n" + good:    {ErrFrame, nil, io.EOF},
		"o 1 0 +2 hi\n" + good:   {ErrFrame, nil, io.EOF},
		"o 01 0 3 hi\n" + good:   {ErrFrame, nil, io.EOF},
		"o 1 -1 2 hi\n" + good:   {ErrFrame, nil, io.EOF},
		"o 0 0 2 hi\n" + good:    {ErrFrame, nil, io.EOF},
		"x 1 0 2 hi\n" + good:    {ErrFrame, nil, io.EOF},
		"o 1 0 3 h\ri\n" + good:  {ErrFrame, nil, io.EOF},
		"\n" + good:              {ErrFrame, nil, io.EOF},
		endless + "\n" + good:    {ErrFrame, nil, io.EOF},
		endless:                  {ErrFrame, io.ErrUnexpectedEOF},
		good + endless + endless: {nil, ErrFrame, io.ErrUnexpectedEOF},
	} {
		r := NewReader(strings.NewReader(in))
		for i, want := range want {
			if _, err := r.Read(); !errors.Is(err, want) {
				t.Errorf("%.30q, read %d: got %v, want %v", in, i, err, want)
			}
		}
	}
}
