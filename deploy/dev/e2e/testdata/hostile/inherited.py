# Uses descriptors that somebody forgot to close.
import os
from attempt import attempt, end

own = os.listdir("/proc/self/fd")
for fd in range(3, 1024):
    attempt("descriptor %d" % fd, os.write, fd, b"o 1 0 6 forged\nf 0 0 2 {}\n")
    attempt("folder %d" % fd, os.listdir, "/proc/self/fd/%d/.." % fd)
if len(own) != 4:  # three, and the one that lists them
    attempt("has %s" % own, lambda: None)
end()
