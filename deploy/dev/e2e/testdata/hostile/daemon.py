# Leaves a daemon behind that would print, and touch, for long.
import os, signal, sys, time

sys.stdout.write("parent\n")
sys.stdout.flush()
if os.fork() == 0:
    os.setsid()
    for s in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(s, signal.SIG_IGN)
    if os.fork() > 0:
        os._exit(0)
    for i in range(60):
        time.sleep(1)
        os.write(1, b"daemon\n")
    os._exit(0)
os.wait()
