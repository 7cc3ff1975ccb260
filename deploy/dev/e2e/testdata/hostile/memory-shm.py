# Files that are memory, and memory that is a file.
import ctypes, os

print("before", flush=True)
for i in range(16):
    fd = os.memfd_create(str(i))
    os.write(fd, b"x" * (8 << 20))
with open("/dev/shm/x", "wb") as f:
    while True:
        f.write(b"x" * (1 << 20))
