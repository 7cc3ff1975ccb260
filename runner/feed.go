package runner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// MaxFeed is the number of bytes that one feed carries at most.
const MaxFeed = 64 << 10

// maxFeedID is the length of the longest ID of a feed.
const maxFeedID = 255

// maxFeedLine is MaxFeed with every byte escaped, and the longest head.
const maxFeedLine = 2*MaxFeed + maxFeedID + len("i  csSIGWINCH 65536 \n")

// Signals are those that a feed may carry, such as people send to programs.
var Signals = []string{"SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"}

// feed is something for the script: input, its end, or a signal. On the wire it
// is one line of text, escaped as in a Frame:
//
//	i <id> <flags> <length> <data>\n
//
// ID is 1 to 255 visible characters of ASCII. Flags are c (the end of its stdin,
// behind data), then s and the name of a signal, or - if there are none. There
// is one spelling of each feed.
type feed struct {
	id     string
	data   []byte
	close  bool
	signal string
}

// EncodeFeed returns a feed as a runner reads it on its stdin. When the script
// has got it, the runner says so with a frame of kind Ack; of the ID and the
// signal, see Signals, it is not checked here whether a runner takes them.
func EncodeFeed(id string, data []byte, end bool, signal string) []byte {
	f := feed{id, data, end, signal}
	return f.append(nil)
}

func (f feed) append(to []byte) []byte {
	return append(escape(f.appendHead(to, len(f.data)), f.data), '\n')
}

func (f feed) appendHead(to []byte, length int) []byte {
	flags := ""
	if f.close {
		flags = "c"
	}
	if f.signal != "" {
		flags += "s" + f.signal
	}
	if flags == "" {
		flags = "-"
	}
	return fmt.Appendf(to, "i %s %s %d ", f.id, flags, length)
}

// feedReader reads feeds. It never holds more than one of them.
type feedReader struct {
	lines   *bufio.Reader
	overrun bool // the last line was too long, and its end is still to come
}

func newFeedReader(r io.Reader) *feedReader {
	return &feedReader{lines: bufio.NewReaderSize(r, maxFeedLine)}
}

// read returns the next feed that there is. What is no feed is skipped: a line
// may have been cut off when whoever wrote it lost the connection. (Who writes
// after that begins with a newline, or loses the next one, too.)
func (r *feedReader) read() (feed, error) {
	for {
		line, err := r.lines.ReadSlice('\n')
		skip := r.overrun
		r.overrun = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !r.overrun {
			return feed{}, err
		}
		if skip || r.overrun {
			continue
		}
		if f, ok := parseFeed(line[:len(line)-1]); ok {
			return f, nil
		}
	}
}

// parseFeed reads a line, without its end.
func parseFeed(line []byte) (f feed, ok bool) {
	fields := bytes.SplitN(line, []byte(" "), 5)
	if len(fields) < 5 {
		return feed{}, false
	}
	f.id = string(fields[1])
	flags, _ := strings.CutPrefix(string(fields[2]), "-")
	flags, f.close = strings.CutPrefix(flags, "c")
	f.signal, _ = strings.CutPrefix(flags, "s")
	length, err := strconv.Atoi(string(fields[3]))
	if err != nil || length > MaxFeed || !visible(f.id) || f.signal != "" && !slices.Contains(Signals, f.signal) {
		return feed{}, false
	}
	head := f.appendHead(nil, length)
	if !bytes.HasPrefix(line, head) {
		return feed{}, false
	}
	f.data, err = unescape(line[len(head):])
	return f, err == nil && len(f.data) == length
}

func visible(id string) bool {
	return id != "" && len(id) <= maxFeedID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}
