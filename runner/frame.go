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
	Start        Kind = 's' // a Started, in JSON
	Stdout       Kind = 'o'
	Stderr       Kind = 'e'
	CompileOut   Kind = 'c' // both outputs of the compile step, as they came
	ArtifactData Kind = 'a' // the files below /out, one behind the other; which, is in End
	Ack          Kind = 'k' // the ID of a feed that the script has got
	Final        Kind = 'f' // the last frame: an End, in JSON
)

// MaxPayload is the number of bytes that one frame carries at most.
const MaxPayload = 16 << 10

// maxFinal is that of a Final frame: it has the names of all artifacts.
const maxFinal = 2 * MaxPayload

// maxLine is maxFinal with every byte escaped, and the longest head.
const maxLine = 2*maxFinal + len("f 9223372036854775807 9223372036854775807 32768 \n")

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
	Number   int64 // 1, 2, 3, … over all frames of the four streams; 0 for the others
	Position int64 // of the first byte in its stream; 0 for the others
	Bytes    []byte
}

// WriteTo writes f in one call, so that frames of different streams do not mix.
func (f Frame) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(f.append(nil))
	return int64(n), err
}

func (f Frame) append(to []byte) []byte {
	return append(escape(f.appendHead(to, len(f.Bytes)), f.Bytes), '\n')
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
	if err := errors.Join(err1, err2, err3); err != nil || length < 0 || length > f.most() || !f.valid() {
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
	case Start, Ack, Final:
		return f.Number == 0 && f.Position == 0
	}
	return f.output() && f.Number > 0 && f.Position >= 0
}

func (f Frame) most() int64 {
	if f.Kind == Final {
		return maxFinal
	}
	return MaxPayload
}

// output reports whether f is a piece of one of the four streams.
func (f Frame) output() bool {
	switch f.Kind {
	case Stdout, Stderr, CompileOut, ArtifactData:
		return true
	}
	return false
}

func escape(to, text []byte) []byte {
	for {
		i := bytes.IndexAny(text, "\\\n\r")
		if i < 0 {
			return append(to, text...)
		}
		to = append(append(to, text[:i]...), '\\', escapes[text[i]])
		text = text[i+1:]
	}
}

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
