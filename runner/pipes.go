//go:build linux

package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipes collects the ends of pipes. Ours wait in Go's poller and theirs block;
// all of them are closed on exec, but for theirs as the stage's 0, 1, 2, …
type pipes struct {
	ours   []*os.File
	theirs []uintptr
	err    error // the first
}

func (p *pipes) in() *os.File  { return p.open(1, pipe) }
func (p *pipes) out() *os.File { return p.open(0, pipe) }

// socket is the end of one that keeps messages apart.
func (p *pipes) socket() *os.File { return p.open(0, socketPair) }

func pipe(ends *[2]int) error { return unix.Pipe2(ends[:], unix.O_CLOEXEC) }

func socketPair(ends *[2]int) (err error) {
	*ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	return err
}

func (p *pipes) open(our int, make func(*[2]int) error) *os.File {
	var ends [2]int
	if p.err != nil {
		return nil
	}
	if p.err = make(&ends); p.err != nil {
		return nil
	}
	p.err = unix.SetNonblock(ends[our], true)
	file := os.NewFile(uintptr(ends[our]), "pipe")
	p.ours, p.theirs = append(p.ours, file), append(p.theirs, uintptr(ends[1-our]))
	return file
}

// same gives them the last one once more.
func (p *pipes) same() {
	if p.err != nil {
		return
	}
	fd, err := unix.FcntlInt(p.theirs[len(p.theirs)-1], unix.F_DUPFD_CLOEXEC, 0)
	if p.err = err; err == nil {
		p.theirs = append(p.theirs, uintptr(fd))
	}
}

func (p *pipes) closeTheirs() {
	for _, fd := range p.theirs {
		_ = unix.Close(int(fd))
	}
	p.theirs = nil
}

func (p *pipes) closeOurs() {
	for _, file := range p.ours {
		_ = file.Close()
	}
}
