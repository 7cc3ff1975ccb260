# Mounts, binds, moves and leaves file systems.
import ctypes, os
from attempt import attempt, call, end

MOUNT, UMOUNT, PIVOT, CHROOT = 165, 166, 155, 161
s = lambda text: ctypes.c_char_p(text.encode())
os.makedirs("m", exist_ok=True)
for kind in ("tmpfs", "proc", "sysfs", "cgroup", "cgroup2", "overlay", "devpts", "debugfs", "tracefs", "fuse", "ramfs"):
    attempt("mount " + kind, call, MOUNT, s("none"), s("m"), s(kind), 0, None)
attempt("bind /", call, MOUNT, s("/"), s("m"), None, 4096, None)
attempt("make / writable", call, MOUNT, None, s("/"), None, 32, None)
attempt("make / shared", call, MOUNT, None, s("/"), None, 1 << 20, None)
for path in ("/proc", "/sys", "/runner", "/job", "/work", "/proc/kcore", "/sys/firmware"):
    attempt("unmount " + path, call, UMOUNT, s(path), 2)
attempt("pivot", call, PIVOT, s("m"), s("m"))
attempt("chroot", call, CHROOT, s("m"))
attempt("open_tree", call, 428, -100, s("/"), 1)
attempt("fsopen", call, 430, s("tmpfs"), 0)
attempt("fspick", call, 433, -100, s("/"), 0)
attempt("move_mount", call, 429, -100, s("/work"), -100, s("m"), 0)
attempt("mount_setattr", call, 442, -100, s("/"), 0, ctypes.byref(ctypes.create_string_buffer(32)), 32)
end()
