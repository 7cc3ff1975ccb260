# A child does, and the main process ends well.
import os

print("before", flush=True)
if os.fork() == 0:
    held = []
    while True:
        held.append(b"x" * (8 << 20))
os.wait()
