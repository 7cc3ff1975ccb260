# Somebody goes on to change what was left, as long as it can.
import os, signal

with open("/out/a", "w") as f:
    f.write("a" * 1000)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            os.unlink("/out/a")
        except OSError:
            pass
        os.symlink("/etc/passwd", "/out/b")
        os.rename("/out/b", "/out/a")
        with open("/out/c", "w") as f:
            f.write("c")
        os.rename("/out/c", "/out/a")
import time
time.sleep(0.5)
print("left")
