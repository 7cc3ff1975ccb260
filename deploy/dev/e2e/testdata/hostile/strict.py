# A filter of its own that forbids all, even to end.
import ctypes

print("before", flush=True)
ctypes.CDLL(None).prctl(22, 1, 0, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_STRICT
ctypes.CDLL(None).getpid()
