# Makes namespaces of its own, in which it would be root, and enters others.
import os
from attempt import attempt, call, end

UNSHARE, SETNS, CLONE, CLONE3 = 272, 308, 56, 435
KINDS = {"user": 0x10000000, "mnt": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000, "time": 0x80}
for name, flag in KINDS.items():
    attempt("unshare " + name, call, UNSHARE, flag)
    attempt("unshare user and " + name, call, UNSHARE, flag | KINDS["user"])
for name in KINDS:
    for pid in ("self", "1"):
        def enter():
            call(SETNS, os.open("/proc/%s/ns/%s" % (pid, name), os.O_RDONLY), 0)
        attempt("enter %s of %s" % (name, pid), enter)


def clone():
    if call(CLONE, KINDS["user"] | 17, 0, 0, 0, 0) == 0:
        os._exit(0)


attempt("clone", clone)
end()
