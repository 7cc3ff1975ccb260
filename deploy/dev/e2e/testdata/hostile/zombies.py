# Children whose deaths nobody asks for: PID 1 has to.
import os, time

for _ in range(300):
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
time.sleep(0.3)
left = 0
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            left += open("/proc/%s/stat" % name).read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            pass
print("zombies:", "few" if left < 10 else left)
