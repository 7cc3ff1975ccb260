# Files that have no names are files.
import os

print("before", flush=True)
held = []
while True:
    f = open("x", "wb")
    os.unlink("x")
    f.write(b"x" * (1 << 20))
    f.flush()
    held.append(f)
