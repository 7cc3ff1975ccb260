package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds a line, and the data, of a frame. The largest is result_stored
// with two streams of 256 KiB, of which JSON can make six times as much.
const maxLine = 4 << 20

// errTooLong says that a stream is none of ours; reading it again is no use.
var errTooLong = fmt.Errorf("a frame of more than %d bytes", maxLine)

// frame is one event of a stream of Server-Sent Events.
type frame struct {
	id    string // empty: it has none
	event string
	data  []byte
}

// frames reads a stream (WHATWG HTML § 9.2.6).
type frames struct {
	lines *bufio.Scanner
	retry time.Duration // as the server last said; 0: it did not
}

func newFrames(r io.Reader) *frames {
	f := &frames{lines: bufio.NewScanner(r)}
	f.lines.Buffer(make([]byte, 0, 32<<10), maxLine)
	f.lines.Split(splitLines())
	return f
}

// next returns the next frame that is whole: one that the end of the stream cut
// off is dropped. The error is io.EOF, errTooLong or that of the reader.
func (f *frames) next() (frame, error) {
	var fr frame
	var hasData bool
	for f.lines.Scan() {
		line := f.lines.Text()
		if line == "" {
			if hasData {
				return fr, nil
			}
			fr = frame{}
			continue
		}
		name, value, _ := strings.Cut(line, ":") // a comment has no name
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			if hasData {
				fr.data = append(fr.data, '\n')
			}
			fr.data, hasData = append(fr.data, value...), true
		case "event":
			fr.event = value
		case "id":
			if !strings.Contains(value, "\x00") {
				fr.id = value
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				f.retry = time.Duration(ms) * time.Millisecond
			}
		}
		if len(fr.data) > maxLine {
			return frame{}, errTooLong
		}
	}
	switch err := f.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return frame{}, errTooLong
	case err != nil:
		return frame{}, err
	default:
		return frame{}, io.EOF
	}
}

// splitLines splits at LF, CRLF and CR. A CR ends its line at once, though an
// LF may follow: to wait for it would hold a live frame back. What no line end
// follows is no line.
func splitLines() bufio.SplitFunc {
	afterCR := false
	return func(data []byte, _ bool) (int, []byte, error) {
		skip := 0
		if afterCR && len(data) > 0 {
			afterCR = false
			if data[0] == '\n' {
				skip = 1
			}
		}
		i := bytes.IndexAny(data[skip:], "\r\n")
		if i < 0 {
			return skip, nil, nil
		}
		end := skip + i
		afterCR = data[end] == '\r'
		return end + 1, data[skip:end], nil
	}
}
