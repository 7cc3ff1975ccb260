package runner

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// Whatever is read as feeds is the same bytes when it is written again, and it
// takes no more memory than one feed has.
func FuzzFeeds(f *testing.F) {
	f.Add(EncodeFeed("a", []byte("hello\r\n\\ \x00\xff"), false, ""))
	f.Add(EncodeFeed("b", nil, true, "SIGINT"))
	f.Add([]byte("half a li" + string(EncodeFeed("c", []byte("x"), true, ""))))
	f.Add([]byte("i a -c 0 \ni a sSIGKILL 0 \ni a b - 0 \ni a - 1 \\x\ni a - 99999999 x\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for r := newFeedReader(bytes.NewReader(in)); ; {
			got, err := r.read()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("unexpected error: %v", err)
				}
				return
			}
			if len(got.data) > MaxFeed || r.lines.Size() > maxFeedLine {
				t.Errorf("%d bytes, buffer %d", len(got.data), r.lines.Size())
			}
			if line := EncodeFeed(got.id, got.data, got.close, got.signal); !bytes.Contains(in, line) {
				t.Errorf("read %+v, which is written as %q", got, line)
			}
		}
	})
}

func TestFeedsAreFoundBetweenWhatIsNone(t *testing.T) {
	largest := feed{strings.Repeat("~", maxFeedID), bytes.Repeat([]byte("\n"), MaxFeed), true, "SIGWINCH"}
	want := []feed{{"1", []byte("a b\n"), false, ""}, {"2", []byte{}, true, ""}, {"3", []byte{}, false, "SIGINT"}, largest}
	var in []byte
	for _, f := range want {
		in = append(in, "i 9 - 9 cut o\ni x sSIGKILL 0 \ni  - 0 \ni é - 0 \ni x - 65537 \n"...)
		in = append(append(in, strings.Repeat("x", 2*maxFeedLine)...), '\n')
		in = f.append(in)
	}
	var got []feed
	for r := newFeedReader(bytes.NewReader(append(in, "i 5 - 1 x"...))); ; {
		f, err := r.read()
		if err != nil {
			break
		}
		got = append(got, f)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %d of %d", len(got), len(want))
		for _, f := range got {
			t.Errorf("%.20s %.20q %t %s", f.id, f.data, f.close, f.signal)
		}
	}
}
