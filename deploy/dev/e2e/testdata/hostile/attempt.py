# What attacks have in common: of all that is attempted nothing works. It lies
# beside each attack in Python.
import ctypes, errno, os, sys

_libc = ctypes.CDLL(None, use_errno=True)
_worked, _tried = [], 0


def attempt(name, f, *args):
    """Does f, and remembers if that is possible."""
    global _tried
    _tried += 1
    try:
        f(*args)
    except (OSError, ValueError, PermissionError):
        return
    _worked.append(name)


def call(number, *args):
    """Makes a system call of x86-64."""
    ctypes.set_errno(0)
    args = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    got = _libc.syscall(ctypes.c_long(number), *args)
    if got == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got


def read(path, size=1):
    """Reads a little of a file; that there is nothing in it is an error, too."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not os.read(fd, size):
            raise OSError(errno.ENODATA, path)
    finally:
        os.close(fd)


def write(path, text=b"1"):
    """Writes to a file that is there."""
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)


def end():
    """Tells, and exits."""
    if _worked:
        print("worked: " + ", ".join(_worked))
    elif not _tried:
        print("nothing was attempted")
    else:
        print("contained")
    sys.stdout.flush()
    os._exit(1 if _worked or not _tried else 0)
