# Sends PID 1 all 64 signals, in a storm, from many processes at once: the last
# one is the one that it hears.
import os, signal, time

children = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        for _ in range(200):
            for number in range(1, 65):
                if number != signal.SIGTERM:
                    try:
                        os.kill(1, number)
                    except OSError:
                        pass
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
print("sent", flush=True)
os.kill(1, signal.SIGTERM)
time.sleep(25)
