# Closes its output, and does other things with it.
import fcntl, os, sys

os.write(1, b"before\n")
fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)
try:
    fcntl.fcntl(1, 1031, 1 << 20)  # F_SETPIPE_SZ
    fcntl.fcntl(1, 8, 1)  # F_SETOWN: PID 1 gets its SIGIO
except OSError:
    pass
os.close(1)
try:
    os.write(1, b"after\n")
except OSError:
    pass
os.close(2)
os.close(0)
sys.exit(6)
