package runner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Kind says what the bytes of a frame are.
type Kind byte

// The kinds of frames, as they are on the wire.
const (
	Start  Kind = 's' // a Started, in JSON
	Stdout Kind = 'o'
	Stderr Kind = 'e'
	Final  Kind = 'f' // the last frame: an End, in JSON
)

// MaxPayload is the number of bytes that one frame carries at most.
const MaxPayload = 16 << 10

// maxLine is MaxPayload with every byte escaped, and the longest head.
const maxLine = 2*MaxPayload + len("o 9223372036854775807 9223372036854775807 16384 \n")

// ErrFrame says that what was read is not a frame.
var ErrFrame = errors.New("not a frame")

// Frame is a piece of what the runner tells. On the wire it is one line of
// text, for it is read through the Kubernetes log API: containerd cuts at
// newlines, takes "\r\n" for one, and splits lines at 16 KiB, which the kubelet
// joins; all other bytes pass as they are.
//
//	<kind> <number> <position> <length> <payload>\n
//
// Length is that of the bytes before "\", LF and CR became `\\`, `\n` and `\r`.
// There is one spelling of each frame: no signs, no leading zeroes.
type Frame struct {
	Kind     Kind
	Number   int64 // 1, 2, 3, … over all frames of output; 0 for Start and Final
	Position int64 // of the first byte in its stream; 0 for Start and Final
	Bytes    []byte
}

// WriteTo writes f in one call, so that frames of different streams do not mix.
func (f Frame) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(f.append(nil))
	return int64(n), err
}

func (f Frame) append(to []byte) []byte {
	to = f.appendHead(to, len(f.Bytes))
	for rest := f.Bytes; ; {
		i := bytes.IndexAny(rest, "\\\n\r")
		if i < 0 {
			return append(append(to, rest...), '\n')
		}
		to = append(append(to, rest[:i]...), '\\', escapes[rest[i]])
		rest = rest[i+1:]
	}
}

func (f Frame) appendHead(to []byte, length int) []byte {
	to = strconv.AppendInt(append(to, byte(f.Kind), ' '), f.Number, 10)
	to = strconv.AppendInt(append(to, ' '), f.Position, 10)
	return append(strconv.AppendInt(append(to, ' '), int64(length), 10), ' ')
}

var (
	escapes   = map[byte]byte{'\\': '\\', '\n': 'n', '\r': 'r'}
	unescapes = map[byte]byte{'\\': '\\', 'n': '\n', 'r': '\r'}
)

// Reader reads frames. It never holds more than one of them.
type Reader struct {
	lines   *bufio.Reader
	overrun bool // the last line was too long, and its end is still to come
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{lines: bufio.NewReaderSize(r, maxLine)}
}

// Read returns the next frame, with bytes of its own. At the end it returns
// io.EOF; when the last line was cut off, io.ErrUnexpectedEOF. A line that is
// no frame gives an ErrFrame (and is io.ErrUnexpectedEOF as well if it is only
// too short), and the next call goes on behind it.
func (r *Reader) Read() (Frame, error) {
	for {
		line, err := r.lines.ReadSlice('\n')
		skip := r.overrun
		r.overrun = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case skip && err == io.EOF && len(line) > 0:
			return Frame{}, io.ErrUnexpectedEOF
		case skip && (err == nil || r.overrun):
			continue
		case r.overrun:
			return Frame{}, fmt.Errorf("%w: a line of more than %d bytes", ErrFrame, maxLine)
		case err == io.EOF && len(line) > 0:
			return Frame{}, io.ErrUnexpectedEOF
		case err != nil:
			return Frame{}, err
		}
		return parse(line[:len(line)-1])
	}
}

func parse(line []byte) (Frame, error) {
	fields := bytes.SplitN(line, []byte(" "), 5)
	if len(fields) < 5 || len(fields[0]) != 1 {
		return Frame{}, fmt.Errorf("%w: %.40q", ErrFrame, line)
	}
	number, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
	position, err2 := strconv.ParseInt(string(fields[2]), 10, 64)
	length, err3 := strconv.ParseInt(string(fields[3]), 10, 64)
	f := Frame{Kind: Kind(fields[0][0]), Number: number, Position: position}
	if err := errors.Join(err1, err2, err3); err != nil || length < 0 || length > MaxPayload || !f.valid() {
		return Frame{}, fmt.Errorf("%w: %.40q", ErrFrame, line)
	}
	head := f.appendHead(nil, int(length))
	if !bytes.HasPrefix(line, head) {
		return Frame{}, fmt.Errorf("%w: another spelling of %q", ErrFrame, head)
	}
	if f.Bytes, err1 = unescape(line[len(head):]); err1 != nil {
		return Frame{}, err1
	}
	switch n := int64(len(f.Bytes)); {
	case n < length:
		return Frame{}, fmt.Errorf("%w: %d of %d bytes: %w", ErrFrame, n, length, io.ErrUnexpectedEOF)
	case n > length:
		return Frame{}, fmt.Errorf("%w: %d bytes in place of %d", ErrFrame, n, length)
	}
	return f, nil
}

func (f Frame) valid() bool {
	switch f.Kind {
	case Start, Final:
		return f.Number == 0 && f.Position == 0
	case Stdout, Stderr:
		return f.Number > 0 && f.Position >= 0
	}
	return false
}

// output reports whether f is something that was printed.
func (f Frame) output() bool { return f.Kind == Stdout || f.Kind == Stderr }

func unescape(text []byte) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for {
		i := bytes.IndexAny(text, "\\\r")
		if i < 0 {
			return append(out, text...), nil
		}
		out = append(out, text[:i]...)
		if i+1 == len(text) && text[i] == '\\' {
			return nil, fmt.Errorf("%w: half an escape: %w", ErrFrame, io.ErrUnexpectedEOF)
		}
		if text[i] == '\r' || unescapes[text[i+1]] == 0 {
			return nil, fmt.Errorf("%w: an escape that there is not", ErrFrame)
		}
		out = append(out, unescapes[text[i+1]])
		text = text[i+2:]
	}
}
