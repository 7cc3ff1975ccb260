# Puts PID 1, by each of its threads, behind everybody else.
import ctypes, os
from attempt import attempt, call, end

SETPRIORITY, SETPARAM, SETSCHEDULER, SETAFFINITY, IOPRIO_SET, SETATTR = 141, 142, 144, 203, 251, 314
IDLE, IDLE_IO = 5, 3 << 13


class Attr(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("policy", ctypes.c_uint32), ("flags", ctypes.c_uint64), ("nice", ctypes.c_int32), ("rest", ctypes.c_uint8 * 28)]


zero, one, attr = ctypes.c_int(0), ctypes.c_ulong(1), Attr(48, IDLE)
for tid in map(int, os.listdir("/proc/1/task")):
    attempt(f"nice of {tid}", call, SETPRIORITY, 0, tid, 19)
    attempt(f"parameters of {tid}", call, SETPARAM, tid, ctypes.byref(zero))
    attempt(f"policy of {tid}", call, SETSCHEDULER, tid, IDLE, ctypes.byref(zero))
    attempt(f"attributes of {tid}", call, SETATTR, tid, ctypes.byref(attr), 0)
    attempt(f"CPUs of {tid}", call, SETAFFINITY, tid, 8, ctypes.byref(one))
    attempt(f"I/O of {tid}", call, IOPRIO_SET, 1, tid, IDLE_IO)
for user in (0, os.getuid()):
    attempt(f"nice of user {user}", call, SETPRIORITY, 2, user, 19)
    attempt(f"I/O of user {user}", call, IOPRIO_SET, 3, user, IDLE_IO)
attempt("nice of its group", call, SETPRIORITY, 1, 1, 19)
attempt("I/O of its group", call, IOPRIO_SET, 2, 1, IDLE_IO)
os.setpriority(os.PRIO_PROCESS, 0, 19)  # itself it may
os.sched_setaffinity(os.getpid(), os.sched_getaffinity(0))
end()
