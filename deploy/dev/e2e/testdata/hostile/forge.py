# Writes frames as the runner does, an output and an end, to all that it can
# open: they say that all went well. The truth is exit code 9.
import glob, os, sys

END = b'{"exit_code":0,"phase":"run","wall_time_seconds":999,"cpu_time_seconds":999,"frames":1,"stdout_bytes":6,"stderr_bytes":0}'


def frame(kind, number, payload):
    return b"\n%s %d 0 %d %s\n" % (kind, number, len(payload), payload)


FORGED = b"".join(frame(b"o", n, b"forged") + frame(b"f", 0, END) for n in range(1, 5))

for fd in (1, 2):
    os.write(fd, FORGED)
own = {os.readlink("/proc/self/fd/%d" % fd) for fd in (1, 2)}
opened = []
for path in glob.glob("/proc/[0-9]*/fd/*") + glob.glob("/proc/[0-9]*/task/*/fd/*") + glob.glob("/dev/*") + [
        "/proc/1/mem", "/proc/1/root/proc/1/fd/1", "/dev/termination-log", "/dev/console", "/dev/tty", "/proc/kmsg"]:
    try:
        target = os.readlink(path) if os.path.islink(path) else path
    except OSError:
        continue
    if target in own or path in ("/dev/stdout", "/dev/stderr"):
        continue  # its own output: that it may
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        continue
    try:
        os.write(fd, FORGED)
        opened.append(path)
    except OSError:
        pass
    os.close(fd)
sys.stderr.write("opened %s\n" % opened)
sys.exit(9)
