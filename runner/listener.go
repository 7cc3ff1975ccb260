//go:build linux

package runner

import (
	"errors"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A process that ran out of descriptors may be gone, or have closed them,
// before anybody looks. So the kernel is asked to hold it for a moment when it
// exits, and when it is about to use or close the last descriptor that it can
// have: by the filter of ward.go, whose listener the stage hands to the runner.
// Where the kernel refuses that, as in gVisor, there is only the look at what
// runs.

// watchedCalls are those that a program does with a descriptor that it just
// got, and close. The kernel gives out the lowest that is free, so that the
// last is in use when all are, or when a program chose it (as bash does):
// that is for the runner to see.
var watchedCalls = []uint32{
	unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_LSEEK, unix.SYS_IOCTL, unix.SYS_FCNTL,
	unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_SETSOCKOPT,
}

// notice is struct seccomp_notif, and answer seccomp_notif_resp, of linux/seccomp.h.
type notice struct {
	id         uint64
	pid, flags uint32
	call       call
}

// call is struct seccomp_data of linux/seccomp.h.
type call struct {
	number    int32
	arch      uint32
	at        uint64
	arguments [6]uint64
}

type answer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// listener answers what the kernel asks about processes of the script.
type listener struct {
	files  *descriptors  // nil: there is no limit of them
	socket *os.File      // where it comes from
	done   chan struct{} // closed at the end of listen

	mu      sync.Mutex
	file    *os.File // nil: none came yet
	stopped bool
}

// listen receives the listener from socket and answers what it asks. It returns
// when stop closes the socket and the listener, which is when no process is left:
// without a listener a process would not get past its exit.
func (l *listener) listen() {
	defer close(l.done)
	file, err := receive(l.socket)
	if err != nil {
		return // it was not sent
	}
	l.mu.Lock()
	l.file = file
	stopped := l.stopped
	l.mu.Unlock()
	if stopped {
		_ = file.Close()
		return
	}
	conn, err := file.SyscallConn()
	for err == nil {
		var gone error
		err = errors.Join(conn.Read(func(fd uintptr) bool { gone = l.answer(int(fd)); return !errors.Is(gone, unix.EAGAIN) }), gone)
	}
}

// stop ends listen. No process may be left that could ask.
func (l *listener) stop() {
	_ = l.socket.Close()
	l.mu.Lock()
	l.stopped = true
	if l.file != nil {
		_ = l.file.Close()
	}
	l.mu.Unlock()
	<-l.done
}

// answer takes one notice, without waiting for it: then it is EAGAIN.
func (l *listener) answer(fd int) error {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, 0); errors.Is(err, unix.EINTR) {
		return nil
	} else if err != nil {
		return err
	}
	switch ready := poll[0].Revents; {
	case ready&unix.POLLIN == 0 && ready&(unix.POLLHUP|unix.POLLERR) != 0:
		return unix.EPIPE
	case ready&unix.POLLIN == 0:
		return unix.EAGAIN
	}
	var n notice
	if err := control(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil { //nolint:gosec // a system call
		return nil //nolint:nilerr // who asked was killed meanwhile
	}
	a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if forbidden(n.call) {
		a = answer{id: n.id, errno: -int32(unix.EPERM)}
	} else if l.files != nil {
		l.files.look(int(n.pid))
	}
	_ = control(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)) //nolint:gosec // as above; and it may be gone
	return nil
}

func control(fd int, request uint, argument unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}

// receive waits for the one descriptor that comes through socket.
func receive(socket *os.File) (file *os.File, err error) {
	conn, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	space := make([]byte, unix.CmsgSpace(4))
	var n int
	waited := conn.Read(func(fd uintptr) bool {
		_, n, _, _, err = unix.Recvmsg(int(fd), make([]byte, 1), space, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	if err = errors.Join(waited, err); err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(space[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(err, unix.EBADMSG)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(err, unix.EBADMSG)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that Go waits for it in its poller
		_ = unix.Close(fds[0])
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "listener"), nil
}
