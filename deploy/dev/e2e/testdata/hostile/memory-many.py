# Each takes little, all together too much.
import os, time

print("before", flush=True)
for _ in range(20):
    if os.fork() == 0:
        held = b"x" * (16 << 20)
        time.sleep(3)
        os._exit(len(held) & 1)
for _ in range(20):
    os.wait()
