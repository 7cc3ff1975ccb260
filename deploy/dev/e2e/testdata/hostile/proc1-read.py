# Looks into PID 1, which holds the way to the outside.
import os
from attempt import attempt, end, read

for name in ("mem", "environ", "maps", "smaps", "auxv", "pagemap", "stack", "syscall", "io", "numa_maps", "personality"):
    attempt(name, read, "/proc/1/" + name)
for name in ("exe", "cwd", "root", "ns/mnt", "ns/pid", "ns/net", "ns/user"):
    attempt("link " + name, os.readlink, "/proc/1/" + name)
for name in ("fd", "fdinfo", "map_files", "root", "cwd"):
    attempt("list " + name, os.listdir, "/proc/1/" + name)
for task in os.listdir("/proc/1/task"):
    attempt("memory of thread " + task, read, "/proc/1/task/%s/mem" % task)
    attempt("descriptors of thread " + task, os.listdir, "/proc/1/task/%s/fd" % task)
for fd in range(64):
    attempt("descriptor %d" % fd, os.open, "/proc/1/fd/%d" % fd, os.O_RDONLY | os.O_NONBLOCK)
end()
