# A filter of its own that forbids all, even to end.
import ctypes

print("before", flush=True)
libc = ctypes.CDLL(None)
kill = (ctypes.c_uint16 * 4)(6, 0, 0, 0x8000)  # one instruction: return SECCOMP_RET_KILL_PROCESS


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


libc.prctl(22, 2, ctypes.byref(Program(1, ctypes.addressof(kill))), 0, 0)
libc.getpid()
