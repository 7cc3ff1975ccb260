# One after the other, in a child, and then an error.
import os, socket, sys, time

print("before", flush=True)
pid = os.fork()
if pid == 0:
    held = []
    try:
        while True:
            held.append(socket.socket())
            time.sleep(0.02)
    except OSError:
        os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
