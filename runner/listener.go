//go:build linux

package runner

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A process that ran out of descriptors may be gone, or have closed them,
// before anybody looks. So the kernel is asked to hold it for a moment when it
// exits, and when it is about to use or close the last descriptor that it can
// have: with a filter of seccomp(2) which the stage installs for the script and
// all that comes from it, and whose listener it hands to the runner. Where the
// kernel refuses that, as in gVisor, there is only the look at what runs.

// watchedCalls are those that a program does with a descriptor that it just
// got, and close. The kernel gives out the lowest that is free, so that the
// last is in use when all are, or when a program chose it (as bash does):
// that is for the runner to see.
var watchedCalls = []uint32{
	unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_LSEEK, unix.SYS_IOCTL, unix.SYS_FCNTL,
	unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_SETSOCKOPT,
}

// archs are AUDIT_ARCH_* of the machines that this was written for. On both,
// the low half of a system call's argument comes first.
var archs = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// notice is struct seccomp_notif, and answer seccomp_notif_resp, of linux/seccomp.h.
type notice struct {
	id         uint64
	pid, flags uint32
	call       [64]byte // struct seccomp_data
}

type answer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// filter is the program, in which offsets count instructions to be left out.
func filter(arch uint32, last int64) []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K

		offNumber, offArch, offArgument = 0, 4, 16 // in struct seccomp_data
	)
	n := uint8(len(watchedCalls))
	program := []unix.SockFilter{
		{Code: load, K: offArch},
		{Code: equal, K: arch, Jf: n + 4}, // to allow
		{Code: load, K: offNumber},
		{Code: equal, K: unix.SYS_EXIT_GROUP, Jt: n + 3}, // to ask
	}
	for i, call := range watchedCalls {
		program = append(program, unix.SockFilter{Code: equal, K: call, Jt: n - uint8(i)}) // to the argument
	}
	return append(program,
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: load, K: offArgument},
		unix.SockFilter{Code: equal, K: uint32(last), Jf: 1},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
	)
}

// install puts the filter on the thread that calls it, and on all that comes
// from it, and sends the listener through socket. It is no error if the kernel
// does not do it.
func install(socket int, last int64) error {
	arch, ok := archs[runtime.GOARCH]
	if !ok {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil //nolint:nilerr // as said
	}
	instructions := filter(arch, last)
	program := unix.SockFprog{Len: uint16(len(instructions)), Filter: &instructions[0]}
	listener := -1
	// Killable: a signal does not take a process out of a notice that was read.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER} {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program))) //nolint:gosec // a system call
		if errno == 0 {
			listener = int(fd)
			break
		}
	}
	if listener < 0 {
		return nil
	}
	defer unix.Close(listener) //nolint:errcheck // the runner has it now
	return os.NewSyscallError("sendmsg", unix.Sendmsg(socket, []byte{0}, unix.UnixRights(listener), nil, 0))
}

// listen receives the listener from socket and answers what it asks: go on, once
// look has looked at the process. It returns when stop closes the socket and
// the listener, which is when no process is left: without a listener a process
// would not get past its exit.
func (d *descriptors) listen() {
	defer close(d.done)
	listener, err := receive(d.socket)
	if err != nil {
		return // it was not sent
	}
	d.mu.Lock()
	d.listener = listener
	stopped := d.stopped
	d.mu.Unlock()
	if stopped {
		_ = listener.Close()
		return
	}
	conn, err := listener.SyscallConn()
	for err == nil {
		var gone error
		err = errors.Join(conn.Read(func(fd uintptr) bool { gone = d.answer(int(fd)); return !errors.Is(gone, unix.EAGAIN) }), gone)
	}
}

// answer takes one notice, without waiting for it: then it is EAGAIN.
func (d *descriptors) answer(listener int) error {
	poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
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
	if err := control(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil { //nolint:gosec // a system call
		return nil //nolint:nilerr // who asked was killed meanwhile
	}
	d.look(int(n.pid))
	a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	_ = control(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)) //nolint:gosec // as above; and it may be gone
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
