# Makes PID 1 the last in the queue for a CPU, and takes them all.
import os, signal, time

for task in os.listdir("/proc/1/task"):
    for f in (lambda: os.sched_setscheduler(int(task), os.SCHED_IDLE, os.sched_param(0)),
              lambda: os.setpriority(os.PRIO_PROCESS, int(task), 19),
              lambda: os.sched_setaffinity(int(task), {0})):
        try:
            f()
        except OSError:
            pass
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("before", flush=True)
for _ in range(8):
    if os.fork() == 0:
        break
while True:
    pass
