# Files that are large in name only take nothing: five hundred of 32 MiB.
import os

for i in range(500):
    fd = os.open("s%d" % i, os.O_WRONLY | os.O_CREAT)
    os.ftruncate(fd, 32 << 20)
    os.close(fd)
try:
    os.truncate("s0", 1 << 40)
    print("one is of 1 TiB")
except OSError as e:
    print(type(e).__name__)
