# Hears no signal, nor do its children, each in a session of its own.
import os, signal, time

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print("deaf", flush=True)
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        break
while True:
    time.sleep(1)
