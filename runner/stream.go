//go:build linux

package runner

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	// What follows other output closely waits this long for more, so that a
	// script which prints byte by byte does not make a frame of each.
	gather = 20 * time.Millisecond
	// The first bytes of a character wait this long for its last.
	halfCharacter = 100 * time.Millisecond
)

// stream makes frames of what the script writes to one of its two outputs, in
// both steps of a job: one goroutine at a time. It holds less than one frame.
type stream struct {
	kind   Kind
	limit  int64 // bytes that are kept; 0: all
	teller *teller
	all    *ceiling

	bytes     int64 // that the script wrote
	sent      int64 // that are in frames
	truncated bool
	pending   []byte
	arrived   time.Time // what is pending, the last of it
	flushed   time.Time
}

// carry reads pipe to its end, or, once drained is set (and a read deadline
// that is past, to wake it), to where it is empty, for then nobody is left who
// could write. It closes the pipe.
func (s *stream) carry(pipe *os.File, drained *atomic.Bool) {
	defer pipe.Close() //nolint:errcheck // it was only read
	buf := make([]byte, 64<<10)
	for {
		_ = pipe.SetReadDeadline(s.due())
		if drained.Load() {
			_ = pipe.SetReadDeadline(time.Time{})
			s.rest(pipe, buf)
			break
		}
		n, err := pipe.Read(buf)
		s.take(buf[:n], time.Now())
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	s.flush(len(s.pending))
}

// rest takes what is in the pipe, without waiting. A process that outlives
// SIGKILL could write for ever, so there is an end to it: the largest pipe.
func (s *stream) rest(pipe *os.File, buf []byte) {
	for left := 16 << 20; left > 0; {
		n := readNow(pipe, buf)
		if n <= 0 {
			return
		}
		left -= n
		s.take(buf[:n], time.Now())
	}
}

func readNow(pipe *os.File, buf []byte) (n int) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), buf)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Read(int(fd), buf)
		}
		return true
	})
	return n
}

// due is when something has to be done although nothing comes; zero: never.
func (s *stream) due() time.Time {
	switch {
	case len(s.pending) == 0:
		return time.Time{}
	case whole(s.pending) == 0 && s.limit > 0 && s.limit-s.sent < utf8.UTFMax:
		return time.Time{} // its last bytes may be beyond the limit: then none is kept
	case whole(s.pending) == 0:
		return s.arrived.Add(halfCharacter)
	}
	return s.flushed.Add(gather)
}

// take counts b, keeps what there is room for, and sends what is due at now.
func (s *stream) take(b []byte, now time.Time) {
	s.bytes += int64(len(b))
	s.all.add(len(b))
	if len(b) > 0 && !s.truncated {
		s.keep(b)
		s.arrived = now
	}
	for len(s.pending) >= MaxPayload {
		s.flush(whole(s.pending[:MaxPayload]))
		s.flushed = now
	}
	if due := s.due(); due.IsZero() || now.Before(due) {
		return
	}
	if n := whole(s.pending); n > 0 {
		s.flush(n)
	} else {
		s.flush(len(s.pending))
	}
	s.flushed = now
}

// keep adds b to what is pending, up to the limit: there it cuts between
// characters if what is there is text, else where the limit is.
func (s *stream) keep(b []byte) {
	room := s.limit - s.sent - int64(len(s.pending))
	if s.limit == 0 || int64(len(b)) <= room {
		s.pending = append(s.pending, b...)
		return
	}
	s.truncated = true
	s.pending = append(s.pending, b[:room]...)
	n := whole(s.pending)
	next := append(append([]byte(nil), s.pending[n:]...), b[room:min(room+utf8.UTFMax, int64(len(b)))]...)
	if r, size := utf8.DecodeRune(next); !utf8.FullRune(next) || r != utf8.RuneError || size > 1 {
		s.pending = s.pending[:n]
	}
	s.flush(len(s.pending))
}

// flush sends the first n bytes of what is pending, in frames.
func (s *stream) flush(n int) {
	for n > 0 {
		size := n
		if size > MaxPayload {
			size = whole(s.pending[:MaxPayload])
		}
		s.teller.send(s.kind, s.sent, s.pending[:size])
		s.sent += int64(size)
		s.pending = s.pending[:copy(s.pending, s.pending[size:])]
		n -= size
	}
}

// whole is how much of b is left without a character (UTF-8) that only began.
// What is no text at all is whole.
func whole(b []byte) int {
	for i := len(b) - 1; i >= 0 && i > len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				break
			}
			return i
		}
	}
	return len(b)
}
