# Types into the terminals of others.
import fcntl, glob, os, termios
from attempt import attempt, end

if os.getpid() != os.getsid(0):
    os.setsid()
for path in ["/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"] + glob.glob("/dev/pts/[0-9]*"):
    def push():
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            fcntl.ioctl(fd, termios.TIOCSTI, b"x")
        finally:
            os.close(fd)
    attempt(path, push)
for fd in (0, 1, 2):
    attempt("TIOCSCTTY %d" % fd, fcntl.ioctl, fd, termios.TIOCSCTTY, 1)
end()
