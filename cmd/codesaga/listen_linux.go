package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// noticeDeadPeers bounds how long the connections of a listener may be without
// an acknowledgement (RFC 5482); they take it over from it.
func noticeDeadPeers(_, _ string, c syscall.RawConn) (err error) {
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadPeer.Milliseconds()))
	}); e != nil {
		return e
	}
	return err
}
